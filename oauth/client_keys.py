"""How a client proves by its key who it is: its keys are had before the one lock is taken, and each proof counts once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cockpit.model.text import safe
from oauth import client_changes, records
from oauth.assertions import KIND, BadAssertion, Proof, read_assertion, verify
from oauth.fetch import Fetch, FetchBusy, FetchFailed
from oauth.jwks import LARGEST_KEYS, BadKeys, ClientKey, fitting, read_key_text
from oauth.once import Once
from oauth.parameters import Parameters
from oauth.records import Registration
from oauth.state import State

_FRESH_SECONDS: Final = 3600.0
_KEPT_SECONDS: Final = 86_400.0
_PAUSE_SECONDS: Final = 60.0
"""Between two fetches of one set of keys, however many unknown keys are named."""
_MOST_SETS: Final = 64
_MOST_PROOFS: Final = 10_000

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _KeySet:
    """The keys at one address, as far as they are known."""

    keys: tuple[ClientKey, ...] = ()
    fetched: float = float("-inf")
    tried: float = float("-inf")


class ClientKeys:
    """Checks the assertions of clients."""

    def __init__(self, state: State, fetch: Fetch) -> None:
        self._state = state
        self._fetch = fetch
        self._sets: dict[str, _KeySet] = {}
        self._once: Once[None] = Once()
        self._used: dict[bytes, datetime] = {}

    async def load(self) -> None:
        """Remember what was shown before the start."""
        self._used.update(await records.shown_assertions(self._state.store))

    async def proof(self, parameters: Parameters) -> Proof | None:
        """Return the proof that a request brings, None when it brings none; `BadAssertion` when it proves nothing.

        May fetch the client's keys, so it is called outside the lock. Keys are fetched only for a client that has a live
        grant: nobody else could gain anything.
        """
        text, kind = parameters.get("client_assertion"), parameters.get("client_assertion_type")
        if not text and not kind:
            return None
        if kind != KIND:
            raise BadAssertion("its kind isn't taken")
        shown = read_assertion(text)
        if parameters.get("client_id") not in {"", shown.client_id}:
            raise BadAssertion("it speaks for another client")
        registration = await records.registration(self._state.store, shown.client_id)
        key = await self._key(registration, shown.kid, shown.algorithm) if registration else None
        if key is None:
            raise BadAssertion("the client has no such key")
        config = self._state.config
        return verify(shown, key, (config.issuer, f"{config.issuer}/oauth/token"), self._state.clock.now())

    def use(self, proof: Proof) -> bool:
        """Take a proof, once; called under the lock."""
        if proof.digest in self._used or len(self._used) >= _MOST_PROOFS:
            return False
        self._used[proof.digest] = proof.expires
        return True

    def sweep(self) -> None:
        """Forget proofs that have expired anyway."""
        now = self._state.clock.now()
        over = [digest for digest, expires in self._used.items() if expires <= now]
        for digest in over:
            del self._used[digest]
        if over:
            self._state.owe([], [client_changes.forget_assertions(now)], [])

    async def close(self) -> None:
        """End what is being fetched."""
        await self._once.close()

    async def _key(self, registration: Registration, kid: str, algorithm: str) -> ClientKey | None:
        if registration.jwks:
            try:
                return fitting(read_key_text(registration.jwks), kid, algorithm)
            except BadKeys:
                return None
        at = registration.jwks_uri
        if not at:
            return None
        now = self._state.clock.monotonic()
        kept = self._sets.get(at)
        if kept is None:
            kept = self._sets[at] = _KeySet()
            while len(self._sets) > _MOST_SETS:
                del self._sets[next(iter(self._sets))]
        found = fitting(kept.keys, kid, algorithm) if now - kept.fetched < _KEPT_SECONDS else None
        wanted = found is None or now - kept.fetched >= _FRESH_SECONDS
        if wanted and now - kept.tried >= _PAUSE_SECONDS and self._has_grant(registration.client_id):
            await self._once.run(at, lambda: self._refresh(at, kept))
            found = fitting(kept.keys, kid, algorithm) if now - kept.fetched < _KEPT_SECONDS else None
        return found

    async def _refresh(self, at: str, kept: _KeySet) -> None:
        kept.tried = self._state.clock.monotonic()
        try:
            kept.keys = read_key_text((await self._fetch(at, LARGEST_KEYS)).body)
        except (FetchFailed, BadKeys) as error:
            if isinstance(error, FetchBusy):
                kept.tried = float("-inf")
            _log.info("the keys at %s can't be had: %s", safe(at, 256), error)
            return
        kept.fetched = self._state.clock.monotonic()

    def _has_grant(self, client_id: str) -> bool:
        return any(stored.grant.client_id == client_id for stored in self._state.live.all())
