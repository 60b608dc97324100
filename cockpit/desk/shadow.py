"""Clients whose orders go to a paper connection while they read their own, and the authorities as the order path sees them."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Final

from cockpit.desk.gate import Grants
from cockpit.desk.lowering import Lowering
from cockpit.model.clock import Clock
from cockpit.model.identity import Grant, GrantId
from cockpit.model.refusals import Refusal, refuse
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.times import to_micros
from cockpit.store.writes import Write

OFF: Final = "off"
"""What the operator says instead of a connection."""


class Shadows:
    """Which client's orders go where: where the operator says, but a shadow of the settings stays one."""

    def __init__(self, settings: Mapping[str, str], store: Store, clock: Clock) -> None:
        self._settings = {client.casefold(): connection for client, connection in settings.items() if connection}
        self._store = store
        self._clock = clock
        self._said: dict[str, str] = {}
        self._lowering = Lowering()

    async def load(self) -> None:
        """Read what the operator said."""
        rows = await self._store.rows("SELECT client, connection FROM shadows")
        self._said = {row["client"]: row["connection"] for row in rows}

    def of(self, client: str) -> str:
        """Return the connection that gets a client's orders; empty where its own does."""
        key = client.casefold()
        return self._said.get(key) or self._settings.get(key, "")

    def may_lift(self, client: str) -> Refusal | None:
        """Refuse where the settings give a client its shadow: what is set at run time never exceeds the file."""
        shadow = self._settings.get(client.casefold(), "")
        return refuse("SHADOW_IN_FILE", shadow=shadow) if shadow else None

    async def set(self, client: str, connection: str, by: str) -> Refusal | None:
        """Send a client's orders to a paper connection, at once; or, with an empty name, to its own once that is durable.

        A shadow that the settings give is lifted there alone.
        """
        key, now = client.casefold(), self._clock.now()
        refusal = None if connection else self.may_lift(client)
        if refusal is not None:
            return refusal
        write = Write(
            "INSERT OR REPLACE INTO shadows (client, connection, at, by) VALUES (?, ?, ?, ?)",
            (key, connection, to_micros(now), by),
        )
        detail = {"connection": connection or OFF, "by": by}
        entry = AuditEntry(now, "client", client=client, tool="shadow", detail=detail)

        def apply() -> None:
            self._said[key] = connection

        def commit() -> Awaitable[object]:
            return self._store.commit([write], [entry])

        if not connection:
            return await self._lowering.rise(key, apply, commit)
        says = "The shadow holds until the next start; the database can't be written."
        return await self._lowering.lower(key, apply, commit, says)


class OrderGrants:
    """Authorities with the connection that gets their orders: what the order path may send by."""

    def __init__(self, grants: Grants, shadows: Shadows) -> None:
        self._grants = grants
        self._shadows = shadows

    def live(self, grant_id: GrantId) -> Grant | None:
        """Return an authority that is alive, bound to where its orders go now."""
        grant = self._grants.live(grant_id)
        if grant is None:
            return None
        shadow = self._shadows.of(grant.client)
        return replace(grant, connection=shadow) if shadow else grant
