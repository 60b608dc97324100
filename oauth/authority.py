"""The authorization server as the rest of the cockpit sees it: one door, and the operator's acts."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import Caller, ClientName, Grant, GrantId, Scope, fallen
from cockpit.model.refusals import Refusal
from cockpit.model.text import Safe, safe
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable
from oauth import door, records
from oauth.approval import Approvals, sorted_names
from oauth.changing import Changes
from oauth.client_keys import ClientKeys
from oauth.config import AuthorityConfig
from oauth.consent import Consent
from oauth.decision import Random
from oauth.documents import Documents
from oauth.door import TokenProblem
from oauth.endpoints import Endpoints
from oauth.fetch import Fetch, out_of_reach
from oauth.keys import ApiKeys
from oauth.making import Made, Terms, create_service, mint_token
from oauth.metadata import well_known
from oauth.pages import Pages
from oauth.registering import Registrations
from oauth.revoking import Endings
from oauth.rotating import Rotated, Rotation
from oauth.signing import load_keys
from oauth.state import State
from oauth.tokens import TokenSigner
from oauth.waiting import WaitingClient

__all__ = ["Authority", "AuthorityConfig", "KnownName", "Made", "Rotated", "Terms", "TokenProblem", "WaitingClient"]

_SWEEP_SECONDS = 1.0
_CLOCK_BEHIND = timedelta(minutes=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KnownName:
    """A name that the operator gave, with the hosts that it was given to and what they called themselves."""

    name: ClientName
    hosts: tuple[Safe, ...]
    claimed: tuple[Safe, ...]


class Authority:
    """Authorization server and token check. An async context manager: it loads what lives, and sweeps what expires.

    Grants live in memory from the moment of their approval; the database is for the next start. A grant that is
    approved is worth nothing until its browser has fetched the code and its client has redeemed it; one that nobody
    redeems ends by itself.
    """

    def __init__(
        self,
        config: AuthorityConfig,
        store: Store,
        clock: Clock,
        keys: Path,
        publish: Callable[[Event], None],
        *,
        random: Random = secrets.token_bytes,
        fetch: Fetch = out_of_reach,
    ) -> None:
        if os.environ.get("AUTHLIB_INSECURE_TRANSPORT"):
            raise ValueError("AUTHLIB_INSECURE_TRANSPORT is set; it would allow tokens over plain http")
        self.config = config
        self._keys_folder = keys
        self._state = State(config, store, clock, publish, random)
        pages = Pages(config.secure)
        self._documents = Documents(self._state, fetch)
        self.consent = Consent(self._state, pages, self._documents)
        """What browsers see."""
        self._client_keys = ClientKeys(self._state, fetch)
        self.endpoints = Endpoints(self._state, self._client_keys)
        """What clients call with what they have."""
        self.registrations = Registrations(self._state)
        """Where clients register."""
        self.style = pages.style()
        self.documents: Mapping[str, Mapping[str, object]] = well_known(config)
        """Metadata by path."""
        self._approvals = Approvals(self._state)
        self._changes = Changes(self._state)
        self._endings = Endings(self._state)
        self._rotation = Rotation(self._state, keys)
        self._api_keys = ApiKeys(self._state)
        self._sweeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # At DEBUG Authlib logs whole tokens.
        logging.getLogger("authlib").setLevel(logging.INFO)
        state = self._state
        state.signer = TokenSigner(self.config, load_keys(self._keys_folder, state.clock.now()))
        for stored in await records.open_grants(state.store):
            state.live.put(stored)
        await self._set_clock()
        state.names.update(await records.given_names(state.store))
        await self._client_keys.load()
        await self.registrations.load()
        self._sweeper = asyncio.create_task(self._sweep_on(), name="oauth sweeper")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
            self._sweeper = None
        await self._documents.close()
        await self._client_keys.close()
        try:
            await self._endings.close()
        except (StoreBusy, StoreUnavailable) as failed:
            _log.warning("what has ended could not be written: %s", failed)

    def jwks(self) -> Mapping[str, object]:
        """Return the public halves of the signing keys as a JWK set."""
        return self._state.signer.jwks()

    # for the gate and the door

    def live(self, grant_id: GrantId) -> Grant | None:
        """Return a grant that may be used now; None when it has ended, expired or is suspended."""
        return self._state.live.usable(grant_id)

    def touched(self, grant_id: GrantId) -> datetime | None:
        """Return when a grant was used last."""
        use = self._state.live.touched(grant_id)
        return None if use is None else use.at

    def last_address(self, grant_id: GrantId) -> str:
        """Return from where a grant was used last; empty where it never was."""
        use = self._state.live.touched(grant_id)
        return "" if use is None else use.address

    def grants(self) -> tuple[Grant, ...]:
        """Return every grant that has not ended, oldest first; suspended keys are among them and say so."""
        now = self._state.clock.now()
        return tuple(fallen(stored.grant, now) for stored in self._state.live.all())

    def check(self, authorization: str | None, address: str) -> Caller | TokenProblem:
        """Return who sends this Authorization header."""
        return door.check(self._state, authorization, address)

    # for the operator

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
    ) -> Grant | Refusal:
        """Let a waiting client in. ``lives`` is cut to the life of refresh tokens; None takes all of it."""
        return await self._approvals.approve(request_id, name, scopes, connection, lives, by)

    async def deny(self, request_id: str, by: str) -> Refusal | None:
        """Turn a waiting client away."""
        return await self._approvals.deny(request_id, by)

    async def set_scopes(
        self,
        grant_id: GrantId,
        scopes: frozenset[Scope],
        by: str,
        timed: frozenset[Scope] = frozenset(),
        lasts: timedelta | None = None,
    ) -> Grant | Refusal:
        """Change what a grant may do, from its next call on; those in ``timed`` fall away after ``lasts``."""
        return await self._changes.set_scopes(grant_id, scopes, by, timed, lasts)

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

    async def sweep(self) -> None:
        """End what has expired and write what is owed; runs by itself every second."""
        self._changes.lapse()
        self._client_keys.sweep()
        self.registrations.sweep()
        await self._endings.sweep()
        await self._rotation.look_after()

    async def _set_clock(self) -> None:
        """Begin no earlier than the latest time that was seen, if anything lives that an earlier one would lengthen."""
        state = self._state
        latest = await records.latest_time(state.store)
        if latest is None or not any(one.grant.expires_at or one.grant.timed for one in state.live.all()):
            return
        state.clock.not_before(latest)
        if state.clock.behind > _CLOCK_BEHIND:
            text = (
                f"The clock stands before the latest time known, {latest:%Y-%m-%d %H:%M} UTC: authorities end by that."
            )
            state.publish(Notice(state.clock.now(), safe(text), True))

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self.sweep()
            except (StoreBusy, StoreUnavailable) as error:
                _log.warning("what has ended can't be written yet: %s", error)
            except Exception:  # noqa: BLE001 - the outermost edge: the next sweep tries again
                _log.exception("the sweep failed")
