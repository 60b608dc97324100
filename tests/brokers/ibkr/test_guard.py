"""What may go over the wire, and that nothing else does."""

from __future__ import annotations

import asyncio
import re
import string
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ib_async.contract import Contract, ScanData, TagValue
from ib_async.objects import ExecutionFilter, ScannerSubscription, WshEventData
from ib_async.order import Order
from ib_async.util import UNSET_DOUBLE, UNSET_INTEGER

from cockpit.brokers.ibkr.guard import LARGEST_FRAME, LONGEST_FIELD, LONGEST_NUMBER, SafeClient, Unsendable, written
from cockpit.brokers.ibkr.turns import NotSent

PLAIN = string.digits + string.ascii_letters + string.punctuation + " "
EVIL = st.text(min_size=1, max_size=20).filter(lambda text: not (text.isascii() and text.isprintable()))


class Socket:
    """Stands for the transport: keeps what was written to it."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.unread = 0
        self.closing = False
        self.aborted = False

    def write(self, frame: bytes) -> None:
        self.sent.append(frame)

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return self.unread

    @property
    def messages(self) -> list[list[str]]:
        return [frame[4:].decode().split("\0")[:-1] for frame in self.sent]


class Told:
    """Stands for the wrapper: nothing comes in here."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def connected(leaving: Callable[[], None] = lambda: None) -> tuple[SafeClient, Socket]:
    client, socket = SafeClient(Told(), leaving), Socket()
    client.connState = client.CONNECTED
    client._serverVersion = 178
    client.conn.transport = cast("asyncio.Transport", socket)
    return client, socket


def together(client: SafeClient, *texts: str) -> None:
    with client.held():
        for number, text in enumerate(texts):
            client.reqMatchingSymbols(number, text)


