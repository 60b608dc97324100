"""The authorization server as the rest of the cockpit sees it: one door, and the operator's acts."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.identity import Caller, Grant, GrantId, fallen
from cockpit.model.text import safe
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable
from oauth import door, records
from oauth.client_keys import ClientKeys
from oauth.config import AuthorityConfig
from oauth.consent import Consent
from oauth.decision import Random
from oauth.documents import Documents
from oauth.door import TokenProblem
from oauth.endpoints import Endpoints
from oauth.fetch import Fetch, out_of_reach
from oauth.local import LocalClient
from oauth.making import Made, Terms
from oauth.meaning import OrdersGo, look_behind
from oauth.metadata import well_known
from oauth.operator_acts import KnownName, OperatorActs
from oauth.pages import Pages
from oauth.registering import Registrations
from oauth.rotating import Rotated
from oauth.signing import load_keys
from oauth.state import State
from oauth.tokens import TokenSigner
from oauth.waiting import WaitingClient

__all__ = ["Authority", "AuthorityConfig", "KnownName", "Made", "Rotated", "Terms", "TokenProblem", "WaitingClient"]

_SWEEP_SECONDS = 1.0
_CLOCK_BEHIND = timedelta(minutes=1)
_log = logging.getLogger(__name__)


class Authority(OperatorActs):
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
        orders_go: OrdersGo = lambda client: "",
    ) -> None:
        if os.environ.get("AUTHLIB_INSECURE_TRANSPORT"):
            raise ValueError("AUTHLIB_INSECURE_TRANSPORT is set; it would allow tokens over plain http")
        self.config = config
        self._keys_folder = keys
        state = State(config, store, clock, publish, random)
        pages = Pages(config.secure)
        super().__init__(state, Documents(state, fetch), keys)
        self.consent = Consent(self._state, pages, self._documents)
        """What browsers see."""
        self._client_keys = ClientKeys(self._state, fetch)
        self.endpoints = Endpoints(self._state, self._client_keys)
        """What clients call with what they have."""
        self.registrations = Registrations(self._state)
        """Where clients register."""
        self.local = LocalClient(self._state)
        """The client that the settings let in over the socket of this computer."""
        self.style = pages.style()
        self.documents: Mapping[str, Mapping[str, object]] = well_known(config)
        """Metadata by path."""
        self._sweeper: asyncio.Task[None] | None = None
        self._orders_go = orders_go
        self.no_longer_writing: tuple[Grant, ...] = ()
        """Those from which this start took what they may write: the money behind their connection is real now."""

    async def __aenter__(self) -> Self:
        # At DEBUG Authlib logs whole tokens.
        logging.getLogger("authlib").setLevel(logging.INFO)
        state = self._state
        state.signer = TokenSigner(self.config, load_keys(self._keys_folder, state.clock.now()))
        for stored in await records.open_grants(state.store):
            state.live.put(stored)
        await self._set_clock()
        self.no_longer_writing = await look_behind(state, self._orders_go)
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

    @property
    def epoch(self) -> int:
        """Grows with every kill: what began before it has ended."""
        return self._state.epoch

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

    def addresses(self) -> tuple[str, ...]:
        """Return from where the grants that live were used last, the latest last."""
        live = self._state.live
        uses = [use for one in live.all() if (use := live.touched(one.grant.grant_id)) is not None and use.address]
        return tuple(use.address for use in sorted(uses, key=lambda use: use.at))

    def grants(self) -> tuple[Grant, ...]:
        """Return every grant that has not ended, oldest first; suspended keys are among them and say so."""
        now = self._state.clock.now()
        return tuple(fallen(stored.grant, now) for stored in self._state.live.all())

    def check(self, authorization: str | None, address: str) -> Caller | TokenProblem:
        """Return who sends this Authorization header."""
        return door.check(self._state, authorization, address)

    async def sweep(self) -> None:
        """End what has expired and write what is owed; runs by itself every second."""
        await self._changes.lapse()
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
