"""Latches: set by a broken limit, in force at once, kept over restarts, released by the operator alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cockpit.desk.equity import Marks
from cockpit.model.events import LatchChanged, Notice, OrderChanged
from cockpit.model.latches import LatchKind
from cockpit.model.orders import Order, OrderId, OrderState, Side
from cockpit.model.refusals import Refusal, Refused
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from cockpit.store.writes import StoreUnavailable, Write
from tests.desk.desks import NOON, Desk, GrantBook, HandClock, limit, market, open_desk, place


async def refused_code(desk: Desk, client: str = "claude", side: Side = Side.BUY, key: str = "key-00000009") -> str:
    caller = desk.grants.give(client)
    with pytest.raises(Refused) as refused:
        await place(desk, caller, market(side=side), key)
    return refused.value.refusal.code


async def lose(desk: Desk, share: str) -> None:
    """Let the account's equity be that much below what it was."""
    connection = desk.connections.need("paper")
    balances = await connection.broker.balances()
    start = desk.oversight.take_equity(connection, balances).day_start
    desk.oversight.take_equity(connection, replace(balances, equity=start * (1 - Decimal(share))))


async def test_a_days_loss_over_the_limit_lets_only_reducing_orders_pass(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        claude = desk.grants.give("claude")
        bought = await place(desk, claude, market())
        await desk.decisions.approve(bought.order_id, None, None, None, "test")
        await lose(desk, "0.05")
        assert desk.oversight.latches.all() == ()
        await lose(desk, "0.0501")
        assert [one.latch_id for one in desk.oversight.latches.all()] == ["daily_loss:paper"]
        assert await refused_code(desk) == "DAILY_LOSS"
        await place(desk, claude, market(side=Side.SELL), "key-00000002")


async def test_a_drawdown_stops_the_connection_altogether(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        claude = desk.grants.give("claude")
        bought = await place(desk, claude, market())
        await desk.decisions.approve(bought.order_id, None, None, None, "test")
        await lose(desk, "0.2001")
        assert {one.kind for one in desk.oversight.latches.all()} == {LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN}
        assert await refused_code(desk, side=Side.SELL) == "DRAWDOWN"


async def test_a_latch_is_published_audited_and_kept_over_a_restart(tmp_path: Path) -> None:
    clock, grants = HandClock(), GrantBook()
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        await lose(desk, "0.06")
        await desk.oversight.save()
        (event,) = [one for one in desk.events if isinstance(one, LatchChanged)]
        assert event.is_set
        assert [one.tool for one in await desk.store.audit_tail(1)] == ["latch.set"]
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        assert [one.latch_id for one in desk.oversight.latches.all()] == ["daily_loss:paper"]
        assert await refused_code(desk) == "DAILY_LOSS"


async def test_a_latch_is_in_force_even_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        commit = desk.store.commit

        async def broken(*_: object, **__: object) -> tuple[int, ...]:
            raise StoreUnavailable("full")

        await lose(desk, "0.06")
        monkeypatch.setattr(desk.store, "commit", broken)
        await desk.oversight.look()
        assert await refused_code(desk) == "DAILY_LOSS"
        monkeypatch.setattr(desk.store, "commit", commit)
        await desk.oversight.look()
        rows = await desk.store.rows("SELECT kind, subject FROM latches WHERE released_at IS NULL")
        assert [tuple(row) for row in rows] == [("daily_loss", "paper")]


async def test_only_a_release_ends_it_and_the_loss_is_counted_anew(tmp_path: Path) -> None:
    clock, grants = HandClock(), GrantBook()
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        connection = desk.connections.need("paper")
        await lose(desk, "0.06")
        clock.pass_time(86_400)
        assert await refused_code(desk) == "DAILY_LOSS"
        lost = replace(await connection.broker.balances(), equity=Decimal(94_000))
        desk.oversight.take_equity(connection, lost)
        assert await desk.oversight.release("daily_loss:paper", "test") == "daily_loss:paper"
        assert desk.oversight.take_equity(connection, lost).day_start == 94_000
        assert desk.oversight.latches.all() == ()
        assert [one.tool for one in await desk.store.audit_tail(1)] == ["latch.released"]
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        assert desk.oversight.latches.all() == ()


async def test_releasing_what_is_not_latched_says_what_is(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await lose(desk, "0.06")
        answer = await desk.oversight.release("drawdown:paper", "test")
        assert isinstance(answer, Refusal)
        assert answer.code == "LATCH_UNKNOWN"
        assert answer.details["latched"] == "daily_loss:paper"


def changed(desk: Desk, order: Order, **changes: object) -> None:
    """Publish an order as the book would."""
    after = replace(order, changed_at=desk.clock.now(), **changes)  # type: ignore[arg-type]
    desk.oversight.happened(OrderChanged(after.changed_at, after))


async def some_order(desk: Desk, client: str = "claude") -> Order:
    return await place(desk, desk.grants.give(client), market())


async def test_the_same_thing_filled_over_and_over_holds_the_client_and_nobody_else(tmp_path: Path) -> None:
    settings = ConnectionSettings(policy=PolicySettings(max_repeated_fills=3))
    async with open_desk(tmp_path, settings=settings) as desk:
        order = await some_order(desk)
        for number in range(3):
            assert desk.oversight.latches.all() == ()
            one = replace(order, order_id=OrderId(f"o-{number}"))
            changed(desk, one, state=OrderState.PARTLY_FILLED, filled=Decimal("0.5"))
            changed(desk, one, state=OrderState.FILLED, filled=Decimal(1))
        assert [one.latch_id for one in desk.oversight.latches.all()] == ["repeated_execution:claude"]
        assert await refused_code(desk) == "REPEATED_EXECUTION"
        await some_order(desk, "other")
        await desk.oversight.release("repeated_execution:claude", "test")
        await place(desk, desk.grants.give("claude"), market(), "key-00000003")


async def test_fills_count_for_ten_minutes_and_by_symbol_and_side(tmp_path: Path) -> None:
    settings = ConnectionSettings(policy=PolicySettings(max_repeated_fills=2))
    async with open_desk(tmp_path, settings=settings) as desk:
        order = await some_order(desk)
        changed(desk, replace(order, order_id=OrderId("o-1")), state=OrderState.FILLED, filled=Decimal(1))
        other = replace(order, order_id=OrderId("o-2"), request=market(side=Side.SELL))
        changed(desk, other, state=OrderState.FILLED, filled=Decimal(1))
        desk.clock.pass_time(600)
        changed(desk, replace(order, order_id=OrderId("o-3")), state=OrderState.FILLED, filled=Decimal(1))
        assert desk.oversight.latches.all() == ()
        desk.clock.pass_time(599)
        changed(desk, replace(order, order_id=OrderId("o-4")), state=OrderState.FILLED, filled=Decimal(1))
        assert len(desk.oversight.latches.all()) == 1


async def test_a_broker_that_rejects_over_and_over_holds_the_client(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        order = await some_order(desk)
        for number in range(5):
            assert desk.oversight.latches.all() == ()
            changed(desk, replace(order, order_id=OrderId(f"o-{number}")), state=OrderState.REJECTED)
        desk.clock.pass_time(30)
        assert await refused_code(desk) == "REJECT_RATE"
        desk.clock.pass_time(60)
        assert await refused_code(desk) == "REJECT_RATE"


async def test_rejects_of_another_minute_do_not_count(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        order = await some_order(desk)
        for number in range(4):
            changed(desk, replace(order, order_id=OrderId(f"o-{number}")), state=OrderState.REJECTED)
        desk.clock.pass_time(60)
        changed(desk, replace(order, order_id=OrderId("o-9")), state=OrderState.REJECTED)
        assert desk.oversight.latches.all() == ()


async def test_a_daily_limit_is_not_forgotten_by_a_restart(tmp_path: Path) -> None:
    clock, grants = HandClock(), GrantBook()
    settings = ConnectionSettings(policy=PolicySettings(max_daily_orders=2))
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        claude = desk.grants.give("claude")
        price = await desk.touch("ALFA", Side.BUY)
        await place(desk, claude, limit(price), "key-00000001")
        withdrawn = await place(desk, claude, limit(price), "key-00000002")
        await desk.orders.cancel(desk.admitted(claude), withdrawn.order_id)
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        assert await refused_code(desk) == "DAILY_ORDER_COUNT"
        await place(desk, desk.grants.give("other"), market())
        clock.pass_time(86_400)
        await place(desk, desk.grants.give("claude"), market(), "key-00000004")


async def test_an_order_that_the_operator_turns_down_does_not_count(tmp_path: Path) -> None:
    settings = ConnectionSettings(policy=PolicySettings(max_daily_orders=1))
    async with open_desk(tmp_path, settings=settings) as desk:
        order = await some_order(desk)
        assert await refused_code(desk) == "DAILY_ORDER_COUNT"
        await desk.decisions.deny(order.order_id, "no", "test")
        await place(desk, desk.grants.give("claude"), market(), "key-00000002")


@pytest.mark.parametrize("days", [-1, -30])
async def test_a_clock_that_jumps_back_begins_no_new_day(tmp_path: Path, days: int) -> None:
    settings = ConnectionSettings(policy=PolicySettings(max_daily_orders=2))
    clock, grants = HandClock(), GrantBook()
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        connection = desk.connections.need("paper")
        await some_order(desk)
        await lose(desk, "0.04")
        clock.at += timedelta(days=days)
        marks = desk.oversight.take_equity(connection, await connection.broker.balances())
        assert marks.day_start == 100_000
        await place(desk, desk.grants.give("claude"), market(), "key-00000002")
        assert await refused_code(desk) == "DAILY_ORDER_COUNT"
        await desk.oversight.save()
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        assert await refused_code(desk) == "DAILY_ORDER_COUNT"
        connection = desk.connections.need("paper")
        marks = desk.oversight.take_equity(connection, await connection.broker.balances())
        assert marks.day_start == 100_000


@pytest.mark.parametrize("jump", [timedelta(hours=13), timedelta(days=400)])
async def test_a_clock_that_jumps_ahead_and_comes_back_forgives_no_loss_of_the_day(
    tmp_path: Path, jump: timedelta
) -> None:
    clock = HandClock()
    async with open_desk(tmp_path, clock=clock) as desk:
        connection = desk.connections.need("paper")
        balances = await connection.broker.balances()

        def marks_at(equity: int) -> tuple[Decimal, int]:
            marks = desk.oversight.take_equity(connection, replace(balances, equity=Decimal(equity)))
            return marks.day_start, (marks.day - NOON.date()).days

        await lose(desk, "0.03")
        clock.at += jump
        assert marks_at(97_000)[0] == 97_000
        clock.at -= jump
        assert marks_at(96_500) == (100_000, 0)
        clock.at += timedelta(days=1)
        assert marks_at(96_000) == (96_500, 1)
        clock.at -= timedelta(days=1)
        assert marks_at(97_000)[0] == 100_000, "of two days the stricter, wherever the clock stands"


async def test_a_new_day_begins_with_the_equity_seen_last(tmp_path: Path) -> None:
    clock = HandClock()
    async with open_desk(tmp_path, clock=clock) as desk:
        connection = desk.connections.need("paper")
        await lose(desk, "0.04")
        await desk.oversight.save()
    clock.pass_time(86_400)
    async with open_desk(tmp_path, clock=clock) as desk:
        connection = desk.connections.need("paper")
        balances = replace(await connection.broker.balances(), equity=Decimal(91_200))
        marks = desk.oversight.take_equity(connection, balances)
        assert marks.day_start == 96_000
        assert marks.high_water == 100_000
        assert desk.oversight.latches.all() == ()
        desk.oversight.take_equity(connection, replace(balances, equity=Decimal("91199.99")))
        assert [one.kind for one in desk.oversight.latches.all()] == [LatchKind.DAILY_LOSS]


async def test_orders_alike_in_quick_succession_are_refused_and_later_ones_pass(tmp_path: Path) -> None:
    settings = ConnectionSettings(policy=PolicySettings(max_identical=2))
    async with open_desk(tmp_path, settings=settings) as desk:
        await some_order(desk)
        await place(desk, desk.grants.give("claude"), market(), "key-00000002")
        assert await refused_code(desk) == "DUPLICATE_ORDER"
        await place(desk, desk.grants.give("claude"), market(quantity="2"), "key-00000003")
        await place(desk, desk.grants.give("other"), market(), "key-00000001")
        desk.clock.pass_time(30)
        await place(desk, desk.grants.give("claude"), market(), "key-00000004")


async def test_what_filled_before_a_restart_is_not_a_fill_of_now(tmp_path: Path) -> None:
    clock, grants = HandClock(), GrantBook()
    settings = ConnectionSettings(policy=PolicySettings(max_repeated_fills=1))
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        order = await some_order(desk)
        partly = replace(order, version=2, state=OrderState.PARTLY_FILLED, filled=Decimal("0.5"))
        await desk.book.move(order, partly, [])
        assert len(desk.oversight.latches.all()) == 1
        await desk.oversight.save()
        await desk.oversight.release("repeated_execution:claude", "test")
    clock.pass_time(3600)
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        changed(desk, partly, version=3, state=OrderState.CANCELLED)
        assert desk.oversight.latches.all() == ()


async def test_a_latch_that_a_stop_kept_from_the_disk_is_set_again_by_what_the_disk_knows(tmp_path: Path) -> None:
    """Whatever the stop was: nothing is saved here after the last fill and the last reject."""
    clock, grants = HandClock(), GrantBook()
    settings = ConnectionSettings(policy=PolicySettings(max_repeated_fills=2, max_rejects=1))
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        for number in range(2):
            order = await place(desk, grants.give("claude"), market(), f"key-fill-000{number}")
            await desk.decisions.approve(order.order_id, None, None, None, "test")
        order = await place(desk, grants.give("other"), market(), "key-reject-01")
        await desk.book.move(order, replace(order, version=2, state=OrderState.REJECTED, decide_by=None), ())
        latched = {one.latch_id for one in desk.oversight.latches.all()}
        assert latched == {"repeated_execution:claude", "reject_rate:other"}
        assert await desk.store.rows("SELECT * FROM latches") == []
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        assert {one.latch_id for one in desk.oversight.latches.all()} == latched
        clock.pass_time(3600)
        assert {one.latch_id for one in desk.oversight.latches.all()} == latched
        for latch_id in latched:
            await desk.oversight.release(latch_id, "test")
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        assert desk.oversight.latches.all() == ()


async def test_a_loss_that_was_marked_latches_again(tmp_path: Path) -> None:
    clock = HandClock()
    async with open_desk(tmp_path, clock=clock) as desk:
        await lose(desk, "0.21")
        await desk.oversight.save()
        await desk.store.commit([Write("DELETE FROM latches")])
    async with open_desk(tmp_path, clock=clock) as desk:
        assert {one.kind for one in desk.oversight.latches.all()} == {LatchKind.DAILY_LOSS, LatchKind.DRAWDOWN}


async def stored_latches(desk: Desk) -> int:
    return len(await desk.store.rows("SELECT * FROM latches"))


async def test_the_watch_saves_what_is_latched_at_once_and_on_its_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        commit, written = desk.store.commit, asyncio.Event()

        async def told(*of: Any) -> Any:
            result = await commit(*of)
            written.set()
            return result

        monkeypatch.setattr(desk.store, "commit", told)
        watch = asyncio.create_task(desk.oversight.watch())
        await written.wait()
        written.clear()
        desk.oversight.latches.trip(LatchKind.REJECT_RATE, "claude", "test")
        async with asyncio.timeout(0.9):
            await written.wait()
        assert await stored_latches(desk) == 1
        desk.oversight.latches.trip(LatchKind.REJECT_RATE, "other", "test")
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        assert await stored_latches(desk) == 2


async def test_a_broker_that_says_nothing_holds_up_no_latch_and_no_other_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path, more={"other": ConnectionSettings()}) as desk:
        looked = asyncio.Event()
        balances = desk.connections.need("other").broker.balances

        async def silent() -> None:
            await asyncio.Event().wait()

        async def told() -> object:
            looked.set()
            return await balances()

        monkeypatch.setattr(desk.connections.need("paper").broker, "balances", silent)
        monkeypatch.setattr(desk.connections.need("other").broker, "balances", told)
        desk.oversight.latches.trip(LatchKind.REJECT_RATE, "claude", "test")
        once = asyncio.create_task(desk.oversight.look())
        await looked.wait()
        assert await stored_latches(desk) == 1
        once.cancel()
        looked.clear()
        watch = asyncio.create_task(desk.oversight.watch())
        for _ in range(2):
            await looked.wait()
            looked.clear()
        watch.cancel()
        await asyncio.gather(once, watch, return_exceptions=True)


async def test_a_look_ends_though_a_broker_says_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("cockpit.desk.oversight._ANSWER_WITHIN", 0.01)
    monkeypatch.setattr(desk.connections.need("paper").broker, "balances", silent)
    async with asyncio.timeout(2):
        await desk.oversight.look()


async def of_account(desk: Desk, account: str, equity: int) -> Marks:
    """Let another account answer under the connection's name, worth that much."""
    connection = desk.connections.need("paper")
    balances = await connection.broker.balances()
    return desk.oversight.take_equity(connection, replace(balances, account=account, equity=Decimal(equity)))


def latched(desk: Desk) -> list[str]:
    return [one.latch_id for one in desk.oversight.latches.all()]


async def test_another_account_under_the_same_name_has_lost_nothing_and_is_told_of(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await of_account(desk, "DU1234567", 1_000_000)
        assert not [one for one in desk.events if isinstance(one, Notice)]
        for _ in range(2):
            marks = await of_account(desk, "DU7654321", 20_000)
            assert (marks.day_start, marks.high_water) == (20_000, 20_000)
        assert latched(desk) == []
        assert [one.text.split(";")[0] for one in desk.events if isinstance(one, Notice)] == [
            "paper: another account answers than before"
        ]
        await of_account(desk, "DU7654321", 18_900)
        assert latched(desk) == ["daily_loss:paper"]


async def test_a_larger_account_under_the_same_name_is_held_by_its_own_loss(tmp_path: Path) -> None:
    clock, grants = HandClock(), GrantBook()
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        await of_account(desk, "DU7654321", 50_000)
        await desk.oversight.save()
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        await of_account(desk, "DU1234567", 1_000_000)
        assert latched(desk) == []
        await of_account(desk, "DU1234567", 949_000)
        assert latched(desk) == ["daily_loss:paper"]


async def test_an_account_that_comes_back_under_a_name_has_lost_what_it_had_lost(tmp_path: Path) -> None:
    clock, grants = HandClock(), GrantBook()
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        await of_account(desk, "DU1234567", 100_000)
        await of_account(desk, "DU1234567", 94_000)
        await of_account(desk, "DU7654321", 20_000)
        assert await desk.oversight.release("daily_loss:paper", "test") == "daily_loss:paper"
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        assert latched(desk) == []
        assert (await of_account(desk, "DU1234567", 94_000)).day_start == 100_000
        assert latched(desk) == ["daily_loss:paper"]


async def test_a_start_with_another_account_in_the_settings_latches_nothing_for_the_one_before(tmp_path: Path) -> None:
    clock, grants = HandClock(), GrantBook()
    async with open_desk(tmp_path, clock=clock, grants=grants) as desk:
        await of_account(desk, "DU1234567", 100_000)
        await of_account(desk, "DU1234567", 97_000)
        await desk.oversight.save()
    strict = ConnectionSettings(account="SIM-paper", policy=PolicySettings.model_validate({"max_daily_loss": "0.02"}))
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=strict) as desk:
        assert latched(desk) == []
        assert desk.oversight.left(desk.connections.need("paper"), "claude", 0).limits[-1].name == "max_open_orders"
