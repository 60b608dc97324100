"""Clients whose orders go to a paper connection while they read their own, and the authorities as the order path sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from cockpit.desk.gate import Grants
from cockpit.model.clock import Clock
from cockpit.model.identity import Grant, GrantId
from cockpit.model.refusals import Refusal, refuse
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.times import to_micros
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write

OFF: Final = "off"
"""What the operator says instead of a connection."""


class Shadows:
    """Which client's orders go where: where the operator says, but a shadow of the settings stays one."""

    def __init__(self, settings: Mapping[str, str], store: Store, clock: Clock) -> None:
        self._settings = {client.casefold(): connection for client, connection in settings.items() if connection}
        self._store = store
        self._clock = clock
        self._said: dict[str, str] = {}

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
        if connection:
            self._said[key] = connection
        write = Write(
            "INSERT OR REPLACE INTO shadows (client, connection, at, by) VALUES (?, ?, ?, ?)",
            (key, connection, to_micros(now), by),
        )
        detail = {"connection": connection or OFF, "by": by}
        try:
            await self._store.commit([write], [AuditEntry(now, "client", client=client, tool="shadow", detail=detail)])
        except (StoreUnavailable, StoreBusy):
            says = "The shadow holds until the next start; the database can't be written." if connection else None
            return refuse("AUDIT_UNAVAILABLE", says)
        self._said[key] = connection
        return None


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
