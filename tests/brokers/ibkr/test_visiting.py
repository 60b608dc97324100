"""Orders of ours that were sent under another client number: they are taken off over a visit under that number."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import visiting
from cockpit.model.orders import Acknowledged, BrokerFact, Cancelled, Executed, LinkLost, OrderRef, OrderState
from cockpit.model.refusals import Refusal, Refused
from tests.brokers.ibkr.trading import Trading, far, trading_at
from tests.brokers.ibkr.trading import trading as trading
from tests.gateway import FakeGateway, faults
from tests.gateway.clients import connected
from tests.gateway.orders import Order
from tests.gateway.planned import Fault, Proceed, carry_on
from tests.gateway.session import Session

BEFORE = 99
"""The client number that the cockpit had before."""


@pytest.fixture(autouse=True)
def shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visiting, "LINGER", 0.02)


def left(trading: Trading, number: int = 1, *, client_id: int = BEFORE, order_id: int = 0) -> Order:
    """Leave an order of ours under another client number."""
    return trading.gateway.book.foreign(
        "ALFA", "BUY", 5, "LMT", "300", reference=f"ck:L{number:025}", client_id=client_id, order_id=order_id or number
    )


async def seen(trading: Trading, *orders: Order) -> list[OrderRef]:
    """Have the books read, and return the references of orders."""
    await trading.broker.orders()
    return [OrderRef(one.reference) for one in orders]


def there(session: Session, _: list[str]) -> bool:
    return session.client_id == BEFORE


def said(trading: Trading, client_id: int = BEFORE) -> list[str]:
    """Return the names of the messages that came from a client."""
    named = [
        (one.name, int(one.fields[2]) if one.name == "startApi" else one.client_id) for one in trading.gateway.seen
    ]
    return [name for name, who in named if who == client_id]


def cancels(trading: Trading) -> list[tuple[int, int]]:
    return [(one.client_id, int(one.fields[2])) for one in trading.gateway.named("cancelOrder")]


async def over(trading: Trading) -> None:
    """Wait until a visit that goes on is over."""
    await trading.broker._placing._visits._visits[BEFORE]._session.lost


async def refused(call: object) -> Refusal:
    with pytest.raises(Refused) as problem:
        await call  # type: ignore[misc]
    return problem.value.refusal


async def becomes(trading: Trading, reference: OrderRef, *kinds: type[BrokerFact]) -> None:
    await trading.until(lambda: set(kinds) <= set(trading.of(reference)))


async def test_it_is_cancelled_under_its_own_number_and_nothing_else_is_said_there(trading: Trading) -> None:
    mine = await trading.rest()
    number = trading.gateway.book.order(mine).order_id
    theirs = left(trading, order_id=number)
    (reference,) = await seen(trading, theirs)

    await trading.broker.cancel(reference)
    await becomes(trading, reference, Cancelled)

    assert theirs.status == "Cancelled"
    assert trading.gateway.book.order(mine).status == "Submitted"
    assert cancels(trading) == [(BEFORE, number)]
    assert [one for one in said(trading) if one != "reqOpenOrders"] == ["startApi", "cancelOrder"]
    (told,) = trading.told(reference, Cancelled)
    assert "Cancelled by Trader" in told.reason
    assert trading.notices == []


async def test_it_can_not_be_changed(trading: Trading) -> None:
    (reference,) = await seen(trading, left(trading))
    assert (await refused(trading.broker.replace(reference, far(3)))).code == "NOT_YOUR_ORDER"
    assert said(trading) == []


async def test_several_go_in_one_visit(trading: Trading) -> None:
    orders = [left(trading, number) for number in range(1, 9)]
    references = await seen(trading, *orders)

    await asyncio.gather(*(trading.broker.cancel(one) for one in (*references, references[0])))

    assert {one.status for one in orders} == {"Cancelled"}
    assert said(trading).count("startApi") == 1
    assert sorted(cancels(trading)) == [(BEFORE, number) for number in range(1, 9)]


async def test_one_visit_follows_another(trading: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = orders = [left(trading, number) for number in (1, 2, 3)]
    references = await seen(trading, *orders)
    monkeypatch.setattr(visiting, "LINGER", 5.0)
    await trading.broker.cancel(references[0])
    monkeypatch.setattr(visiting, "LINGER", 0.0)
    await trading.broker.cancel(references[1])
    await over(trading)
    await trading.broker.cancel(references[2])

    assert (first.status, second.status, third.status) == ("Cancelled",) * 3
    assert said(trading).count("startApi") == 2


async def test_an_answer_that_comes_while_the_next_orders_are_looked_for_is_heard(trading: Trading) -> None:
    first, second = left(trading), left(trading, 2)
    references = await seen(trading, first, second)
    stalled = asyncio.Event()

    async def stall(*_: object) -> None:
        stalled.set()

    async def cancelled_first(_: Session, __: list[str], proceed: Proceed) -> None:
        trading.gateway.book.cancel(first)
        await carry_on(proceed)

    trading.gateway.once("cancelOrder", stall)
    cancelling = asyncio.create_task(trading.broker.cancel(references[0]))
    await stalled.wait()
    trading.gateway.once("reqOpenOrders", cancelled_first)
    await trading.broker.cancel(references[1])

    await cancelling
    assert len(cancels(trading)) == 2


async def test_numbers_have_visits_of_their_own(trading: Trading) -> None:
    orders = [left(trading, 1), left(trading, 2, client_id=98)]
    references = await seen(trading, *orders)
    await asyncio.gather(*map(trading.broker.cancel, references))
    assert sorted(cancels(trading)) == [(98, 2), (BEFORE, 1)]


async def test_a_number_that_another_program_uses_is_named(trading: Trading) -> None:
    theirs = left(trading)
    (reference,) = await seen(trading, theirs)
    async with connected(trading.gateway, BEFORE):
        refusal = await refused(trading.broker.cancel(reference))

    assert refusal.code == "BROKER_NOT_READY"
    assert f"another program uses client number {BEFORE}, whose order it is" in refusal.message
    assert (theirs.status, cancels(trading)) == ("Submitted", [])
    await trading.broker.cancel(reference)
    assert theirs.status == "Cancelled"


async def test_what_isnt_told_there_is_not_cancelled(trading: Trading) -> None:
    theirs = left(trading)
    (reference,) = await seen(trading, theirs)
    # Of another order there may be the same reference, and it isn't that one.
    trading.gateway.once("reqOpenOrders", _as_other_orders(trading), when=there)
    refusal = await refused(trading.broker.cancel(reference))

    assert refusal.code == "ORDER_UNKNOWN"
    assert cancels(trading) == []


def _as_other_orders(trading: Trading) -> Fault:
    async def fault(session: Session, _: list[str], proceed: Proceed) -> None:
        own = [one for one in trading.gateway.book.live() if one.client_id == BEFORE]
        for one in own:
            one.perm_id += 1000
        await carry_on(proceed)
        for one in own:
            one.perm_id -= 1000

    return fault


async def test_an_order_that_filled_meanwhile_is_not_cancelled(trading: Trading) -> None:
    theirs = left(trading)
    (reference,) = await seen(trading, theirs)
    trading.gateway.book.fill(theirs)
    assert (await refused(trading.broker.cancel(reference))).code == "ORDER_UNKNOWN"
    await trading.broker.orders()
    await becomes(trading, reference, Executed)
    assert cancels(trading) == []


@pytest.mark.parametrize("fault", [faults.filled_meanwhile, faults.too_late])
async def test_an_order_that_fills_under_the_cancel_is_filled(trading: Trading, fault: Fault) -> None:
    (reference,) = await seen(trading, left(trading))
    trading.gateway.once("cancelOrder", fault)
    await trading.broker.cancel(reference)
    await becomes(trading, reference, Executed)

    shown = await trading.shown(reference)
    assert shown is not None
    assert shown.state is OrderState.FILLED
    assert Cancelled not in trading.of(reference)
    assert not any("refused" in one for one in trading.notices)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (faults.drop_before_accept, "reqOpenOrders"),
        (faults.half_frame, "reqOpenOrders"),
        (faults.half_frame, "startApi"),
    ],
)
async def test_a_line_that_breaks_before_the_cancel_leaves_the_order_as_it_was(
    trading: Trading, fault: Fault, message: str
) -> None:
    theirs = left(trading)
    (reference,) = await seen(trading, theirs)
    trading.gateway.once(message, fault)
    assert (await refused(trading.broker.cancel(reference))).code == "BROKER_NOT_READY"
    assert (theirs.status, cancels(trading)) == ("Submitted", [])


@pytest.mark.parametrize(
    ("fault", "state"),
    [(faults.drop_before_accept, OrderState.WORKING), (faults.drop_after_accept, OrderState.CANCELLED)],
)
async def test_a_line_that_breaks_in_the_cancel_leaves_it_to_the_books(
    trading: Trading, fault: Fault, state: OrderState
) -> None:
    (reference,) = await seen(trading, left(trading))
    trading.gateway.once("cancelOrder", fault)
    with pytest.raises(BrokerUnavailable):
        await trading.broker.cancel(reference)

    shown = await trading.shown(reference)
    assert shown is not None
    assert shown.state is state
    assert len(cancels(trading)) == 1


async def test_a_cancel_that_is_not_answered_is_not_known_and_sent_again_only_when_asked_for(tmp_path: Path) -> None:
    async with FakeGateway() as gateway, trading_at(gateway, tmp_path, request_seconds=1) as trading:
        theirs = left(trading)
        (reference,) = await seen(trading, theirs)
        gateway.once("cancelOrder", faults.stall)
        with pytest.raises(BrokerUnavailable, match="no answer"):
            await trading.broker.cancel(reference)
        assert len(cancels(trading)) == 1
        await trading.broker.cancel(reference)
        assert (theirs.status, len(cancels(trading))) == ("Cancelled", 2)


async def test_a_cancel_that_is_refused_is_told(trading: Trading) -> None:
    theirs = left(trading)
    (reference,) = await seen(trading, theirs)
    trading.gateway.once("cancelOrder", faults.not_found)
    await trading.broker.cancel(reference)
    await trading.until(lambda: any("a cancel was refused" in one and "10147" in one for one in trading.notices))
    assert theirs.status == "Submitted"
    assert LinkLost not in trading.of(reference)


async def test_nothing_is_done_where_the_api_is_read_only_or_the_account_another(trading: Trading) -> None:
    theirs = left(trading)
    (reference,) = await seen(trading, theirs)
    trading.gateway.read_only = True
    assert "Read-Only" in (await refused(trading.broker.cancel(reference))).message
    trading.gateway.read_only = False
    trading.gateway.accounts = ("DU7654321",)
    assert "doesn't tell account" in (await refused(trading.broker.cancel(reference))).message
    assert (theirs.status, cancels(trading)) == ("Submitted", [])


async def test_client_number_0_is_not_taken(trading: Trading) -> None:
    (reference,) = await seen(trading, left(trading, client_id=0))
    assert (await refused(trading.broker.cancel(reference))).code == "NOT_YOUR_ORDER"
    assert said(trading, 0) == []


async def test_a_visit_keeps_to_the_message_budget(trading: Trading) -> None:
    orders = [left(trading, number) for number in range(1, 53)]
    references = await seen(trading, *orders)
    await asyncio.gather(*map(trading.broker.cancel, references))

    assert {one.status for one in orders} == {"Cancelled"}
    assert trading.gateway.most_in_a_second(BEFORE) < 50


async def test_who_gives_up_before_the_cancel_has_left_has_sent_none(trading: Trading) -> None:
    theirs = left(trading)
    (reference,) = await seen(trading, theirs)
    asked, go = asyncio.Event(), asyncio.Event()

    async def held(_: Session, __: list[str], proceed: Proceed) -> None:
        asked.set()
        await go.wait()
        await carry_on(proceed)

    trading.gateway.once("reqOpenOrders", held, when=there)
    cancelling = asyncio.create_task(trading.broker.cancel(reference))
    await asked.wait()
    cancelling.cancel()
    with suppress(asyncio.CancelledError):
        await cancelling
    go.set()
    await over(trading)
    assert (theirs.status, cancels(trading)) == ("Submitted", [])


async def test_a_stop_in_mid_visit_lets_go_of_the_number(trading: Trading) -> None:
    (reference,) = await seen(trading, left(trading))
    asked = asyncio.Event()

    async def never(*_: object) -> None:
        asked.set()

    trading.gateway.once("reqOpenOrders", never, when=there)
    cancelling = asyncio.create_task(trading.broker.cancel(reference))
    await asked.wait()
    await trading._stack.aclose()
    assert (await refused(cancelling)).code == "BROKER_NOT_READY"
    async with connected(trading.gateway, BEFORE):
        pass


async def test_the_operator_is_told_of_what_works_under_another_number(trading: Trading) -> None:
    await trading.rest()
    assert trading.notices == []
    orders = [left(trading), left(trading, 2, client_id=0)]
    await trading.start()

    first, second = sorted(trading.notices)
    assert "client number 0 works on; not even a kill takes them off" in first
    assert f"client number {BEFORE} works on; it can be cancelled, not changed" in second
    assert f"ALFA {orders[0].reference}" in second
    assert Acknowledged in trading.of(OrderRef(orders[0].reference))
    assert {one.quantity for one in orders} == {Decimal(5)}


async def test_the_same_number_of_two_clients_is_not_mixed_up_by_what_a_visit_hears(trading: Trading) -> None:
    mine = await trading.rest()
    theirs = left(trading, order_id=trading.gateway.book.order(mine).order_id)
    (reference,) = await seen(trading, theirs)
    trading.gateway.once("cancelOrder", faults.reject(10148))
    await trading.broker.cancel(reference)
    await trading.broker.orders()
    assert trading.of(mine) == [Acknowledged]
    assert not any(mine in one for one in trading.notices)
