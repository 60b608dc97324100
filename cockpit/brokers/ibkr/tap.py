"""Publishes what comes over the wire before ib_async interprets it, and ends requests that ib_async would leave open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC
from typing import Any, Final

from ib_async import IB
from ib_async.contract import Contract
from ib_async.decoder import Decoder
from ib_async.objects import CommissionReport, Execution, IBDefaults
from ib_async.order import Order, OrderState
from ib_async.wrapper import RequestError, Wrapper

from cockpit.brokers.ibkr.guard import SafeClient
from cockpit.brokers.ibkr.hushing import hush
from cockpit.brokers.ibkr.wire import (
    LAST_AT,
    WireCommission,
    WireCompleted,
    WireContract,
    WireDataType,
    WireError,
    WireExecution,
    WireHeld,
    WireMarket,
    WireOpen,
    WireRecord,
    WireStatus,
    WireTerms,
    WireTick,
    WireUnread,
    count,
    number,
    tick_price,
)
from cockpit.model.clock import Clock
from cockpit.model.text import Safe, safe

_LOG: Final = logging.getLogger(__name__)
_ENDS_A_REQUEST: Final = frozenset({321, 329, 434, 492})
"""Errors that ib_async takes for warnings, and after which a request would wait for ever."""
_TOLD_UNREAD: Final = frozenset({-1, 3, 5, 7, 11, 59, 61, 101})
"""Messages that may say something of an order or of what is held; -1 is one without a number."""
_ONE_OF_SEVERAL: Final = frozenset({10, 18, 75})
"""Messages of which an answer has several, each with the number of its request: contracts, and series of options."""
UNREADABLE: Final = -1
"""Code of a request that ends because a part of its answer could not be read; IB has none such."""
_LONG: Final = 1000
_LAST_WORDS: Final = 1.0
"""Seconds that what was handed over last may take to leave."""


class Tap(Wrapper):
    """The wrapper of ib_async, which publishes each record before ib_async sees the message."""

    def __init__(
        self,
        ib: IB,
        clock: Clock,
        publish: Callable[[WireRecord], None],
        publish_market: Callable[[WireMarket], None],
        arrived: Callable[[], None],
    ) -> None:
        super().__init__(ib, defaults=IBDefaults())
        self._clock = clock
        self._publish = publish
        self._publish_market = publish_market
        self._arrived = arrived

    def startReq(self, key: Any, contract: Contract | None = None, container: Any = None) -> asyncio.Future[Any]:
        """Begin a request; its failure is taken note of even where its question could never leave, or nobody waits."""
        future = super().startReq(key, contract, container)
        future.add_done_callback(_seen)
        return future

    def openOrder(
        self,
        orderId: int,
        contract: Contract,
        order: Order,
        orderState: OrderState,
    ) -> None:
        """Publish an order of the books; the answer to a preview is none."""
        if not order.whatIf:
            self._publish(
                WireOpen(
                    self._clock.now(), safe(order.orderRef), order.permId, orderId, order.clientId,
                    _contract(contract), _terms(order), safe(orderState.status), safe(orderState.warningText, _LONG),
                )
            )  # fmt: skip
        super().openOrder(orderId, contract, order, orderState)

    def orderStatus(
        self,
        orderId: int,
        status: str,
        filled: float,
        remaining: float,
        avgFillPrice: float,
        permId: int,
        parentId: int,
        lastFillPrice: float,
        clientId: int,
        whyHeld: str,
        mktCapPrice: float = 0.0,
    ) -> None:
        """Publish a status before ib_async merges it into its own."""
        trade = self.trades.get(self.orderKey(clientId, orderId, permId))
        self._publish(
            WireStatus(
                self._clock.now(), safe(trade.order.orderRef) if trade else Safe(""), permId, orderId, clientId,
                parentId, safe(status), number(filled), number(remaining), number(avgFillPrice), safe(whyHeld),
            )
        )  # fmt: skip
        super().orderStatus(
            orderId, status, filled, remaining, avgFillPrice, permId, parentId, lastFillPrice, clientId, whyHeld,
            mktCapPrice,
        )  # fmt: skip

    def execDetails(self, reqId: int, contract: Contract, execution: Execution) -> None:
        """Publish a fill, asked for or not."""
        self._publish(
            WireExecution(
                execution.time.astimezone(UTC), safe(execution.execId), safe(execution.orderRef), execution.permId,
                count(execution.orderId) or 0, execution.clientId, safe(execution.acctNumber), _contract(contract),
                safe(execution.side), number(execution.shares), number(execution.price), number(execution.cumQty),
                number(execution.avgPrice), safe(execution.exchange), reqId not in self._futures,
            )
        )  # fmt: skip
        super().execDetails(reqId, contract, execution)

    def commissionReport(self, commissionReport: CommissionReport) -> None:
        """Publish what a fill cost."""
        told = commissionReport
        self._publish(
            WireCommission(
                self._clock.now(), safe(told.execId), number(told.commission), safe(told.currency),
                number(told.realizedPNL),
            )
        )  # fmt: skip
        super().commissionReport(commissionReport)

    def completedOrder(self, contract: Contract, order: Order, orderState: OrderState) -> None:
        """Publish an order that has ended."""
        self._publish(
            WireCompleted(
                self._clock.now(), safe(order.orderRef), order.permId, _contract(contract), _terms(order),
                number(order.filledQuantity), safe(orderState.status), safe(orderState.completedTime),
                safe(orderState.completedStatus, _LONG),
            )
        )  # fmt: skip
        if "completedOrders" in self._results:
            super().completedOrder(contract, order, orderState)

    def position(self, account: str, contract: Contract, posSize: float, avgCost: float) -> None:
        """Publish how much is held."""
        held = WireHeld(self._clock.now(), safe(account), _contract(contract), number(posSize), valued=False)
        self._publish(held)
        super().position(account, contract, posSize, avgCost)

    def updatePortfolio(
        self,
        contract: Contract,
        posSize: float,
        marketPrice: float,
        marketValue: float,
        averageCost: float,
        unrealizedPNL: float,
        realizedPNL: float,
        account: str,
    ) -> None:
        """Publish how much is held, as the portfolio says."""
        held = WireHeld(self._clock.now(), safe(account), _contract(contract), number(posSize), valued=True)
        self._publish(held)
        super().updatePortfolio(
            contract, posSize, marketPrice, marketValue, averageCost, unrealizedPNL, realizedPNL, account
        )

    def error(
        self,
        reqId: int,
        errorCode: int,
        errorString: str,
        advancedOrderRejectJson: str,
    ) -> None:
        """Publish an error, and end the request that it is about."""
        trade = self.trades.get((self.clientId, reqId)) if reqId != -1 else None
        self._publish(
            WireError(
                self._clock.now(), reqId, safe(trade.order.orderRef) if trade else Safe(""), errorCode,
                safe(errorString, _LONG), safe(advancedOrderRejectJson, _LONG),
            )
        )  # fmt: skip
        super().error(reqId, errorCode, errorString, advancedOrderRejectJson)
        if errorCode in _ENDS_A_REQUEST and reqId in self._futures:
            self._endReq(reqId, RequestError(reqId, errorCode, errorString), success=False)

    def marketDataType(self, reqId: int, marketDataId: int) -> None:
        """Publish whether the prices of a request are live."""
        self._publish_market(WireDataType(self._clock.now(), reqId, marketDataId))
        super().marketDataType(reqId, marketDataId)

    def priceSizeTick(self, reqId: int, tickType: int, price: float, size: float) -> None:
        """Publish a price with its size."""
        self._publish_market(WireTick(self._clock.now(), reqId, tickType, tick_price(price, size), number(size)))
        super().priceSizeTick(reqId, tickType, price, size)

    def tickSize(self, reqId: int, tickType: int, size: float) -> None:
        """Publish a size."""
        self._publish_market(WireTick(self._clock.now(), reqId, tickType, None, number(size)))
        super().tickSize(reqId, tickType, size)

    def tickGeneric(self, reqId: int, tickType: int, value: float) -> None:
        """Publish a figure, such as whether the instrument is halted (49), as the tick's price."""
        self._publish_market(WireTick(self._clock.now(), reqId, tickType, number(value), None))
        super().tickGeneric(reqId, tickType, value)

    def tickString(self, reqId: int, tickType: int, value: str) -> None:
        """Publish when the last trade was (45, delayed 88), as the tick's price; other texts are of no use here."""
        if tickType in LAST_AT:
            self._publish_market(WireTick(self._clock.now(), reqId, tickType, number(value), None))
        super().tickString(reqId, tickType, value)

    def tcpDataArrived(self) -> None:
        """Note that the other side lives."""
        self._arrived()
        super().tcpDataArrived()

    def unread(self, message: int, fields: list[str]) -> None:
        """Publish that a message could not be read. Where it is a part of an answer, the rest proves nothing: it fails."""
        if message in _TOLD_UNREAD:
            self._publish(WireUnread(self._clock.now(), message))
        request = int(fields[1]) if message in _ONE_OF_SEVERAL and fields[1:] and fields[1].isdecimal() else None
        if request is not None and request in self._futures:
            problem = RequestError(request, UNREADABLE, "a part of the answer could not be read")
            self._endReq(request, problem, success=False)


