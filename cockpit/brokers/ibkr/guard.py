"""Lets nothing leave that isn't bounded printable ASCII, all of a request or nothing of it.

The wire of TWS joins fields with NUL and checks nothing: a NUL in one field shifts all that follow, so that a preview
becomes an order. Everything is therefore written as text here, looked at, and only then handed to the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from ib_async.client import Client
from ib_async.contract import Contract
from ib_async.order import Order
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from cockpit.brokers.ibkr.budget import MOST
from cockpit.brokers.ibkr.turns import NotSent
from cockpit.model.text import is_plain

LONGEST_FIELD: Final = 1024
LONGEST_MESSAGE: Final = 32_768
LONGEST_NUMBER: Final = 40
LARGEST_FRAME: Final = 32 * 1024 * 1024
"""Bytes of one message from the other side; the scanner's parameters are the largest, with a few."""
MOST_UNREAD: Final = 1024 * 1024
"""Bytes that may wait for the other side to read them."""
_UNSET_TEXT: Final = "1.7976931348623157E308"
_CONTRACT: Final = (
    "conId", "symbol", "secType", "lastTradeDateOrContractMonth", "strike", "right", "multiplier", "exchange",
    "primaryExchange", "currency", "localSymbol", "tradingClass",
)  # fmt: skip
_IN_TAGS: Final = frozenset(";=")


class Unsendable(ValueError):
    """A field that must not leave, such as one with a control character. Nothing of its message has left."""


class SafeClient(Client):
    """The client of ib_async, which sends only what was looked at, and at once or not at all."""

    MaxRequests = MOST
    """As many as the budget lets leave: ib_async's own 45 would refuse a kill its last cancels."""

    def __init__(self, wrapper: Any, leaving: Callable[[], None]) -> None:
        super().__init__(wrapper)
        self._leaving = leaving
        self._held: list[str] | None = None
        self.unreadable: Callable[[str], None] = lambda why: None
        """Told when the other side sends what is not the wire of TWS."""

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hand over all messages of the block when it ends; none of them where it raises."""
        self._held = held = []
        try:
            yield
        finally:
            self._held = None
        self._hand_over(held)

    def send(self, *fields: object, makeEmpty: bool = True) -> None:
        """Write the fields as text and hand them over. Raises Unsendable or NotSent before anything has left."""
        if not self.isConnected():
            raise NotSent("not connected")
        texts: list[str] = []
        for field in fields:
            if isinstance(field, Contract):
                texts += (written(getattr(field, name)) for name in _CONTRACT)
            else:
                texts.append(written(field, make_empty=makeEmpty))
        message = "\0".join((*texts, ""))
        if len(message) > LONGEST_MESSAGE:
            raise Unsendable(f"a message of {len(message)} characters")
        if self._held is not None:
            self._held.append(message)
        else:
            self._hand_over([message])

    def placeOrder(self, orderId: int, contract: Contract, order: Order) -> None:
        """Send an order. Raises Unsendable for tags that could be read as several, wherever they stand."""
        for tags in (order.algoParams, order.smartComboRoutingParams, order.orderMiscOptions):
            _tags(tags or [])
        super().placeOrder(orderId, contract, order)

    def _hand_over(self, messages: list[str]) -> None:
        transport = self.conn.transport
        if not self.isConnected() or transport is None or transport.is_closing():
            raise NotSent("not connected")
        if transport.get_write_buffer_size() > MOST_UNREAD:
            raise NotSent("the other side reads nothing")
        if len(messages) + self._sent_lately() > self.MaxRequests:
            # ib_async would queue what is beyond, and forget its queue when the line breaks.
            raise NotSent("too many messages at once")
        for _ in messages:
            self._leaving()
        for message in messages:
            super().sendMsg(message)

    def _sent_lately(self) -> int:
        now = asyncio.get_running_loop().time()
        return len(self._msgQ) + sum(now - sent <= self.RequestsInterval for sent in self._timeQ)

    def _onSocketHasData(self, data: bytes) -> None:
        try:
            super()._onSocketHasData(data)
        except (ValueError, IndexError):
            # Before the handshake is over ib_async reads numbers without care; what is behind it was lost.
            self._give_up("it sent what isn't the wire of TWS")
            return
        if len(self._data) > 4 and int.from_bytes(self._data[:4], "big") > LARGEST_FRAME:
            self._give_up("it announced a message that is too large, which isn't the wire of TWS")

    def _onSocketDisconnected(self, msg: str) -> None:
        super()._onSocketDisconnected(msg)
        if self.conn.transport is not None:
            # ib_async says so of a version that is too old for it, and leaves the socket open.
            self._give_up("it is too old: its wire is older than that of version 972")

    def _give_up(self, why: str) -> None:
        self._data = b""
        self.unreadable(why)
        if isinstance(self.conn.transport, asyncio.Transport):
            self.conn.transport.abort()


def written(field: object, *, make_empty: bool = True) -> str:
    """Return a field as it goes over the wire. Raises Unsendable for what mustn't, whatever its kind."""
    text = _written(field, make_empty)
    if len(text) > LONGEST_FIELD:
        raise Unsendable(f"a field of {len(text)} characters")
    if not is_plain(text):
        raise Unsendable("a field with characters that aren't printable ASCII")
    return text


def _written(field: object, make_empty: bool) -> str:
    match field:
        case None:
            return ""
        case bool():
            return "1" if field else "0"
        case int():
            return "" if make_empty and field == UNSET_INTEGER else _number(str(int(field)))
        case float():
            return _float(field, make_empty)
        case Decimal():
            if not field.is_finite():
                raise Unsendable(f"{field} as a number")
            # An exponent of a million would be a million characters before anybody could count them.
            if abs(field.adjusted()) > LONGEST_NUMBER:
                raise Unsendable("a number that is too long")
            return _number(format(field, "f"))
        case str():
            return str(field)
        case list() | tuple():
            return _tags(field)
        case _:
            raise Unsendable(f"a field of kind {type(field).__name__}")


def _float(number: float, make_empty: bool) -> str:
    if number == UNSET_DOUBLE:
        return "" if make_empty else _UNSET_TEXT
    if number == math.inf:
        return "Infinite"
    if not math.isfinite(number):
        raise Unsendable(f"{number} as a number")
    return _number(format(Decimal(repr(float(number))), "f"))


def _number(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise Unsendable("a number that is too long")
    return text


def _tags(tags: list[Any] | tuple[Any, ...]) -> str:
    parts: list[str] = []
    for one in tags:
        tag, value = getattr(one, "tag", None), getattr(one, "value", None)
        if not isinstance(tag, str) or not isinstance(value, str):
            raise Unsendable("a list of what isn't tag and value")
        for text in (tag, value):
            if not is_plain(text) or _IN_TAGS & set(text):
                raise Unsendable("a tag or value with one of ; = or a character that isn't printable ASCII")
        parts.append(f"{tag}={value};")
    return "".join(parts)
