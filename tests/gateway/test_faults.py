"""Each fault alone: what the real client hears, and what is true at the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal

import pytest
from ib_async import IB, RequestError, Trade

from tests.gateway import FakeGateway, faults
from tests.gateway.clients import connected, order, status, stock, until
from tests.gateway.fixtures import gateway as gateway
from tests.gateway.planned import Fault


@pytest.fixture
async def ib(gateway: FakeGateway) -> AsyncIterator[IB]:
    """A client of a gateway at which ALFA is quoted 100 to 100.02."""
    gateway.world.set("ALFA", "100", "100.02", "100.01")
    async with connected(gateway) as client:
        yield client


def rest(gateway: FakeGateway, ib: IB, reference: str = "ck:1") -> Trade:
    """Send an order that rests."""
    return ib.placeOrder(stock(gateway), order("BUY", 10, "LMT", lmtPrice=90, orderRef=reference))


def kept(gateway: FakeGateway) -> list[tuple[str, str]]:
    """Return reference and status of each order that the gateway knows."""
    return [(one.reference, one.status) for one in gateway.book.orders.values()]


async def gone(ib: IB) -> None:
    await until(ib.disconnectedEvent, lambda: not ib.isConnected())


@pytest.mark.parametrize(
    ("fault", "known", "heard"),
    [
        (faults.drop_before_accept, [], ["PendingSubmit"]),
        (faults.drop_after_accept, [("ck:1", "Submitted")], ["PendingSubmit"]),
        (faults.half_frame, [("ck:1", "Submitted")], ["PendingSubmit"]),
        (faults.drop_after_open_order, [("ck:1", "Submitted")], ["PendingSubmit"]),
        (faults.drop_after_status, [("ck:1", "Submitted")], ["PendingSubmit", "Submitted"]),
    ],
    ids=["before accept", "after accept", "half a frame", "after openOrder", "after the status"],
)
async def test_a_line_that_breaks_while_an_order_is_placed_leaves_what_was_done(
    gateway: FakeGateway, ib: IB, fault: Fault, known: list[tuple[str, str]], heard: list[str]
) -> None:
    gateway.once("placeOrder", fault)
    trade = rest(gateway, ib)
    await gone(ib)
    assert kept(gateway) == known
    assert [entry.status for entry in trade.log] == heard
    assert bool(trade.order.permId) == (fault in (faults.drop_after_open_order, faults.drop_after_status))
    async with connected(gateway, 18) as again:
        assert [(one.order.orderRef) for one in await again.reqAllOpenOrdersAsync()] == [one for one, _ in known]


async def test_a_line_may_break_after_a_fill_was_told_and_before_the_status(gateway: FakeGateway, ib: IB) -> None:
    gateway.once("placeOrder", faults.drop_after_fill)
    trade = ib.placeOrder(stock(gateway), order("BUY", 10, orderRef="ck:1"))
    await gone(ib)
    assert kept(gateway) == [("ck:1", "Filled")]
    assert (trade.orderStatus.status, len(trade.fills)) == ("PreSubmitted", 1)


async def test_a_break_after_a_fill_waits_for_the_fill(gateway: FakeGateway, ib: IB) -> None:
    gateway.once("placeOrder", faults.drop_after_fill)
    await status(rest(gateway, ib), "Submitted")
    gateway.book.fill(gateway.book.order("ck:1"), 3)
    await gone(ib)
    assert gateway.book.order("ck:1").filled == 3


@pytest.mark.parametrize("leg", [1, 2, 3])
async def test_a_line_that_breaks_at_any_leg_of_a_bracket_lets_nothing_live(
    gateway: FakeGateway, ib: IB, leg: int
) -> None:
    legs = ib.bracketOrder("BUY", 10, 99, 110, 90)
    seen = iter(range(1, 4))
    gateway.once("placeOrder", faults.drop_before_accept, when=lambda *_: next(seen) == leg)
    for one in legs:
        ib.placeOrder(stock(gateway), one)
    await gone(ib)
    assert gateway.book.live() == []


async def test_a_message_that_stalls_is_neither_done_nor_answered(gateway: FakeGateway, ib: IB) -> None:
    gateway.once("placeOrder", faults.stall)
    trade = rest(gateway, ib)
    await ib.reqCurrentTimeAsync()
    assert (kept(gateway), trade.orderStatus.status) == ([], "PendingSubmit")


async def test_a_session_that_is_mute_does_what_is_asked_and_says_nothing_more(gateway: FakeGateway, ib: IB) -> None:
    gateway.once("placeOrder", faults.mute)
    trade = rest(gateway, ib)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ib.reqCurrentTimeAsync(), 0.05)
    assert (kept(gateway), trade.orderStatus.status, ib.isConnected()) == (
        [("ck:1", "Submitted")],
        "PendingSubmit",
        True,
    )


async def test_a_message_may_wait_and_holds_up_what_follows_it(gateway: FakeGateway, ib: IB) -> None:
    go_on = asyncio.Event()
    gateway.once("placeOrder", faults.wait_for(go_on))
    trade = rest(gateway, ib)
    asked = asyncio.ensure_future(ib.reqCurrentTimeAsync())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(asked), 0.05)
    assert kept(gateway) == []
    go_on.set()
    await status(trade, "Submitted")
    await asked


@pytest.mark.parametrize("code", [110, 201, 321, 463])
async def test_a_new_order_that_is_rejected_is_not_known(gateway: FakeGateway, ib: IB, code: int) -> None:
    gateway.once("newOrder", faults.reject(code))
    heard = errors(ib)
    trade = rest(gateway, ib)
    await until(ib.errorEvent, lambda: heard == [(trade.order.orderId, code)])
    assert kept(gateway) == []


@pytest.mark.parametrize("code", [110, 201, 321, 463])
async def test_a_change_that_is_rejected_leaves_an_order_that_lives(gateway: FakeGateway, ib: IB, code: int) -> None:
    gateway.once("modifyOrder", faults.reject(code))
    heard = errors(ib)
    trade = await status(rest(gateway, ib), "Submitted")
    trade.order.lmtPrice = 91
    ib.placeOrder(trade.contract, trade.order)
    await until(ib.errorEvent, lambda: heard == [(trade.order.orderId, code)])
    assert gateway.book.order("ck:1").limit == 90
    assert kept(gateway) == [("ck:1", "Submitted")]


@pytest.mark.parametrize("code", [110, 201, 463])
async def test_a_preview_that_is_rejected_raises(gateway: FakeGateway, ib: IB, code: int) -> None:
    ib.RaiseRequestErrors = True
    gateway.once("whatIfOrder", faults.reject(code))
    with pytest.raises(RequestError) as raised:
        await ib.whatIfOrderAsync(stock(gateway), order("BUY", 10))
    assert raised.value.code == code
    assert await ib.whatIfOrderAsync(stock(gateway), order("BUY", 10))


async def test_a_preview_refused_with_a_warning_never_ends(gateway: FakeGateway, ib: IB) -> None:
    gateway.once("whatIfOrder", faults.reject(321))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ib.whatIfOrderAsync(stock(gateway), order("BUY", 10)), 0.05)


async def test_a_preset_that_makes_it_a_day_order_is_said_of_an_order_that_lives(gateway: FakeGateway, ib: IB) -> None:
    gateway.once("newOrder", faults.preset_day)
    heard = errors(ib)
    trade = ib.placeOrder(stock(gateway), order("BUY", 10, "LMT", lmtPrice=90, tif="GTC", orderRef="ck:1"))
    await until(ib.errorEvent, lambda: heard == [(trade.order.orderId, 10349)])
    assert trade.orderStatus.status == "Cancelled", "which is what the client makes of it"
    assert kept(gateway) == [("ck:1", "Submitted")]
    assert gateway.book.order("ck:1").time_in_force == "DAY"


@pytest.mark.parametrize(
    ("fault", "codes", "true"),
    [
        (faults.not_found, [10147], "Submitted"),
        (faults.filled_meanwhile, [10148], "Filled"),
        (faults.too_late, [10148], "Filled"),
        (faults.stall, [], "Submitted"),
    ],
    ids=["not found", "filled meanwhile", "too late", "lost"],
)
async def test_a_cancel_may_fail_in_every_way(
    gateway: FakeGateway, ib: IB, fault: Fault, codes: list[int], true: str
) -> None:
    gateway.once("cancelOrder", fault)
    heard = errors(ib)
    trade = await status(rest(gateway, ib), "Submitted")
    ib.cancelOrder(trade.order)
    await ib.reqCurrentTimeAsync()
    assert heard == [(trade.order.orderId, code) for code in codes]
    assert kept(gateway) == [("ck:1", true)]
    assert len(trade.fills) == (1 if true == "Filled" else 0)


async def test_any_code_may_follow_an_order_that_was_accepted(gateway: FakeGateway, ib: IB) -> None:
    gateway.once("newOrder", faults.accept_and_say(10311))
    heard = errors(ib)
    trade = rest(gateway, ib)
    await until(ib.errorEvent, lambda: heard == [(trade.order.orderId, 10311)])
    assert kept(gateway) == [("ck:1", "Submitted")]


async def test_fills_statuses_and_commissions_may_come_twice(gateway: FakeGateway, ib: IB) -> None:
    heard: list[str] = []
    for name in ("execDetails", "orderStatus", "commissionReport"):
        gateway.always(name, faults.duplicate(3))
        spy(ib, name, heard)
    trade = await status(ib.placeOrder(stock(gateway), order("BUY", 10)), "Filled")
    await until(trade.commissionReportEvent, lambda: heard.count("commissionReport") == 3)
    assert (heard.count("execDetails"), heard.count("orderStatus")) == (3, 6)
    gateway.never("execDetails")
    heard.clear()
    await status(ib.placeOrder(stock(gateway), order("BUY", 1)), "Filled")
    assert heard.count("execDetails") == 1


async def test_a_status_may_come_before_the_execution(gateway: FakeGateway, ib: IB) -> None:
    trade = await status(rest(gateway, ib), "Submitted")
    heard: list[str] = []
    spy(ib, "execDetails", heard)
    spy(ib, "orderStatus", heard)
    gateway.once("execDetails", faults.after("orderStatus"))
    gateway.book.fill(gateway.book.order("ck:1"))
    await until(trade.fillEvent, lambda: len(trade.fills) == 1)
    assert heard == ["orderStatus", "execDetails"]


async def test_an_older_status_may_come_after_a_newer_one(gateway: FakeGateway, ib: IB) -> None:
    trade = await status(rest(gateway, ib), "Submitted")
    gateway.once("orderStatus", faults.after("orderStatus"))
    said: list[float] = []
    trade.statusEvent += lambda trade: said.append(trade.orderStatus.filled)
    gateway.book.fill(gateway.book.order("ck:1"), 4)
    gateway.book.fill(gateway.book.order("ck:1"), 5)
    await until(trade.statusEvent, lambda: len(said) == 2)
    assert said == [9, 4]


async def test_a_message_may_be_late_or_lost(gateway: FakeGateway, ib: IB) -> None:
    gateway.once("orderStatus", faults.lose)
    gateway.once("openOrder", faults.late(0.02))
    trade = rest(gateway, ib)
    await ib.reqCurrentTimeAsync()
    assert (trade.orderStatus.status, trade.order.permId) == ("PendingSubmit", 0)
    await until(ib.openOrderEvent, lambda: trade.order.permId > 0)


async def test_messages_may_be_kept_back_until_a_test_lets_them_go(gateway: FakeGateway, ib: IB) -> None:
    held = faults.Held()
    gateway.always("orderStatus", held)
    trade = rest(gateway, ib)
    await ib.reqCurrentTimeAsync()
    assert trade.orderStatus.status == "PendingSubmit"
    gateway.never("orderStatus")
    held.release()
    await status(trade, "Submitted")


async def test_what_happens_while_the_line_to_the_exchange_is_lost_is_told_once_it_is_back(
    gateway: FakeGateway, ib: IB
) -> None:
    heard = errors(ib)
    trade = await status(rest(gateway, ib), "Submitted")
    gateway.lost()
    gateway.book.fill(gateway.book.order("ck:1"), 4)
    asked = rest(gateway, ib, "ck:2")
    await ib.reqCurrentTimeAsync()
    assert ([code for _, code in heard], trade.fills, asked.orderStatus.status) == ([1100], [], "PendingSubmit")
    assert ib.isConnected()
    gateway.restored()
    await status(asked, "Submitted")
    assert ([code for _, code in heard], len(trade.fills)) == ([1100, 1102], 1)


async def test_the_line_may_come_back_without_its_market_data(gateway: FakeGateway, ib: IB) -> None:
    heard = errors(ib)
    gateway.lost()
    gateway.restored(data_lost=True)
    await until(ib.errorEvent, lambda: [code for _, code in heard] == [1100, 1101])


async def test_who_connects_while_the_line_is_lost_is_told(gateway: FakeGateway) -> None:
    gateway.lost()
    ib = IB()
    heard = errors(ib)
    await ib.connectAsync("127.0.0.1", gateway.port, clientId=3, timeout=2)
    assert (-1, 1100) in heard
    ib.disconnect()


async def test_a_fault_of_one_client_leaves_others_alone(gateway: FakeGateway, ib: IB) -> None:
    gateway.once("reqCurrentTime", faults.drop_before_accept, when=lambda session, _: session.client_id == 18)
    async with connected(gateway, 18) as other:
        assert await ib.reqCurrentTimeAsync()
        with pytest.raises(ConnectionError):
            await other.reqCurrentTimeAsync()
    assert ib.isConnected()


async def test_a_connection_may_be_refused_before_it_is_told_anything(gateway: FakeGateway) -> None:
    gateway.once("startApi", faults.drop_before_accept)
    ib = IB()
    with pytest.raises((ConnectionError, TimeoutError)):
        await ib.connectAsync("127.0.0.1", gateway.port, clientId=3, timeout=0.1)
    await ib.connectAsync("127.0.0.1", gateway.port, clientId=3, timeout=2)
    ib.disconnect()


async def test_every_connection_may_be_reset_at_once(gateway: FakeGateway, ib: IB) -> None:
    async with connected(gateway, 18) as other:
        gateway.cut()
        await gone(ib)
        await gone(other)
    async with connected(gateway, 17) as again:
        assert again.isConnected()


OUTCOMES: dict[str, Callable[[FakeGateway], None]] = {
    "resting": lambda g: None,
    "filled": lambda g: g.book.fill(g.book.order("ck:1")) and None,
    "partial": lambda g: g.book.fill(g.book.order("ck:1"), 4) and None,
    "cancelled": lambda g: g.book.cancel(g.book.order("ck:1")),
}


@pytest.mark.parametrize("client_id", [17, 18])
@pytest.mark.parametrize("outcome", list(OUTCOMES))
@pytest.mark.parametrize(
    "fault", [faults.drop_after_accept, faults.drop_after_open_order, faults.drop_after_status, faults.half_frame]
)
async def test_whatever_became_of_an_order_after_a_crash_is_found_by_its_reference(
    gateway: FakeGateway, ib: IB, fault: Fault, outcome: str, client_id: int
) -> None:
    gateway.once("placeOrder", fault)
    rest(gateway, ib)
    await gone(ib)
    OUTCOMES[outcome](gateway)
    async with connected(gateway, client_id) as again:
        live = {one.order.orderRef: one.orderStatus.filled for one in await again.reqAllOpenOrdersAsync()}
        ended = {one.order.orderRef: one.orderStatus.status for one in await again.reqCompletedOrdersAsync(False)}
        filled = sum(
            one.execution.shares for one in await again.reqExecutionsAsync() if one.execution.orderRef == "ck:1"
        )
    expected: dict[str, tuple[dict[str, float], dict[str, str], float]] = {
        "resting": ({"ck:1": 0}, {}, 0),
        "partial": ({"ck:1": 4}, {}, 4),
        "filled": ({}, {"ck:1": "Filled"}, 10),
        "cancelled": ({}, {"ck:1": "Cancelled"}, 0),
    }
    assert (live, ended, filled) == expected[outcome]
    assert gateway.book.order("ck:1").filled == Decimal(str(filled))


def errors(ib: IB) -> list[tuple[int, int]]:
    """Return a list that fills with id and code of each error, what is said of farms left out."""
    heard: list[tuple[int, int]] = []
    ib.errorEvent += lambda request, code, *_: heard.append((request, code)) if not 2000 < code < 3000 else None
    return heard


def spy(ib: IB, name: str, heard: list[str]) -> None:
    """Note each message of that name as the client decodes it."""
    original = getattr(ib.wrapper, name)

    def noted(*args: object) -> None:
        heard.append(name)
        original(*args)

    setattr(ib.wrapper, name, noted)
