"""Arm and disarm: whether orders may open positions with real money, as the operator says and for how long."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from cockpit.desk.arming import Armed
from cockpit.desk.connections import Connection
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Answer, Done
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.wire import duration


class ArmingActs:
    """The acts about arming. That a code is due is decided before they come here."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    async def arm(self, given: dict[str, str], by: str) -> Answer:
        """Arm a live connection, where it is fit and the examination of the host finds nothing wrong."""
        connection = self._connection(given["connection"])
        if isinstance(connection, Refusal):
            return connection
        longest = timedelta(hours=connection.settings.arm_hours)
        lasts = duration(given["for"]) if "for" in given else longest
        if lasts > longest:
            return refuse("LIFE_BOUNDED", f"It is armed for at most {connection.settings.arm_hours} h at a time.")
        refusal = self._rooms.arming.unfit(connection)
        if refusal is not None:
            return refusal
        wrong = await asyncio.to_thread(self._rooms.examined)
        if wrong:
            more = f" And {len(wrong) - 1} more." if len(wrong) > 1 else ""
            return refuse("DOCTOR_NOT_CLEAN", f"`cockpit doctor` finds: {wrong[0]}{more}")
        armed = await self._rooms.arming.arm(connection, lasts, by)
        if isinstance(armed, Refusal):
            return armed
        return Done(
            f"{connection.name} is armed until {armed.until:%H:%M} UTC: orders may open positions.", _json(armed)
        )

    async def disarm(self, given: dict[str, str], by: str) -> Answer:
        """Disarm a connection; one that was not armed stays as it is."""
        connection = self._connection(given["connection"])
        if isinstance(connection, Refusal):
            return connection
        was = self._rooms.arming.disarm(connection.name, by)
        says = f"{connection.name} is disarmed: only what reduces a position passes."
        return Done(
            says if was else f"{connection.name} was not armed.", {"connection": connection.name, "armed": False}
        )

    def _connection(self, name: str) -> Connection | Refusal:
        name, known = name.strip(), self._rooms.connections
        found = known.get(name)
        if found is None:
            return refuse("CONNECTION_UNKNOWN", connection=safe(name, 40), known=", ".join(known.names()))
        return found


def _json(armed: Armed) -> dict[str, object]:
    return {
        "connection": armed.connection,
        "armed": True,
        "since": armed.since.isoformat(timespec="milliseconds"),
        "until": armed.until.isoformat(timespec="milliseconds"),
    }