@asynccontextmanager
async def client_of(greeting: bytes) -> AsyncIterator[tuple[SafeClient, list[str]]]:
    """A client that something answers with the given bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(greeting)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    client, why = SafeClient(Told(), lambda: None), list[str]()
    gone = asyncio.Event()
    client.unreadable = lambda reason: (why.append(reason), gone.set())[0]
    async with server:
        connecting = asyncio.create_task(client.connectAsync("127.0.0.1", server.sockets[0].getsockname()[1], 1, 5))
        async with asyncio.timeout(5):
            await gone.wait()
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        yield client, why


@given(EVIL)
async def test_text_that_is_not_plain_leaves_in_no_place_of_any_request(evil: str) -> None:
    client, socket = connected()
    tag = TagValue("changePercAbove", evil)
    requests: list[Callable[[], Any]] = [
        lambda: client.reqMatchingSymbols(1, evil),
        lambda: client.reqContractDetails(1, Contract(symbol=evil)),
        lambda: client.reqContractDetails(1, Contract(localSymbol=evil)),
        lambda: client.reqContractDetails(1, Contract(tradingClass=evil)),
        lambda: client.reqContractDetails(1, Contract(secId=evil)),
        lambda: client.reqMktData(1, Contract(exchange=evil), "", True, False, []),
        lambda: client.reqMktData(1, Contract(), evil, True, False, []),
        lambda: client.reqMktDepth(1, Contract(primaryExchange=evil), 5, True, []),
        lambda: client.reqHistoricalData(1, Contract(), evil, "1 D", "1 hour", "TRADES", 1, 2, False, []),
        lambda: client.reqHistoricalData(1, Contract(), "", evil, "1 hour", "TRADES", 1, 2, False, []),
        lambda: client.reqHistoricalData(1, Contract(), "", "1 D", evil, "TRADES", 1, 2, False, []),
        lambda: client.reqHistoricalData(1, Contract(), "", "1 D", "1 hour", evil, 1, 2, False, []),
        lambda: client.reqHistoricalNews(1, 2, evil, "", "", 10, []),
        lambda: client.reqNewsArticle(1, evil, "x", []),
        lambda: client.reqNewsArticle(1, "BZ", evil, []),
        lambda: client.reqFundamentalData(1, Contract(), evil, []),
        lambda: client.reqAccountUpdates(True, evil),
        lambda: client.reqAccountSummary(1, evil, "x"),
        lambda: client.reqPnL(1, "DU1", evil),
        lambda: client.reqSecDefOptParams(1, evil, "", "STK", 5),
        lambda: client.reqExecutions(1, ExecutionFilter(symbol=evil)),
        lambda: client.reqScannerSubscription(1, ScannerSubscription(scanCode=evil), [], []),
        lambda: client.reqScannerSubscription(1, ScannerSubscription(), [], [tag]),
        lambda: client.reqWshEventData(1, WshEventData(filter=evil)),
        lambda: client.cancelOrder(1, evil),
        lambda: client.placeOrder(1, Contract(), Order(orderRef=evil)),
        lambda: client.placeOrder(1, Contract(), Order(account=evil)),
        lambda: client.placeOrder(1, Contract(), Order(tif=evil)),
        lambda: client.placeOrder(1, Contract(), Order(goodTillDate=evil)),
        lambda: client.placeOrder(1, Contract(), Order(ocaGroup=evil)),
        lambda: client.placeOrder(1, Contract(), Order(modelCode=evil)),
        lambda: client.placeOrder(1, Contract(), Order(algoStrategy="Vwap", algoParams=[tag])),
        lambda: client.placeOrder(1, Contract(), Order(orderMiscOptions=[tag])),
    ]
    for request in requests:
        with pytest.raises(Unsendable):
            request()
    assert socket.sent == []


@pytest.mark.parametrize("field", ["a;b", "a=b", "a\nb", "a;b=c"])
@pytest.mark.parametrize("where", ["algoParams", "orderMiscOptions", "smartComboRoutingParams"])
async def test_a_tag_that_could_be_read_as_two_never_leaves(field: str, where: str) -> None:
    client, socket = connected()
    for tag in (TagValue("x", field), TagValue(field, "x")):
        order = Order(algoStrategy="Vwap")
        setattr(order, where, [tag])
        with pytest.raises(Unsendable):
            client.placeOrder(1, Contract(secType="BAG"), order)
    assert socket.sent == []


@given(st.text(PLAIN, max_size=LONGEST_FIELD))
async def test_plain_text_leaves_as_it_is(text: str) -> None:
    client, socket = connected()
    client.reqMatchingSymbols(7, text)
    assert socket.messages == [["81", "7", text]]


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_never_have_an_exponent_and_keep_their_value(number: Decimal | float) -> None:
    assume(number != UNSET_DOUBLE)
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    try:
        text = written(number)
    except Unsendable:
        assert abs(exact.adjusted()) > LONGEST_NUMBER or len(format(exact, "f")) > LONGEST_NUMBER
        return
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)
    assert Decimal(text) == exact


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (Decimal("1E+2"), "100"),
        (Decimal("1E-7"), "0.0000001"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e-7, "0.0000001"),
        (1e16, "10000000000000000"),
        (UNSET_DOUBLE, ""),
        (UNSET_INTEGER, ""),
        (float("inf"), "Infinite"),
        (True, "1"),
        (False, "0"),
        (None, ""),
        (-1, "-1"),
        ([TagValue("a", "1"), TagValue("b", "2")], "a=1;b=2;"),
    ],
)
def test_fields_are_written_as_the_wire_wants_them(field: object, text: str) -> None:
    assert written(field) == text


@pytest.mark.parametrize(
    "field",
    [
        float("nan"), float("-inf"), Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999"), Decimal("1E-999999"),
        10**60, "x" * (LONGEST_FIELD + 1), b"x", {"a": 1}, object(), ["x"], [ScanData], "é", "\x7f", "\t",
    ],
)  # fmt: skip
def test_what_is_no_field_never_leaves(field: object) -> None:
    with pytest.raises(Unsendable):
        written(field)


async def test_a_message_that_is_too_long_never_leaves() -> None:
    client, socket = connected()
    with pytest.raises(Unsendable):
        client.send(1, *["x" * 1000] * 40)
    assert socket.sent == []


async def test_of_a_group_of_messages_all_leave_together_or_none_does() -> None:
    client, socket = connected()
    with pytest.raises(Unsendable):
        together(client, "good", "ba\0d")
    assert socket.sent == []
    together(client, "good", "better")
    assert [message[2] for message in socket.messages] == ["good", "better"]


async def test_a_group_for_which_the_budget_is_too_small_does_not_leave_in_part() -> None:
    left = 1

    def leaving() -> None:
        nonlocal left
        if not left:
            raise NotSent("used up")
        left -= 1

    client, socket = connected(leaving)
    with pytest.raises(NotSent):
        together(client, "one", "two")
    assert socket.sent == []


async def test_nothing_is_ever_left_behind_in_the_queue_of_ib_async() -> None:
    client, socket = connected()
    for number in range(client.MaxRequests):
        client.reqMatchingSymbols(number, "x")
    with pytest.raises(NotSent, match="too many"):
        client.reqMatchingSymbols(99, "x")
    assert len(socket.sent) == client.MaxRequests
    assert not client._msgQ


@pytest.mark.parametrize("how", ["closing", "gone", "stalled", "not connected"])
async def test_what_cannot_leave_is_said_and_not_forgotten(how: str) -> None:
    client, socket = connected()
    match how:
        case "closing":
            socket.closing = True
        case "gone":
            client.conn.transport = None
        case "stalled":
            socket.unread = 2 * 1024 * 1024
        case _:
            client.connState = client.DISCONNECTED
    with pytest.raises(NotSent):
        client.reqMatchingSymbols(1, "x")
    assert socket.sent == []


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        (LARGEST_FRAME + 1).to_bytes(4, "big") + b"x",
        b"\0\0\0\x06178\x00x\x00" + b"\0\0\0\x05what\0",
        b"\0\0\0\x06178\x00x\x00" + b"\0\0\0\x01\0",
    ],
)
async def test_whatever_else_listens_there_is_not_taken_for_tws(greeting: bytes) -> None:
    async with client_of(greeting) as (client, why):
        assert "wire of TWS" in why[0]
        assert not client.isReady()


async def test_a_tws_that_is_too_old_is_named() -> None:
    async with client_of(b"\0\0\0\x06100\x00x\x00") as (client, why):
        assert "too old" in why[0]
        assert not client.isReady()
