"""Limits and latches as the operator sees and moves them: lowering is instant, raising is asked for twice."""

from __future__ import annotations

from typing import Final

from cockpit.desk.connections import Connection
from cockpit.desk.limits import Holder
from cockpit.model.identity import CLIENT_NAME
from cockpit.model.latches import Latch
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Answer, Done
from cockpit.operator.acts import LIMITS_SET
from cockpit.operator.rooms import OperatorRooms
from cockpit.settings.policy import TIGHTENS, limit_words

_PREFIXES: Final = {f"{holder}:": holder for holder in Holder}


class Limiting:
    """The acts about limits."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    async def show(self, given: dict[str, str], by: str) -> Answer:
        """Every limit of every connection, as it holds for a client, and what is left."""
        client = given.get("client", "")
        rooms, oversight = self._rooms, self._rooms.oversight
        if client and not self._is_known(client):
            return refuse("CLIENT_UNKNOWN", client=safe(client, 60))
        left: list[dict[str, object]] = []
        limits: list[dict[str, object]] = []
        for connection in rooms.connections:
            count = sum(1 for one in rooms.book.open() if one.connection == connection.name)
            for row in oversight.left(connection, client, count).limits:
                said = {"limit": row.name, "at_most": row.limit, "used": row.used, "left": row.left}
                left.append({"connection": connection.name, **said})
            limits.extend(self._limits(connection, client))
        latches = [latch_json(latch) for latch in oversight.latches.all()]
        whose = f" for {client}" if client else ""
        says = f"Limits{whose}. {len(latches)} latched." if latches else f"Limits{whose}. Nothing is latched."
        return Done(says, {"latches": latches, "left": left, "limits": limits})

    async def set(self, given: dict[str, str], by: str) -> Answer:
        """Set a limit of a connection or a client for now and after restarts, within what the file allows."""
        holder, name = self._holder(given["name"])
        if holder is None:
            return refuse("CLIENT_UNKNOWN", "There is no connection and no client of that name.", name=safe(name, 60))
        connection = self._rooms.connections.get(name) if holder is Holder.CONNECTION else None
        file = None if connection is None else connection.settings.policy
        limits = self._rooms.oversight.limits
        key = given["limit"].strip().lower().replace("-", "_")
        found = limits.change(holder, name, key, given["value"], file)
        if isinstance(found, Refusal):
            return found
        change, value = found
        says = f"{key} of {holder} {name}: {change.before} -> {change.after}"
        if change.loosens and given.get("raise") is None:
            return refuse("WORD_MISSING", f"{says} lets more through; say {LIMITS_SET.command} with --raise.")
        refusal = await limits.apply(change, value, by)
        return refusal or Done(
            f"{says}.", {"of": holder, "name": name, "limit": key, "old": change.before, "new": change.after}
        )

    async def release(self, given: dict[str, str], by: str) -> Answer:
        """Release a latch; what it was set for is counted anew."""
        released = await self._rooms.oversight.release(given["latch"].strip(), by)
        if isinstance(released, Refusal):
            return released
        return Done(f"Released {safe(released, 80)}; what it was set for is counted anew.", {"released": released})

    def _limits(self, connection: Connection, client: str) -> list[dict[str, object]]:
        limits = self._rooms.oversight.limits
        policy, file = limits.policy(connection, client), connection.settings.policy
        own = {**limits.own(Holder.CONNECTION, connection.name), **limits.own(Holder.CLIENT, client)}
        return [
            {
                "connection": connection.name,
                "limit": key,
                "value": limit_words(getattr(policy, key)),
                "file": limit_words(getattr(file, key)),
                "set_by_you": key in own,
            }
            for key in TIGHTENS
        ]

    def _holder(self, text: str) -> tuple[Holder | None, str]:
        """Return whose limit is meant; ``client:NAME`` tells a client from a connection of the same name."""
        for prefix, holder in _PREFIXES.items():
            if text.startswith(prefix):
                name = text.removeprefix(prefix)
                known = name in self._rooms.connections.names() if holder is Holder.CONNECTION else self._is_known(name)
                return (holder if known else None), name
        if text in self._rooms.connections.names():
            return Holder.CONNECTION, text
        return (Holder.CLIENT if self._is_known(text) else None), text

    def _is_known(self, client: str) -> bool:
        if not CLIENT_NAME.fullmatch(client):
            return False
        authority = self._rooms.authority
        known = {one.name for one in authority.names()} | {
            one.client for one in (*authority.grants(), *authority.keys())
        }
        return client.casefold() in {name.casefold() for name in (*known, *self._rooms.settings.clients)}


def latch_json(latch: Latch) -> dict[str, object]:
    """Return a latch as ``--json`` shows it."""
    return {"latch": latch.latch_id, "since": latch.since.isoformat(), "reason": latch.reason}
