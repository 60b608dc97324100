"""One connection to TWS or IB Gateway, from the dial until it is lost, and why it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Final, TypeVar

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.budget import Lane
from cockpit.brokers.ibkr.causes import ENDS_THE_LINE, cause, ended, is_read_only, of_failure
from cockpit.brokers.ibkr.flights import Flights, Told
from cockpit.brokers.ibkr.guard import Unsendable
from cockpit.brokers.ibkr.tap import CockpitIB
from cockpit.brokers.ibkr.turns import PERMIT, Permit, Turns
from cockpit.brokers.ibkr.wire import WireError, WireMarket, WireRecord
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.settings.ibkr import IbkrSettings

OPEN_ORDERS: Final = "openOrders"
"""Key of the request for open orders; ib_async has one place for its answer."""
PROBE_PATIENCE: Final = 5.0
"""Seconds for the answer to a probe."""
_FRESH: Final = 30.0
"""Seconds for which a message explains the end of the line."""

_T = TypeVar("_T")


class Lost(Exception):
    """The connection is of no use any more, or never was; says why."""

    def __init__(self, note: str) -> None:
        super().__init__(note)
        self.note: Safe = safe(note, 300)


class Session:
    """One connection as one client number."""

    def __init__(
        self,
        settings: IbkrSettings,
        client_id: int,
        clock: Clock,
        turns: Turns,
        publish: Callable[[WireRecord], None],
        publish_market: Callable[[WireMarket], None] = lambda record: None,
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._turns = turns
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._said: tuple[float, Safe] | None = None
        self._settled = False
        self._arrived = self._loop.time()
        self.ib: Final = CockpitIB(clock, turns.at_socket, self._on_record, publish_market, self._on_arrival)
        self.flights: Final = Flights(self.ib, turns)
        self.lost: Final[asyncio.Future[Lost]] = self._loop.create_future()
        """Done as soon as the connection is over."""
        self.read_only: Final = asyncio.Event()
        self.latency_ms: float | None = None
        self.ib.client.unreadable = self._end
        self.ib.client.conn.disconnected += self._on_closed

    @property
    def accounts(self) -> tuple[str, ...]:
        """Return the accounts that the other side reports, made harmless."""
        return tuple(str(safe(one, 32)) for one in self.ib.client.getAccounts())

    @property
    def server_version(self) -> int:
        """Return the version of the wire that both sides agreed on."""
        return self.ib.client.serverVersion()

    async def dial(self) -> None:
        """Connect and wait until the other side is ready for requests. Raises Lost with the cause."""
        host, port, seconds = self._settings.host, self._settings.port, self._settings.connect_seconds
        where = f"{host}:{port}"
        self.ib.wrapper.clientId = self._client_id
        # The greeting leaves from within the socket's own callback; nobody else may have used up its place.
        context = copy_context()
        context.run(PERMIT.set, Permit(Lane.CANCEL, 0, 0.0))
        dialling = asyncio.create_task(self.ib.client.connectAsync(host, port, self._client_id, 0), context=context)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.wait({dialling, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as problem:
            raise Lost(self._cause or of_failure(problem, where, seconds)) from None
        finally:
            if not dialling.done():
                dialling.cancel()
                await asyncio.wait({dialling})
            problem = None if dialling.cancelled() else dialling.exception()
        if self.lost.done():
            raise self.lost.result()
        if problem is not None:
            raise Lost(self._cause or of_failure(problem, where, seconds))
        self._settled = True

    async def probe(self) -> None:
        """Ask for the time. Raises Lost where nothing comes, neither that nor anything else."""
        asked = self._loop.time()

        async def ask(ib: CockpitIB) -> None:
            sent = self._loop.time()
            await ib.reqCurrentTimeAsync()
            self.latency_ms = round((self._loop.time() - sent) * 1000, 3)

        try:
            await self.flights.read(
                "currentTime",
                ask,
                within=min(PROBE_PATIENCE, self._settings.probe_seconds),
                messages=1,
                shared=True,
                lane=Lane.CANCEL,
            )
        except (BrokerUnavailable, Told, Refused):
            if self._arrived > asked and not self.lost.done():
                return
            raise self._why_lost(f"nothing came for {self._loop.time() - self._arrived:.0f} s") from None

    async def look_at_orders(self, within: float, *, own: bool = False) -> None:
        """Ask for the open orders, or find out that the API is Read-Only, which doesn't answer that.

        ``own``: for those of this client number alone, which somebody wants to cancel. Raises BrokerUnavailable where
        neither comes.
        """

        def ask(ib: CockpitIB) -> Awaitable[object]:
            return ib.reqOpenOrdersAsync() if own else ib.reqAllOpenOrdersAsync()

        lane = Lane.CANCEL if own else Lane.READ
        asked = asyncio.create_task(self.flights.read(OPEN_ORDERS, ask, within=within, messages=1, lane=lane))
        refused = asyncio.create_task(self.read_only.wait())
        try:
            await asyncio.wait({asked, refused}, return_when=asyncio.FIRST_COMPLETED)
            if not self.read_only.is_set():
                await asked
        except BrokerUnavailable as problem:
            raise BrokerUnavailable(f"it shows no open orders; is its API Read-Only? ({problem})") from None
        finally:
            for one in (asked, refused):
                one.cancel()
            await asyncio.gather(asked, refused, return_exceptions=True)

    def send(self, permit: Permit, call: Callable[[CockpitIB], _T]) -> _T:
        """Run a call whose messages leave together, or not at all. Raises Refused where nothing has left."""
        token = PERMIT.set(permit)
        try:
            with self.ib.client.held():
                return call(self.ib)
        except Unsendable as problem:
            raise Refused(refuse("BAD_ARGUMENTS", f"Interactive Brokers can't be sent that: {problem}.")) from None
        except ConnectionError as problem:
            # Of ib_async itself too, where the socket has closed and its end wasn't told yet: what was held has not left.
            raise not_ready(str(problem)) from None
        finally:
            PERMIT.reset(token)

    def close(self) -> None:
        """End the connection; nothing is waited for."""
        self._end("it was closed")
        self.flights.end(str(self.lost.result().note))
        self.ib.client.conn.disconnected -= self._on_closed
        self.ib.drop()

    @property
    def _cause(self) -> Safe | None:
        """What TWS said of the line just now; what it said long ago doesn't explain why it ends."""
        if self._said is None or self._loop.time() - self._said[0] > _FRESH:
            return None
        return self._said[1]

    def _why_lost(self, note: str) -> Lost:
        return self.lost.result() if self.lost.done() else Lost(self._cause or note)

    def _end(self, why: str) -> None:
        if not self.lost.done():
            self.lost.set_result(Lost(self._cause or why))

    def _on_closed(self, message: str) -> None:
        self._end(
            "TWS closed the line"
            if self._settled
            else "TWS closed the line at once: its API may be off, or this host not among its trusted addresses"
        )

    def _on_arrival(self) -> None:
        self._arrived = self._loop.time()

    def _on_record(self, record: WireRecord) -> None:
        if isinstance(record, WireError):
            said = cause(record.code, record.text)
            if said is not None:
                self._said = (self._loop.time(), said)
            if record.code in ENDS_THE_LINE:
                self._end(record.text)
            if is_read_only(record.code, record.text):
                self.read_only.set()
        self._publish(record)


def not_ready(why: str) -> Refused:
    """Return the refusal for what can't leave now."""
    return Refused(refuse("BROKER_NOT_READY", f"Nothing was sent to Interactive Brokers: {ended(why)}"))
