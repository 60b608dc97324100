"""Clients that wait: who is let in, with what, and who is turned away."""

from __future__ import annotations

from cockpit.model.identity import (
    CLIENT_NAME,
    READ_SCOPES,
    ClientName,
    Scope,
    may_be_client,
    scope_text,
    scopes_of,
)
from cockpit.model.products import LOCAL_HOSTS, claimed_product
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import Safe, is_plain, safe
from cockpit.operator.act import Answer, Done
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.terms import Wanted, allowed_on, check_scopes, connection_for, grant_json
from cockpit.operator.view import ClientTicket, PendingClient
from oauth.authority import WaitingClient
from oauth.redirects import is_local
from oauth.web.choosing import Seen


class LettingIn:
    """The acts about clients that wait."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    async def ticket(self, code: str) -> ClientTicket | Refusal:
        """Select the one request whose browser shows the code."""
        waiting = await self._typed(code)
        if isinstance(waiting, Refusal):
            return waiting
        name, known = self._suggest(waiting)
        allowed = tuple(
            (one.name, tuple(scope for scope in Scope if scope in one.allowed)) for one in self._rooms.connections
        )
        preselected = tuple(scope for scope in Scope if scope in waiting.asked and scope in READ_SCOPES)
        return ClientTicket(
            pending_of(waiting),
            safe(waiting.redirect_uri, 300),
            name,
            known,
            allowed,
            preselected,
            tuple(_warnings(waiting)),
            waiting.alike,
        )

    async def approve(self, code: str, wanted: Wanted, by: str) -> Answer:
        """Let in the client whose browser shows the code; writes only when named."""
        waiting = await self._typed(code)
        if isinstance(waiting, Refusal):
            return waiting
        connection = connection_for(self._rooms, wanted.connection)
        if isinstance(connection, Refusal):
            return connection
        asked = frozenset(waiting.asked) & READ_SCOPES & allowed_on(self._rooms, connection)
        scopes = asked if wanted.scopes is None else scopes_of(wanted.scopes)
        refusal = check_scopes(self._rooms, scopes, connection)
        if refusal is not None:
            return refusal
        name = wanted.name or self._suggest(waiting)[0]
        if not may_be_client(name):
            return refuse("NAME_BAD", name=safe(name, 60))
        grant = await self._rooms.authority.approve(
            waiting.request_id, ClientName(name), scopes, connection, wanted.lives, by
        )
        if isinstance(grant, Refusal):
            return grant
        return Done(f"{grant.client} may {scope_text(grant.scopes)} on {grant.connection}.", grant_json(grant))

    async def seen(self, request_id: str) -> Seen | Refusal:
        """Show a request to the operator who signed in where it waits."""
        waiting = await self._rooms.authority.examine(request_id)
        if isinstance(waiting, Refusal):
            return waiting
        allowed = tuple((one.name, one.allowed) for one in self._rooms.connections)
        name, known = self._suggest(waiting)
        return Seen(waiting, name, known, tuple(_warnings(waiting)), allowed)

    async def deny(self, code: str, by: str) -> Answer:
        """Turn a waiting client away, by its code or by the id of its request."""
        waiting = self._rooms.authority.by_code(code)
        request_id = waiting.request_id if waiting is not None else code
        refusal = await self._rooms.authority.deny(request_id, by)
        return refusal or Done("Turned away.", {"request_id": request_id})

    async def _typed(self, code: str) -> WaitingClient | Refusal:
        """Select a request by its code, with what its client's own document says by now."""
        waiting = self._rooms.authority.by_code(code)
        return refuse("CODE_UNKNOWN") if waiting is None else await self._rooms.authority.examine(waiting.request_id)

    def _suggest(self, waiting: WaitingClient) -> tuple[str, bool]:
        """Return a name for a waiting client: the known one whose host and claim fit, else a free one of its kind.

        The operator may have named it otherwise than it calls itself; what fits two names is left to the operator.
        """
        wanted = "".join(char for char in waiting.claimed_name if CLIENT_NAME.fullmatch(f"a{char}"))
        wanted = (wanted.strip(" .-_") or "client")[:40].lower().strip()
        known = self._rooms.authority.names()
        for one in known:
            if one.name.lower() == wanted and waiting.host in one.hosts:
                return one.name, True
        fitting = [one for one in known if waiting.host in one.hosts and waiting.claimed_name in one.claimed]
        if len(fitting) == 1:
            return fitting[0].name, True
        taken = {one.name.lower() for one in known}
        if wanted not in taken and may_be_client(wanted):
            return wanted, False
        number = 2
        while f"{wanted[:36]}-{number}".lower() in taken:
            number += 1
        return f"{wanted[:36]}-{number}", False


def pending_of(waiting: WaitingClient) -> PendingClient:
    """Return what may be shown of a waiting client: everything but its code."""
    return PendingClient(
        waiting.request_id,
        safe(waiting.claimed_name, 80),
        safe(waiting.host, 120),
        safe(waiting.address, 60),
        tuple(scope for scope in Scope if scope in waiting.asked),
        waiting.asked_at,
        waiting.decide_by,
        waiting.unfetched,
        _is_flagged(waiting),
    )


def _is_flagged(waiting: WaitingClient) -> bool:
    product = claimed_product(waiting.claimed_name)
    return product is not None and waiting.host not in (*product.hosts, *LOCAL_HOSTS)


def _warnings(waiting: WaitingClient) -> list[Safe]:
    warnings: list[Safe] = []
    if _is_flagged(waiting):
        warnings.append(safe(f"It calls itself {waiting.claimed_name!r}, but its host is {waiting.host}."))
    if is_local(waiting.redirect_uri):
        warnings.append(Safe("It runs on the computer of whoever opened the page: any local program can claim this."))
    elif waiting.redirect_host != waiting.host:
        warnings.append(safe(f"Its code goes to another host: {waiting.redirect_host}."))
    if waiting.changed:
        warnings.append(Safe("Its own description has changed since you let it in: its name, or where codes go."))
    if not is_plain(waiting.claimed_name):
        warnings.append(Safe("Its name has characters that are not plain ASCII."))
    return warnings
