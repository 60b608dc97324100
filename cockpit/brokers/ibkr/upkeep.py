"""Keeps one connection up: connects, brings everything up to date, watches, and begins anew when it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.accounts import WrongAccount
from cockpit.brokers.ibkr.backoff import LONGEST, Backoff
from cockpit.brokers.ibkr.causes import READ_ONLY_NOTE, masked
from cockpit.brokers.ibkr.flights import Told
from cockpit.brokers.ibkr.session import Lost, Session
from cockpit.brokers.ibkr.standing import Standing
from cockpit.brokers.ibkr.turns import Turns
from cockpit.brokers.ibkr.weather import Change, Weather
from cockpit.brokers.ibkr.wire import WireError, WireRecord
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refused
from cockpit.model.trading import Link
from cockpit.settings.ibkr import IbkrSettings

BRING_UP_SECONDS: Final = 60.0
"""For each piece of work between a connection and its being ready."""
POSITIONS: Final = "positions"
ACCOUNT_VALUES: Final = "accountValues"
"""Keys of requests that bear no number: ib_async has one place for the answer of each."""

_LOG: Final = logging.getLogger(__name__)


class ReadOnlyApi(BrokerUnavailable):
    """The API is Read-Only, so it answers nothing about orders. Work of ``on_up`` that ends with it keeps the line."""


class Upkeep:
    """The connection that a line has, while it has one."""

    def __init__(
        self,
        settings: IbkrSettings,
        clock: Clock,
        turns: Turns,
        backoff: Backoff,
        standing: Standing,
        account_of: Callable[[tuple[str, ...]], str],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._turns = turns
        self._backoff = backoff
        self._standing = standing
        self._account_of = account_of
        self.works: list[Callable[[], Awaitable[None]]] = []
        self.session: Session | None = None
        """Only while its account is the one that is meant."""
        self.weather = Weather()
        self.accounts: tuple[str, ...] = ()
        self.account = ""
        self.server_version = 0

    async def run(self) -> None:
        """Stay connected, for ever."""
        failed = 0
        while True:
            note, pause, self.weather = "", 0.0, Weather()
            session = Session(
                self._settings,
                self._settings.client_id,
                self._clock,
                self._turns,
                self._take,
                self._standing.publish_market,
            )
            try:
                await session.dial()
                await self._bring_up(session)
                failed = 0
                await self._watch(session)
            except Lost as lost:
                note = lost.note
            except WrongAccount as wrong:
                # Somebody has to change the settings or the login: there is no hurry.
                note, pause = str(wrong), LONGEST
            except Exception:  # noqa: BLE001 - the outermost edge of the line: it goes on whatever its works do
                _LOG.exception("the line to Interactive Brokers failed")
                note = "something went wrong here; the host's log has the details"
            finally:
                self.session = None
                session.close()
                self._turns.abandon("the line broke")
            self._standing.become(Link.DOWN, note)
            failed += 1
            await asyncio.sleep(pause or self._backoff(failed))

    async def _bring_up(self, session: Session) -> None:
        self._standing.epoch += 1
        self._standing.streams += 1
        self.accounts, self.server_version = session.accounts, session.server_version
        self.account = self._account_of(session.accounts)
        self.session = session
        self._standing.become(Link.CONNECTING, f"synchronising account {masked(self.account)}")
        await self._bring_up_to_date(session)

    async def _bring_up_to_date(self, session: Session) -> None:
        """Do all works; if TWS loses Interactive Brokers meanwhile, they are done again later."""
        for work in (lambda: self._synchronise(session), *self.works):
            if self.weather.settled:
                await self._while_up(session, work())
        if self.weather.settled:
            version = f"TWS wire {self.server_version}"
            read_only = session.read_only.is_set()
            self._standing.become(Link.READY, f"{version}; {READ_ONLY_NOTE}" if read_only else version)

    async def _synchronise(self, session: Session) -> None:
        """Subscribe to positions and account, and find out whether orders can be seen at all."""
        seconds = self._settings.request_seconds
        await session.probe()
        await session.flights.read(POSITIONS, lambda ib: ib.reqPositionsAsync(), within=seconds, messages=1)
        await session.flights.read(
            ACCOUNT_VALUES, lambda ib: ib.reqAccountUpdatesAsync(self.account), within=seconds, messages=1
        )
        await session.look_at_orders(seconds)

    async def _watch(self, session: Session) -> None:
        """Try the line in regular intervals, and bring everything up to date after TWS found its way back."""
        while True:
            restored = asyncio.ensure_future(self.weather.restored())
            try:
                await asyncio.wait(
                    {restored, session.lost},
                    timeout=self._settings.probe_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                restored.cancel()
            if session.lost.done():
                raise session.lost.result()
            if restored.done():
                self._standing.streams += restored.result()
                await self._bring_up_to_date(session)
            else:
                await session.probe()

    async def _while_up(self, session: Session, work: Awaitable[None]) -> None:
        """Do work on a connection. Raises Lost where that breaks, or the work fails or takes too long."""
        doing = asyncio.ensure_future(work)
        try:
            async with asyncio.timeout(BRING_UP_SECONDS):
                await asyncio.wait({doing, session.lost}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise Lost(f"what it is asked at first was not answered within {BRING_UP_SECONDS:g} s") from None
        finally:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
        if session.lost.done():
            raise session.lost.result()
        match doing.exception():
            case None | ReadOnlyApi():
                pass
            case BrokerUnavailable() if not self.weather.settled:
                pass
            case BrokerUnavailable() | Told() as problem:
                raise Lost(str(problem))
            case Refused() as refused:
                raise Lost(refused.refusal.message)
            case BaseException() as other:
                raise other

    def _take(self, record: WireRecord) -> None:
        self._standing.publish(record)
        if not isinstance(record, WireError):
            return
        change = self.weather.look_at(record)
        if self.session is None:
            return
        if change is Change.CUT:
            self._standing.become(
                Link.DEGRADED, f"TWS has lost Interactive Brokers ({record.code}: {masked(record.text)})"
            )
        elif change is Change.RESTORED:
            self._standing.become(Link.CONNECTING, "TWS found its way back to Interactive Brokers; synchronising")
