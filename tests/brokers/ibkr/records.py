"""Wire records for tests, about one order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from cockpit.brokers.ibkr import terms
from cockpit.brokers.ibkr.wire import (
    WireCommission,
    WireCompleted,
    WireContract,
    WireError,
    WireExecution,
    WireOpen,
    WireStatus,
    WireTerms,
)
from cockpit.model.orders import OrderRef, OrderRequest, OrderType, Side, TimeInForce
from cockpit.model.text import Safe

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
REF = OrderRef("ck:01JD0000000000000000000000")
ALFA = WireContract(
    265001, Safe("STK"), Safe("ALFA"), Safe(""), None, Safe(""), Safe(""), Safe("SMART"), Safe(""), Safe("USD"),
    Safe("ALFA"), Safe("NMS"),
)  # fmt: skip


def limit(quantity: int | str = 10, price: str = "412.3", **changes: object) -> OrderRequest:
    """Return a limit order to buy."""
    plain = OrderRequest("ALFA", Side.BUY, Decimal(quantity), OrderType.LIMIT, Decimal(price), TimeInForce.DAY)
    return replace(plain, **changes)  # type: ignore[arg-type]


def told(request: OrderRequest, account: str = "DU1") -> WireTerms:
    """Return a limit order's terms as TWS tells them."""
    return WireTerms(
        Safe(account), Safe("BUY" if request.side is Side.BUY else "SELL"), request.quantity,
        Safe(terms.ORDER_TYPES[request.order_type]), request.limit_price, request.stop_price, None, None,
        Safe(terms.LIVES[request.time_in_force]), Safe(""), Safe(""), request.outside_hours, Safe(""), 0, 0, False,
    )  # fmt: skip


def opened(request: OrderRequest, status: str = "Submitted", *, reference: str = REF, perm: int = 900, number: int = 7) -> WireOpen:  # fmt: skip
    """Return openOrder."""
    return WireOpen(NOON, Safe(reference), perm, number, 17, ALFA, told(request), Safe(status), Safe(""))


def status(word: str, filled: int | str = 0, *, why: str = "", perm: int = 900, number: int = 7) -> WireStatus:
    """Return orderStatus."""
    return WireStatus(
        NOON, Safe(""), perm, number, 17, 0, Safe(word), Decimal(filled), None, None, Safe(why)
    )  # fmt: skip


def fill(number: int, quantity: int | str, price: str = "412", *, reference: str = REF, perm: int = 900, part: str = "01") -> WireExecution:  # fmt: skip
    """Return execDetails."""
    return WireExecution(
        NOON, Safe(f"0000e0d5.{number:08x}.01.{part}"), Safe(reference), perm, 7, 17, Safe("DU1"), ALFA, Safe("BOT"),
        Decimal(quantity), Decimal(price), None, None, Safe("NASDAQ"), True,
    )  # fmt: skip


def fee(number: int, amount: str = "1", currency: str = "USD", *, part: str = "01") -> WireCommission:
    """Return commissionReport."""
    return WireCommission(
        NOON, Safe(f"0000e0d5.{number:08x}.01.{part}"), Decimal(amount), Safe(currency), None
    )  # fmt: skip


def completed(request: OrderRequest, word: str, filled: int | str = 0, words: str = "", *, reference: str = REF) -> WireCompleted:  # fmt: skip
    """Return completedOrder."""
    return WireCompleted(
        NOON, Safe(reference), 900, ALFA, told(request), Decimal(filled), Safe(word), Safe(""), Safe(words)
    )  # fmt: skip


def error(code: int, text: str = "said so", number: int = 7) -> WireError:
    """Return errMsg about an order."""
    return WireError(NOON, number, Safe(""), code, Safe(text), Safe(""))
