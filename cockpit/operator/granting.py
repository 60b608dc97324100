"""What clients that were let in may do, until when, and the end of it."""

from __future__ import annotations

from collections.abc import Sequence

from cockpit.desk.read_only import ReadOnlyClients
from cockpit.model.identity import WRITE_SCOPES, Grant, scope_text, scopes_of
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import counted, safe
from cockpit.operator.act import Answer, Done
from cockpit.operator.meant import grants_meant
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.terms import check_scopes, grant_json
from cockpit.operator.wire import duration


class Granting:
    """The acts about authorities that live. Each is about all of a client's, or about the one whose id is named."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms
        self._read_only = ReadOnlyClients(rooms.settings.clients)

    async def scopes(self, given: dict[str, str], by: str) -> Answer:
        """Change what a client may do, from the next call on; what is added may fall away by itself."""
        more, fewer = scopes_of(given.get("add", "")), scopes_of(given.get("drop", ""))
        lasts = duration(given["for"]) if "for" in given else None
        if not more and not fewer:
            return refuse("BAD_ACT_ARGUMENTS", "Name scopes to add or to drop.")
        if lasts is not None and not more:
            return refuse("BAD_ACT_ARGUMENTS", "--for is about scopes that are added; name some.")
        grants = self._grants(given["client"])
        if isinstance(grants, Refusal):
            return grants
        for grant in grants:
            if more & WRITE_SCOPES and grant.client in self._read_only:
                return refuse("SCOPE_NOT_ALLOWED", "The settings let that client only read.", client=grant.client)
            refusal = check_scopes(self._rooms, more, grant.connection) if more else None
            if refusal is not None:
                return refusal
        changed: list[Grant] = []
        for grant in grants:
            after = await self._rooms.authority.set_scopes(grant.grant_id, more, fewer, by, lasts)
            if isinstance(after, Grant):
                changed.append(after)
            elif after.code != "CLIENT_UNKNOWN":
                return after
        if not changed:
            return _unknown(given["client"])
        return Done(_says(changed[0]), [grant_json(grant) for grant in changed])

    async def expire(self, given: dict[str, str], by: str) -> Answer:
        """Move the end of a client's authority, counted from now."""
        if "for" not in given:
            return refuse("BAD_ACT_ARGUMENTS", "Say how long it lives from now on: --for 30m, 8h or 7d.")
        grants = self._grants(given["client"])
        if isinstance(grants, Refusal):
            return grants
        changed: list[Grant] = []
        for grant in grants:
            after = await self._rooms.authority.set_expiry(
                grant.grant_id, duration(given["for"]), by, longer="longer" in given
            )
            if isinstance(after, Refusal):
                return after
            changed.append(after)
        ends = changed[0].expires_at
        return Done(f"{changed[0].client} is let in until {ends:%Y-%m-%d %H:%M:%S} UTC.", [*map(grant_json, changed)])

    async def revoke(self, given: dict[str, str], by: str) -> Answer:
        """End every authority of a client, or one."""
        ended = await self._rooms.authority.revoke_client(given["client"], by)
        if isinstance(ended, Refusal):
            return ended
        return Done(
            f"{counted(len(ended), 'authority', 'authorities')} of {safe(given['client'], 60)} ended.",
            {"ended": len(ended)},
        )

    async def revoke_all(self, given: dict[str, str], by: str) -> Answer:
        """End every authority for good, without stopping anything."""
        ended = await self._rooms.authority.revoke_all(by)
        if isinstance(ended, Refusal):
            return ended
        return Done(f"{counted(len(ended), 'authority', 'authorities')} ended.", {"ended": len(ended)})

    def _grants(self, client: str) -> Sequence[Grant] | Refusal:
        return grants_meant(self._rooms.authority.grants(), client) or _unknown(client)


def _unknown(client: str) -> Refusal:
    return refuse("CLIENT_UNKNOWN", client=safe(client, 60))


def _says(grant: Grant) -> str:
    timed = "".join(f" {one.scope} only until {one.until:%Y-%m-%d %H:%M:%S} UTC." for one in grant.timed)
    return f"{grant.client} may {scope_text(grant.scopes) or 'do nothing'}.{timed}"
