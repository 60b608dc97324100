"""Clients and keys: who is let in, with what, and who is turned away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cockpit.model.identity import CLIENT_NAME, READ_SCOPES, ClientName, Grant, Scope, Via, scope_text, scopes_of
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import Safe, is_plain, safe
from cockpit.model.trading import TradingState
from cockpit.operator.acts import Answer, Done
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.view import ClientTicket, PendingClient
from oauth.authority import WaitingClient

_PRODUCTS = ("claude", "chatgpt", "openai", "anthropic", "cursor", "vscode", "visual studio", "windsurf", "codex")
_HOSTS = {
    "claude": ("claude.ai", "claude.com"),
    "anthropic": ("claude.ai", "claude.com"),
    "chatgpt": ("chatgpt.com",),
    "openai": ("chatgpt.com",),
    "cursor": ("cursor.com", "www.cursor.com"),
    "vscode": ("vscode.dev", "insiders.vscode.dev"),
    "visual studio": ("vscode.dev", "insiders.vscode.dev"),
}
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator chose for a client or a key; None where nothing was said."""

    name: str | None
    scopes: str | None
    connection: str | None
    lives: timedelta | None


class LettingIn:
    """The acts about clients and keys."""

    def __init__(self, rooms: OperatorRooms) -> None:
        self._rooms = rooms

    def ticket(self, code: str) -> ClientTicket | Refusal:
        """Select the one request whose browser shows the code."""
        waiting = self._rooms.authority.by_code(code)
        if waiting is None:
            return refuse("CODE_UNKNOWN")
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
        )

    async def approve(self, code: str, wanted: Wanted, by: str) -> Answer:
        """Let in the client whose browser shows the code; writes only when named."""
        waiting = self._rooms.authority.by_code(code)
        if waiting is None:
            return refuse("CODE_UNKNOWN")
        connection = self._connection(wanted.connection)
        if isinstance(connection, Refusal):
            return connection
        asked = frozenset(waiting.asked) & READ_SCOPES & self._allowed(connection)
        scopes = asked if wanted.scopes is None else scopes_of(wanted.scopes)
        refusal = self._check_scopes(scopes, connection)
        if refusal is not None:
            return refusal
        name = wanted.name or self._suggest(waiting)[0]
        if not CLIENT_NAME.fullmatch(name):
            return refuse("NAME_BAD", name=safe(name, 60))
        grant = await self._rooms.authority.approve(
            waiting.request_id, ClientName(name), scopes, connection, wanted.lives, by
        )
        if isinstance(grant, Refusal):
            return grant
        return Done(f"{grant.client} may {scope_text(grant.scopes)} on {grant.connection}.", grant_json(grant))

    async def deny(self, code: str, by: str) -> Answer:
        """Turn a waiting client away, by its code or by the id of its request."""
        waiting = self._rooms.authority.by_code(code)
        request_id = waiting.request_id if waiting is not None else code
        refusal = await self._rooms.authority.deny(request_id, by)
        return refusal or Done("Turned away.", {"request_id": request_id})

    async def change_scopes(self, client: str, add: str | None, drop: str | None, by: str) -> Answer:
        """Change what a client may do, on each of its grants, from the next call on."""
        grants = [one for one in self._rooms.authority.grants() if client in {one.client, one.client_id}]
        if not grants:
            return refuse("CLIENT_UNKNOWN", client=safe(client, 60))
        if not add and not drop:
            return refuse("BAD_ACT_ARGUMENTS", "Name scopes to add or to drop.")
        more, fewer = scopes_of(add or ""), scopes_of(drop or "")
        for grant in grants:
            refusal = self._check_scopes(more, grant.connection) if more else None
            if refusal is not None:
                return refusal
        changed: list[Grant] = []
        for grant in grants:
            # Read again: what was granted may have changed while the one before was written.
            now = self._rooms.authority.live(grant.grant_id) or grant
            after = await self._rooms.authority.set_scopes(grant.grant_id, (now.scopes | more) - fewer, by)
            if isinstance(after, Grant):
                changed.append(after)
        if not changed:
            return refuse("CLIENT_UNKNOWN", client=safe(client, 60))
        says = f"{changed[0].client} may {scope_text(changed[0].scopes) or 'do nothing'}."
        return Done(says, [grant_json(grant) for grant in changed])

    async def revoke(self, client: str, by: str) -> Answer:
        """End every authority of a client."""
        ended = await self._rooms.authority.revoke_client(client, by)
        if isinstance(ended, Refusal):
            return ended
        return Done(f"{len(ended)} authorities of {safe(client, 60)} ended.", {"ended": len(ended)})

    async def create_key(self, wanted: Wanted, by: str) -> Answer:
        """Make an API key and show it once."""
        if self._rooms.switch.state is TradingState.KILLED:
            return refuse("KILL_SWITCH", "Resume first: while everything is stopped no key is made.")
        if not wanted.name or not wanted.scopes:
            return refuse("BAD_ACT_ARGUMENTS", "A key needs a name and at least one scope.")
        if not CLIENT_NAME.fullmatch(wanted.name):
            return refuse("NAME_BAD", name=safe(wanted.name, 60))
        connection = self._connection(wanted.connection)
        if isinstance(connection, Refusal):
            return connection
        scopes = scopes_of(wanted.scopes)
        refusal = self._check_scopes(scopes, connection)
        if refusal is not None:
            return refusal
        made = await self._rooms.authority.create_key(ClientName(wanted.name), scopes, connection, wanted.lives, by)
        if isinstance(made, Refusal):
            return made
        key, grant = made
        return Done(
            f"{key}\nShown this once; {grant.client} sends it as: Authorization: Bearer {key[:8]}…",
            {"name": grant.client, "key": key},
        )

    def list_keys(self) -> Answer:
        """List the keys, without the keys."""
        keys = self._rooms.authority.keys()
        rows = [{**grant_json(key), "suspended": key.suspended} for key in keys]
        return Done(f"{len(rows)} keys.", rows)

    async def enable_key(self, name: str, by: str) -> Answer:
        """Let a key that the kill switch stopped work again."""
        if self._rooms.switch.state is TradingState.KILLED:
            return refuse("KILL_SWITCH", "Resume first.")
        refusal = await self._rooms.authority.enable_key(ClientName(name), by)
        return refusal or Done(f"The key of {safe(name, 60)} works again.", {"name": name})

    async def revoke_key(self, name: str, by: str) -> Answer:
        """End an API key."""
        refusal = await self._rooms.authority.revoke_key(ClientName(name), by)
        return refusal or Done(f"The key of {safe(name, 60)} is dead.", {"name": name})

    def _connection(self, name: str | None) -> str | Refusal:
        names = self._rooms.connections.names()
        if name is None:
            return names[0] if len(names) == 1 else refuse("CHOOSE_CONNECTION", connections=", ".join(names))
        return (
            name if name in names else refuse("CONNECTION_UNKNOWN", connection=safe(name, 40), known=", ".join(names))
        )

    def _allowed(self, connection: str) -> frozenset[Scope]:
        found = self._rooms.connections.get(connection)
        return found.allowed if found is not None else frozenset()

    def _check_scopes(self, scopes: frozenset[Scope], connection: str) -> Refusal | None:
        over = scopes - self._allowed(connection)
        if over:
            return refuse("SCOPE_NOT_ALLOWED", scopes=scope_text(over), connection=connection)
        return None if scopes else refuse("SCOPE_NOT_ALLOWED", "Grant at least one scope.")

    def _suggest(self, waiting: WaitingClient) -> tuple[str, bool]:
        """Return a name for a waiting client: the known one whose host and claim fit, else a free one of its kind."""
        wanted = "".join(char for char in waiting.claimed_name if CLIENT_NAME.fullmatch(f"a{char}"))
        wanted = (wanted.strip(" .-_") or "client")[:40].lower().strip()
        taken = {known.name: known.hosts for known in self._rooms.authority.names()}
        for name, hosts in taken.items():
            if name.lower() == wanted and waiting.host in hosts:
                return name, True
        if wanted not in {name.lower() for name in taken}:
            return wanted, False
        number = 2
        while f"{wanted[:36]}-{number}".lower() in {name.lower() for name in taken}:
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
    )


def grant_json(grant: Grant) -> dict[str, object]:
    """Return a grant as ``--json`` shows it."""
    return {
        "name": grant.client,
        "client_id": grant.client_id,
        "host": grant.host,
        "via": grant.via,
        "scopes": [scope for scope in Scope if scope in grant.scopes],
        "connection": grant.connection,
        "made_at": grant.made_at.isoformat(),
        "expires_at": None if grant.expires_at is None else grant.expires_at.isoformat(),
        "is_key": grant.via is Via.KEY,
    }


def _warnings(waiting: WaitingClient) -> list[Safe]:
    warnings: list[Safe] = []
    claimed = waiting.claimed_name.lower()
    product = next((name for name in _PRODUCTS if name in claimed), None)
    if product is not None and waiting.host not in _LOCAL and waiting.host not in _HOSTS.get(product, ()):
        warnings.append(safe(f"It calls itself {waiting.claimed_name!r}, but its host is {waiting.host}."))
    if waiting.host in _LOCAL:
        warnings.append(Safe("It runs on the computer of whoever opened the page: any local program can claim this."))
    if not is_plain(waiting.claimed_name):
        warnings.append(Safe("Its name has characters that are not plain ASCII."))
    return warnings
