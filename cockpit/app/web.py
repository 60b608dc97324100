"""Builds the operator's sign-in at a web page, where the settings want it; its libraries are loaded only then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cockpit.operator.letting_in import LettingIn
from cockpit.operator.rooms import OperatorRooms

if TYPE_CHECKING:
    from oauth.web.access import WebAccess


async def web_access(rooms: OperatorRooms, origin: str, limit: Callable[[str], int | None]) -> WebAccess:
    """Build it and take up what was set before. ``limit`` counts the tries of an address."""
    from oauth.web.access import WebAccess
    from oauth.web.config import WebConfig

    section = rooms.settings.web
    config = WebConfig(origin, section.idle_minutes * 60, section.absolute_hours * 3600, section.failures_per_hour)
    web = WebAccess(
        config, rooms.authority, rooms.totp, rooms.store, rooms.clock, rooms.feed.publish, LettingIn(rooms).seen, limit
    )
    await web.load()
    return web
