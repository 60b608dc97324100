"""What a client and a connection did today: by the worth that was judged, on the day of the last raise, over restarts."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cockpit.desk import records
from cockpit.model.events import OrderChanged
from cockpit.model.identity import Caller
from cockpit.model.money import ZERO
from cockpit.model.orders import Order, OrderRequest, OrderState, Side
from cockpit.model.refusals import Refused
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from cockpit.store.schema import migrate, shipped_migrations
from tests.desk.desks import NOON, Desk, GrantBook, HandClock, limit, market, open_desk, place

CENT = Decimal("0.01")


def under(**limits: object) -> ConnectionSettings:
    return ConnectionSettings(policy=PolicySettings.model_validate({"max_notional": 10_000_000, **limits}))


def worth(desk: Desk) -> Decimal:
    """Return the value of what claude did today, as the limit sees it."""
    return desk.oversight.activity("paper", "claude", market(), ()).client_notional


async def sent(desk: Desk, caller: Caller, request: OrderRequest, key: str) -> Order:
    order = await place(desk, caller, request, key)
    answer = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert isinstance(answer, Order), answer
    return answer


async def below(desk: Desk, share: str) -> Decimal:
    return (await desk.touch("ALFA", Side.BUY) * Decimal(share)).quantize(CENT)


async def test_the_days_value_is_the_one_that_was_judged_whatever_fills_at_and_less_what_ends(
    desk: Desk, claude: Caller
) -> None:
    order = await place(desk, claude, market())
    judged = await desk.observer.judge(desk.connections.need("paper"), market(), client="claude")
    assert worth(desk) == judged.notional
    half = {"version": 2, "filled": Decimal("0.5"), "average_price": Decimal(10)}
    for state, part in ((OrderState.PARTLY_FILLED, 1), (OrderState.CANCELLED, Decimal("0.5"))):
        desk.oversight.happened(OrderChanged(NOON, replace(order, state=state, **half)))  # type: ignore[arg-type]
        assert worth(desk) == part * (judged.notional or 0)
    tally = desk.oversight._tally
    day = tally.client("claude")
    assert (day.orders, day.cancels, day.fills) == (1, 1, 1)
    assert tally.client("claude", [order.order_id]).notional == ZERO
    assert tally.connection("paper").orders == 1


async def test_a_multiplier_counts_in_the_days_value(
    desk: Desk, claude: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = desk.connections.need("paper").broker
    found = broker.find

    async def find(symbol: str) -> list[Any]:
        return [replace(one, multiplier=Decimal(10)) for one in await found(symbol)]

    monkeypatch.setattr(broker, "find", find)
    price = await below(desk, "0.99")
    await sent(desk, claude, limit(price, quantity="2"), "key-buy-0001")
    assert worth(desk) == 2 * price * 10


async def test_a_raise_of_an_older_order_counts_on_its_own_day_and_after_a_restart(tmp_path: Path) -> None:
    clock, grants = HandClock(), GrantBook()
    settings = under(max_daily_notional=10_000, max_quote_age_seconds=3600, gtc_days=30)
    claude = grants.give("claude")
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        price = await below(desk, "0.99")
        orders = [await sent(desk, claude, limit(price - n, quantity="1"), f"key-buy-000{n}") for n in range(2)]
        clock.pass_time(86_400)
        assert worth(desk) == 0
        admitted = desk.admitted(claude)
        price = await below(desk, "0.985")
        raised = await desk.orders.modify(admitted, orders[0].order_id, Decimal(25), price)
        assert worth(desk) == 0
        answer = await desk.decisions.approve(raised.order_id, None, None, None, "test")
        assert isinstance(answer, Order)
        assert answer.request.quantity == 25
        assert worth(desk) == 25 * max(price, orders[0].unit_worth or ZERO)
    async with open_desk(tmp_path, clock=clock, grants=grants, settings=settings) as desk:
        assert worth(desk) == 25 * max(price, orders[0].unit_worth or ZERO)
        with pytest.raises(Refused) as refused:
            await desk.orders.modify(desk.admitted(claude), orders[1].order_id, Decimal(25), price)
        assert "DAILY_NOTIONAL" in refused.value.refusal.details
        clock.pass_time(86_400)
        assert worth(desk) == 0


async def test_a_client_that_asks_on_two_connections_at_once_has_one_limit(tmp_path: Path) -> None:
    settings = under(max_daily_orders=1)
    async with open_desk(tmp_path, settings=settings, more={"other": settings}) as desk:
        callers = [desk.grants.give("claude"), desk.grants.give("claude", connection="other")]
        answers = await asyncio.gather(
            *(place(desk, caller, market(), f"key-0000000{n}") for n, caller in enumerate(callers)),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Order) for one in answers) == 1
        assert [one.refusal.code for one in answers if isinstance(one, Refused)] == ["DAILY_ORDER_COUNT"]


@pytest.mark.parametrize("jump", [timedelta(hours=13), timedelta(days=400)])
async def test_a_clock_that_jumps_ahead_and_comes_back_forgets_nothing_of_the_day(
    tmp_path: Path, jump: timedelta
) -> None:
    clock = HandClock()
    async with open_desk(tmp_path, clock=clock) as desk:
        claude, tally = desk.grants.give("claude"), desk.oversight._tally
        cancelled = await place(desk, claude, market(), "key-00000001")
        clock.at += jump
        assert (tally.client("claude").orders, worth(desk)) == (0, 0)
        await place(desk, claude, market(), "key-00000002")
        await desk.orders.cancel(desk.admitted(claude), cancelled.order_id)
        clock.at -= jump
        assert (tally.client("claude").orders, tally.connection("paper").orders) == (2, 2)
        assert worth(desk) > 0
        clock.at += timedelta(days=1)
        assert tally.client("claude").orders == 0


async def test_an_old_database_counts_its_orders_by_their_prices(tmp_path: Path) -> None:
    clock = HandClock()
    async with open_desk(tmp_path / "new", clock=clock) as desk:
        order = await place(desk, desk.grants.give("claude"), limit(await below(desk, "0.99"), quantity="3"))
    folder = tmp_path / "old"
    folder.mkdir(mode=0o700)
    file = folder / "cockpit.db"
    file.touch(mode=0o600)
    old = sqlite3.connect(file, isolation_level=None)
    migrate(old, [one for one in shipped_migrations() if one.number <= 16], 1)
    names = [one.strip() for one in records._COLUMNS.split(",")]
    values = dict(zip(names, records._row(order), strict=True))
    kept = [name for name in names if name not in {"unit_worth", "raised_at"}]
    marks = ", ".join("?" for _ in kept)
    old.execute(f"INSERT INTO orders ({', '.join(kept)}) VALUES ({marks})", [values[name] for name in kept])
    old.execute("INSERT INTO limits_set VALUES ('client', 'Claude', 'max_quantity', '7', 1)")
    old.close()
    async with open_desk(folder, clock=clock) as desk:
        assert desk.book.get(order.order_id) is not None
        assert worth(desk) == 3 * (order.request.limit_price or 0)
        assert desk.oversight.limits.policy(desk.connections.need("paper"), "claude").max_quantity == 7