class WatchedDecoder(Decoder):
    """The decoder of ib_async, which tells of messages that it can't read."""

    def interpret(self, fields: list[str]) -> None:
        """Read one message. One that can't be read is told and passed over; the next may be good."""
        message = -1
        try:
            message = int(fields[0])
            self.handlers[message](fields)
        except Exception as problem:  # noqa: BLE001 - the outermost edge of what comes in: any byte may be wrong
            _LOG.warning("message %d could not be read: %s", message, type(problem).__name__)
            if isinstance(self.wrapper, Tap):
                self.wrapper.unread(message, fields)


class CockpitIB(IB):
    """One connection through ib_async, with the guard before the socket and the tap behind it.

    It lives for one epoch: a new connection is a new object, so that nothing of the old one is taken for the new one's.
    """

    RaiseRequestErrors = True
    wrapper: Tap
    client: SafeClient

    def __init__(
        self,
        clock: Clock,
        leaving: Callable[[], None],
        publish: Callable[[WireRecord], None],
        publish_market: Callable[[WireMarket], None] = lambda record: None,
        arrived: Callable[[], None] = lambda: None,
    ) -> None:
        hush()
        super().__init__()
        self.client.apiEnd -= self.disconnectedEvent
        self.wrapper = Tap(self, clock, publish, publish_market, arrived)
        self.client = SafeClient(self.wrapper, leaving)
        self.client.decoder = WatchedDecoder(self.wrapper, 0)
        self.client.apiEnd += self.disconnectedEvent

    def _onError(self, reqId: int, errorCode: int, errorString: str, contract: Any) -> None:
        """Do nothing: ib_async would ask for the account's summary once more after 1102, past the message budget."""

    def drop(self) -> None:
        """Close the socket, whatever state it is in. Nothing is waited for."""
        transport = self.client.conn.transport
        self.wrapper.setTimeout(0)
        if transport is not None:
            transport.close()
            if transport.get_write_buffer_size():
                # The other side doesn't read: it may have what is left for a moment, and no longer.
                asyncio.get_running_loop().call_later(_LAST_WORDS, transport.abort)

    def __del__(self) -> None:
        """Leave the socket to its owner: ib_async would close it wherever the object happens to be forgotten."""


def _seen(request: asyncio.Future[Any]) -> None:
    """Take note of an end that nobody may wait for."""
    if not request.cancelled():
        request.exception()


def _contract(contract: Contract) -> WireContract:
    return WireContract(
        contract.conId, safe(contract.secType), safe(contract.symbol), safe(contract.lastTradeDateOrContractMonth),
        number(contract.strike), safe(contract.right), safe(contract.multiplier), safe(contract.exchange),
        safe(contract.primaryExchange), safe(contract.currency), safe(contract.localSymbol),
        safe(contract.tradingClass),
    )  # fmt: skip


def _terms(order: Order) -> WireTerms:
    return WireTerms(
        safe(order.account), safe(order.action), number(order.totalQuantity), safe(order.orderType),
        number(order.lmtPrice), number(order.auxPrice), number(order.trailStopPrice), number(order.trailingPercent),
        safe(order.tif), safe(order.goodTillDate), safe(order.goodAfterTime), bool(order.outsideRth),
        safe(order.ocaGroup), order.parentId, count(order.displaySize), bool(order.allOrNone),
        count(order.ocaType) or 0,
    )  # fmt: skip
