"""The second connection: idle, so that a kill waits behind nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeVar

from cockpit.brokers.ibkr.accounts import WrongAccount
from cockpit.brokers.ibkr.backoff import LONGEST, Backoff
from cockpit.brokers.ibkr.budget import Budget, Lane
from cockpit.brokers.ibkr.causes import masked
from cockpit.brokers.ibkr.session import Lost, Session
from cockpit.brokers.ibkr.turns import NotSent, Turns
from cockpit.brokers.ibkr.wire import WireError, WireRecord
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refused
from cockpit.settings.ibkr import IbkrSettings

MOST: Final = 9
"""Messages in a second, so that both connections together stay below the 50 of Interactive Brokers."""

_LOG: Final = logging.getLogger(__name__)
_T = TypeVar("_T")


class PanicLine:
    """Keeps a connection of its own client number open, on which nothing is asked but whether it lives."""

    def __init__(
        self, settings: IbkrSettings, clock: Clock, backoff: Backoff, accept: Callable[[tuple[str, ...]], object]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._backoff = backoff
        self._accept = accept
        self._turns = Turns(
            Budget({Lane.CANCEL: MOST, Lane.ORDER: MOST, Lane.READ: MOST}), lambda: asyncio.get_running_loop().time()
        )
        self._session: Session | None = None

    @property
    def up(self) -> bool:
        """Whether the connection stands."""
        return self._session is not None

    async def run(self) -> None:
        """Keep it open, for ever."""
        failed = 0
        while True:
            session = Session(self._settings, self._settings.panic_client_id, self._clock, self._turns, self._take)
            pause = 0.0
            try:
                await session.dial()
                self._accept(session.accounts)
                self._session, failed = session, 0
                await self._watch(session)
            except Lost as lost:
                _LOG.warning("the second connection is down: %s", lost.note)
            except WrongAccount as wrong:
                _LOG.warning("the second connection is down: %s", wrong)
                pause = LONGEST
            except Exception:  # noqa: BLE001 - the outermost edge of the second line; without it a kill goes over the first
                _LOG.exception("the second connection failed")
            finally:
                self._session = None
                session.close()
                self._turns.abandon("the line broke")
            failed += 1
            await asyncio.sleep(pause or self._backoff(failed))

    async def send(self, call: Callable[..., _T], messages: int) -> tuple[_T] | None:
        """Send at once, or return None where that isn't possible here and nothing has left."""
        session = self._session
        if session is None or messages > MOST:
            return None
        try:
            async with asyncio.timeout(1):
                permit = await self._turns.take(Lane.CANCEL, messages)
            return (session.send(permit, call),)
        except (NotSent, Refused, TimeoutError) as problem:
            _LOG.warning("the second connection could not send: %s", problem)
            return None

    async def _watch(self, session: Session) -> None:
        while True:
            await asyncio.wait({session.lost}, timeout=self._settings.probe_seconds)
            if session.lost.done():
                raise session.lost.result()
            await session.probe()

    def _take(self, record: WireRecord) -> None:
        """Log what is said against what was sent here; what becomes of orders is told over the first connection."""
        if isinstance(record, WireError) and record.about != -1:
            _LOG.warning("the second connection was told %d: %s", record.code, masked(record.text))
