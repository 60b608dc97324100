"""Races and a disk that takes nothing: what was found to go wrong once must never again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.model.identity import Caller
from cockpit.model.orders import Order, OrderState, Side
from cockpit.model.refusals import Refused
from cockpit.model.trading import TradingState
from cockpit.settings.model import ConnectionSettings, PolicySettings
from cockpit.store.audit import AuditEntry
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write
from tests.desk.desks import Desk, limit, market, open_desk, place

WIDE = ConnectionSettings(policy=PolicySettings(max_notional=Decimal(100_000)))


class SickStore:
    """Stands in for a store's commit and fails as it is told."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
        self._commit = desk.store.commit
        self._error = error
        self.sick = False
        self.then: Callable[[], object] | None = None
        monkeypatch.setattr(desk.store, "commit", self)

    async def __call__(self, writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> tuple[int, ...]:
        if self.sick and audit:
            raise self._error("sick")
        numbers = await self._commit(writes, audit)
        if self.then is not None:
            then, self.then = self.then, None
            self.sick = True
            then()
        return numbers


async def resting(desk: Desk, caller: Caller, key: str = "resting-0001") -> Order:
    price = (await desk.touch("ALFA", Side.BUY) * Decimal("0.98")).quantize(Decimal("0.01"))
    order = await place(desk, caller, limit(price), key)
    sent = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(sent, Order)
    assert sent.state is OrderState.WORKING
    return sent


async def until(desk: Desk, order: Order, *states: OrderState) -> Order:
    """Return the order once it is in one of the states, or as it is after two seconds."""
    for _ in range(200):
        now = desk.book.get(order.order_id)
        assert now is not None
        if now.state in states:
            return now
        await asyncio.sleep(0.01)
    raise AssertionError(desk.book.get(order.order_id))


async def test_two_closing_orders_approved_at_once_never_open_a_position(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data", settings=WIDE) as desk:
        claude = desk.grants.give("claude")
        bought = await place(desk, claude, market(quantity="20"), "buy-00000001")
        await desk.decisions.approve(bought.order_id, None, None, None, "test")
        sells = [
            await place(desk, claude, market(quantity=amount, side=Side.SELL), f"sell-0000{amount}")
            for amount in ("19", "20")
        ]
        desk.switch.lower(TradingState.REDUCE_ONLY, "test")
        await asyncio.gather(*(desk.decisions.approve(one.order_id, None, None, None, "test") for one in sells))
        positions = await desk.connections.need("paper").broker.positions()
        filled = [one.request.quantity for one in sells if desk.book.get(one.order_id).state is OrderState.FILLED]  # type: ignore[union-attr]
        assert len(filled) == 1, "one of them closes, and the other would open"
        assert sum((one.quantity for one in positions), Decimal(0)) == 20 - filled[0]


@pytest.mark.parametrize("error", [StoreBusy, StoreUnavailable])
async def test_facts_that_the_disk_does_not_take_are_neither_lost_nor_late_in_memory(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    order = await resting(desk, claude)
    store = SickStore(desk, monkeypatch, error)
    connection = desk.connections.need("paper")
    # The broker's journal is on the same disk, so it is told while that still works.
    await connection.broker.cancel(order.reference)
    store.sick = True
    await until(desk, order, OrderState.CANCELLED)
    store.sick = False
    await asyncio.sleep(1)
    (row,) = await desk.store.rows("SELECT state FROM orders WHERE order_id = ?", (order.order_id,))
    assert row["state"] == "cancelled"


@pytest.mark.parametrize("error", [StoreBusy, StoreUnavailable])
async def test_an_expiry_that_can_not_be_written_does_not_end_the_watch(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    order = await place(desk, claude, market())
    store = SickStore(desk, monkeypatch, error)
    store.sick = True
    desk.clock.pass_time(500)
    await desk.decisions.expire_due()
    store.sick = False
    await desk.decisions.expire_due()
    assert await until(desk, order, OrderState.EXPIRED)


async def test_what_a_kill_voids_stays_void_however_full_the_disk_was(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await place(desk, claude, market())
    store = SickStore(desk, monkeypatch, StoreUnavailable)
    store.sick = True
    desk.switch.lower(TradingState.KILLED, "test")
    await desk.decisions.void_waiting("KILL_SWITCH", "test")
    now = desk.book.get(order.order_id)
    assert now is not None
    assert now.state is OrderState.REFUSED
    store.sick = False
    await desk.decisions.void_waiting("KILL_SWITCH", "test")
    await desk.switch.resume("go", "test")
    answer = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert not isinstance(answer, Order)
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_an_order_refused_at_the_last_look_does_not_stay_on_its_way(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await place(desk, claude, market())
    store = SickStore(desk, monkeypatch, StoreUnavailable)
    store.then = lambda: desk.switch.lower(TradingState.KILLED, "test")
    await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert await until(desk, order, OrderState.REFUSED)
    store.sick = False
    assert await desk.connections.need("paper").broker.orders() == ()


async def test_a_placing_whose_authority_ends_meanwhile_leaves_nothing_waiting(desk: Desk, claude: Caller) -> None:
    placing = asyncio.create_task(place(desk, claude, market()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    desk.grants.grants.clear()
    await desk.decisions.void_waiting("GRANT_ENDED", "test", claude.grant.grant_id)
    result = (await asyncio.gather(placing, return_exceptions=True))[0]
    assert isinstance(result, Refused)
    assert desk.book.waiting() == []


async def test_a_client_learns_that_the_operator_sent_less(desk: Desk, claude: Caller) -> None:
    order = await place(desk, claude, market(quantity="5"))
    sent = await desk.decisions.approve(order.order_id, None, Decimal(2), None, "test")
    assert isinstance(sent, Order)
    assert sent.state is OrderState.FILLED
    assert "edited by the operator" in sent.reason


async def test_changing_a_closing_order_gives_no_buying_power(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data", settings=WIDE) as desk:
        claude = desk.grants.give("claude")
        bought = await place(desk, claude, market(quantity="20"), "buy-00000001")
        await desk.decisions.approve(bought.order_id, None, None, None, "test")
        price = (await desk.touch("ALFA", Side.SELL) * Decimal("1.02")).quantize(Decimal("0.01"))
        selling = await place(desk, claude, limit(price, quantity="20", side=Side.SELL), "sell-0000001")
        await desk.decisions.approve(selling.order_id, None, None, None, "test")
        look = await desk.decisions.look(selling.order_id)
        balances = await desk.connections.need("paper").broker.balances()
        seen = getattr(look, "judged").seen  # noqa: B009 - a refusal has none, and the test should say so
        assert balances.buying_power - seen.in_flight <= balances.buying_power
