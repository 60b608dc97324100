"""What the operator may look at and do: who waits, who is let in with what, and how that ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cockpit.model.identity import ClientName, Grant, GrantId, Scope
from cockpit.model.refusals import Refusal
from cockpit.model.text import Safe
from oauth.approval import Approvals, sorted_names
from oauth.changing import Changes
from oauth.documents import Documents
from oauth.keys import ApiKeys
from oauth.making import Made, Terms, create_service, mint_token
from oauth.revoking import Endings
from oauth.rotating import Rotated, Rotation
from oauth.state import State
from oauth.waiting import WaitingClient


@dataclass(frozen=True, slots=True)
class KnownName:
    """A name that the operator gave, with the hosts that it was given to and what they called themselves."""

    name: ClientName
    hosts: tuple[Safe, ...]
    claimed: tuple[Safe, ...]


class OperatorActs:
    """The operator's side of the authorization server."""

    def __init__(self, state: State, documents: Documents, keys: Path) -> None:
        self._state = state
        self._documents = documents
        self._approvals = Approvals(state)
        self._changes = Changes(state)
        self._endings = Endings(state)
        self._rotation = Rotation(state, keys)
        self._api_keys = ApiKeys(state)

    @property
    def stopped(self) -> bool:
        """Whether the kill switch keeps everyone out."""
        return self._state.stopped

    def waiting(self) -> tuple[WaitingClient, ...]:
        """Return the browsers that wait, in order of arrival; never their codes."""
        now = self._state.clock.now()
        return tuple(one.shown for one in self._state.room.waiting() if one.shown.decide_by > now)

    def by_code(self, code: str) -> WaitingClient | None:
        """Return the one request whose browser shows ``code``."""
        found = self._state.room.by_code(code)
        return found.shown if found is not None and found.shown.decide_by > self._state.clock.now() else None

    async def examine(self, request_id: str) -> WaitingClient | Refusal:
        """Return the request whose code was typed, with what its client's own document says of it.

        The document of a host that the settings don't name is fetched only now. One that can't be used ends the request.
        """
        return await self._documents.examine(request_id)

    def names(self) -> tuple[KnownName, ...]:
        """Return the names that were given, in order."""
        hosts: dict[ClientName, dict[Safe, None]] = {}
        claimed: dict[ClientName, dict[Safe, None]] = {}
        for given in sorted_names(self._state):
            hosts.setdefault(given.name, {})[given.host] = None
            claimed.setdefault(given.name, {})[given.claimed] = None
        return tuple(KnownName(name, tuple(hosts[name]), tuple(claimed[name])) for name in hosts)

    async def approve(
        self,
        request_id: str,
        name: ClientName,
        scopes: frozenset[Scope],
        connection: str,
        lives: timedelta | None,
        by: str,
        still: Callable[[], bool] = lambda: True,
    ) -> Grant | Refusal:
        """Let a waiting client in, while ``still`` says so. ``lives`` is cut to the life of refresh tokens; None takes all."""
        return await self._approvals.approve(request_id, name, scopes, connection, lives, by, still)

    async def deny(self, request_id: str, by: str) -> Refusal | None:
        """Turn a waiting client away."""
        return await self._approvals.deny(request_id, by)

    async def set_scopes(
        self,
        grant_id: GrantId,
        add: frozenset[Scope],
        drop: frozenset[Scope],
        by: str,
        lasts: timedelta | None = None,
    ) -> Grant | Refusal:
        """Change what a grant may do, from its next call on; what is added falls away after ``lasts``."""
        return await self._changes.set_scopes(grant_id, add, drop, by, lasts)

    async def set_connection(self, grant_id: GrantId, connection: str, by: str) -> Grant | Refusal:
        """Bind a grant to another connection, from its next call on."""
        return await self._changes.set_connection(grant_id, connection, by)

    async def set_expiry(
        self, grant_id: GrantId, lives: timedelta, by: str, *, longer: bool = False
    ) -> Grant | Refusal:
        """Let a grant end ``lives`` from now; later than it would have only where ``longer`` says so."""
        return await self._changes.set_expiry(grant_id, lives, by, longer=longer)

    async def revoke_client(self, client: str, by: str) -> tuple[GrantId, ...] | Refusal:
        """End every authority of a client, given its name or its client id, or one, given the grant's id."""
        return await self._endings.revoke_client(client, by)

    async def revoke_all(self, by: str) -> tuple[GrantId, ...] | Refusal:
        """End every authority for good."""
        return await self._endings.revoke_all(by)

    def kill_now(self) -> tuple[GrantId, ...]:
        """End every OAuth grant, code and waiting page, and suspend every key: in memory, at once."""
        return self._endings.kill_now()

    async def kill_durably(self, by: str) -> None:
        """Do the same on disk. Raises StoreBusy or StoreUnavailable; call it again then."""
        await self._endings.kill_durably(by)

    def reopen(self) -> None:
        """Let clients register and ask again. Nothing that died comes back."""
        self._state.stopped = False

    async def create_key(
        self, name: ClientName, scopes: frozenset[Scope], connection: str, lives: timedelta | None, by: str
    ) -> tuple[str, Grant] | Refusal:
        """Make an API key; its text is in this answer and nowhere else."""
        return await self._api_keys.create(name, scopes, connection, lives, by)

    def keys(self) -> tuple[Grant, ...]:
        """Return the API keys, suspended ones too."""
        return self._api_keys.all()

    async def mint_token(self, terms: Terms, by: str) -> Made | Refusal:
        """Sign one token that lives as long as its grant; its text is in this answer and nowhere else."""
        return await mint_token(self._state, terms, by)

    async def create_service(self, terms: Terms, by: str) -> Made | Refusal:
        """Make a client that gets its own tokens; its secret is in this answer and nowhere else."""
        return await create_service(self._state, terms, by)

    async def rotate_keys(self, by: str, *, at_once: bool = False) -> Rotated | Refusal:
        """Sign with a new key from now on; ``at_once`` lets nothing pass that the former one signed."""
        return await self._rotation.rotate(by, at_once=at_once)

    async def enable_key(self, name: ClientName, by: str) -> Refusal | None:
        """Let a key that the kill switch suspended work again."""
        return await self._api_keys.enable(name, by)

    async def revoke_key(self, name: ClientName, by: str) -> Refusal | None:
        """End an API key."""
        return await self._api_keys.revoke(name, by)
