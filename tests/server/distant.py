"""A control socket before a face that a test moves, and screens at a distance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cockpit.model.clock import SystemClock
from cockpit.model.events import Event
from cockpit.operator.act import Answer, Command, Done
from cockpit.operator.feed import Feed, FeedSubscription
from cockpit.operator.remote.remote_face import RemoteFace
from tests.tui.fake_face import FakeFace, busy_face

SOON = 5.0
"""Seconds after which what should have happened has not."""


@dataclass
class HostFace(FakeFace):
    """A fake face that publishes as the real one does."""

    feed: Feed = field(default_factory=Feed)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def subscribe(  # type: ignore[override]
        self, size: int = 50_000, wake: Callable[[Event], None] | None = None
    ) -> FeedSubscription:
        return self.feed.subscribe(size, wake)

    def publish(self, event: Event) -> None:
        self.feed.publish(event)

    async def run(self, command: Command) -> Answer:
        self.commands.append(command)
        await self.gate.wait()
        self.seen = replace(self.seen, version=self.seen.version + 1, url=f"after {command.act}")
        return self.answers.get(command.act, Done(f"done: {command.act}"))


def host_face() -> HostFace:
    """A busy host that answers at once."""
    busy = busy_face()
    face = HostFace(busy.seen, client_tickets=busy.client_tickets, order_tickets=busy.order_tickets)
    face.gate.set()
    return face


def screen(path: Path, *, read_only: bool = False) -> RemoteFace:
    """A face that is not attached yet."""
    return RemoteFace(path, SystemClock(), read_only=read_only, again_seconds=0.02)


async def until(holds: Callable[[], object]) -> None:
    """Go on as soon as something holds."""
    async with asyncio.timeout(SOON):
        while not holds():
            await asyncio.sleep(0.005)
