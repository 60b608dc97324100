"""Authorities that the operator makes for programs without a browser: API keys, minted tokens and services."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from cockpit.model.events import GrantChanged
from cockpit.model.identity import ClientName, Grant, GrantId, Scope, Via
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.store.times import to_micros
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write, unwritten
from oauth import changes, client_changes, records
from oauth.approval import check_terms
from oauth.records import Kind, Registration, Standing, StoredGrant
from oauth.state import State, entry
from oauth.tokens import Minting

KEY_PREFIX: Final = "ck_"
LOCAL_HOST: Final = "stdio"
"""Stands where other authorities have the host of their client."""
_HINT: Final = 8
"""Characters of a key that are kept, of 46: enough to know it again, and 226 bits short of it."""
_ID: Final = {Via.KEY: "k-", Via.TOKEN: "t-", Via.SERVICE: "s-"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator chose for a program."""

    name: ClientName
    scopes: frozenset[Scope]
    connection: str
    lives: timedelta | None
    """None: as long as settings allow."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new authority, and the secret that is shown now and never again."""

    stored: StoredGrant
    secret: str = field(repr=False)
    writes: tuple[Write, ...] = ()

    @property
    def grant(self) -> Grant:
        return self.stored.grant


async def make_key(state: State, terms: Terms, by: str) -> Made | Refusal:
    """Make an API key."""

    def finish(grant: Grant) -> Made:
        key = KEY_PREFIX + _text(state.random(32))
        stored = StoredGrant(replace(grant, hint=key[:_HINT]), grant.scopes, key_hash=records.digest(key))
        return Made(stored, key)

    return await _make(state, terms, Via.KEY, by, finish)


async def mint_token(state: State, terms: Terms, by: str) -> Made | Refusal:
    """Sign one access token that lives as long as its grant."""

    def finish(grant: Grant) -> Made:
        assert grant.expires_at is not None  # a minted token always has an end
        stored = StoredGrant(grant, grant.scopes, signed_by=state.signer.keys.active.kid)
        token = Minting(
            grant_id=grant.grant_id,
            client=grant.client,
            client_id=grant.client_id,
            scopes=grant.scopes,
            narrowed=False,
            issued=to_micros(grant.made_at) // 1_000_000,
            expires=to_micros(grant.expires_at) // 1_000_000,
            token_id=_text(state.random(16)),
        )
        return Made(stored, state.signer.mint(token))

    return await _make(state, terms, Via.TOKEN, by, finish)


async def create_service(state: State, terms: Terms, by: str) -> Made | Refusal:
    """Make a client that gets access tokens for its own secret (RFC 6749, 4.4); its id is the grant's client_id."""

    def finish(grant: Grant) -> Made:
        secret = f"cks_{_text(state.random(32))}"
        registration = Registration(
            client_id=grant.client_id,
            standing=Standing.APPROVED,
            claimed_name=safe(grant.client),
            redirect_uris=(),
            auth_method="client_secret_basic",
            secret_hash=records.digest(secret),
            address="",
            registered_at=grant.made_at,
            kind=Kind.SERVICE,
        )
        return Made(StoredGrant(grant, grant.scopes), secret, (client_changes.add_registration(registration),))

    return await _make(state, terms, Via.SERVICE, by, finish)


async def make_local(state: State, terms: Terms, client_id: str) -> Made | Refusal:
    """Make the authority of the local client: a key without a text, so that no request over the network presents it."""

    def finish(grant: Grant) -> Made:
        grant = replace(grant, client_id=client_id, host=safe(LOCAL_HOST))
        return Made(StoredGrant(grant, grant.scopes), "")

    return await _make(state, terms, Via.KEY, "settings", finish)


async def _make(state: State, terms: Terms, via: Via, by: str, finish: Callable[[Grant], Made]) -> Made | Refusal:
    longest = state.config.longest(via)
    async with state.lock:
        # In the lock: a kill that comes while this waits for it must be seen.
        refusal = check_terms(state, terms.name, terms.scopes, terms.connection, terms.lives)
        if refusal is None and longest is not None and terms.lives is not None and terms.lives > longest:
            refusal = refuse("LIFE_BOUNDED", longest_days=longest.days)
        if refusal is None and _is_taken(state, terms.name, via):
            refusal = refuse("NAME_TAKEN", name=terms.name)
        if refusal is not None:
            return refusal
        now, epoch, lives = state.clock.now(), state.epoch, terms.lives or longest
        made = finish(
            Grant(
                grant_id=GrantId(state.new_id("g-")),
                client=terms.name,
                client_id=state.new_id(_ID[via]),
                scopes=terms.scopes,
                connection=terms.connection,
                via=via,
                made_at=now,
                expires_at=None if lives is None else now + lives,
                host=safe(via.value),
                made_by=by,
            )
        )
        note = entry(
            now, "made", "done", made.grant, by=by, via=via.value, scopes=sorted(terms.scopes),
            connection=terms.connection, expires_at=made.grant.expires_at,
        )  # fmt: skip
        try:
            await state.commit([changes.add_grant(made.stored), *made.writes], [note])
        except (StoreUnavailable, StoreBusy) as problem:
            return unwritten(problem)
        if state.epoch != epoch:
            if via is not Via.KEY:
                return refuse("KILL_SWITCH")
            made = replace(made, stored=replace(made.stored, grant=replace(made.grant, suspended=True)))
        state.live.put(made.stored)
    state.publish(GrantChanged(now, made.grant.grant_id, made.grant.client))
    return made


def _is_taken(state: State, name: ClientName, via: Via) -> bool:
    """Whether the name is another's. Minted tokens may share one: the next is made before the last has ended."""
    folded = name.casefold()
    others = (one.grant for one in state.live.all() if not (one.grant.via is via is Via.TOKEN))
    return any(grant.client.casefold() == folded for grant in others) or any(
        given.name.casefold() == folded for given in state.names
    )


def _text(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()
