"""Outside regular hours the operator gets out with limits, whatever the limits of clients say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.closure import Close
from cockpit.model.instruments import Instrument
from cockpit.model.orders import OrderState, OrderType, Side
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refused
from tests.desk.desks import Desk, HandClock, limit, open_desk
from tests.desk.live_broker import LiveBroker, live_settings
from tests.desk.test_by_hand import by_hand, hold, wanted
from tests.desk.test_live import arm, broker

MORNING, TO_FIVE = datetime(2026, 3, 2, 16, 0, tzinfo=UTC), 6 * 3600
"""Eleven in New York, and the seconds from then to an hour after the close."""


@pytest.fixture(params=[True, False])
async def after_hours(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk that holds 5 ALFA an hour after the close, where clients may trade outside hours and where not."""
    clock = HandClock()
    clock.at = MORNING
    policy = {"allow_outside_hours": request.param}
    settings = live_settings(policy, session="XNYS")
    async with open_desk(tmp_path, settings=settings, make=LiveBroker, clock=clock) as desk:
        await arm(desk)
        await hold(desk, desk.grants.give("claude"), "5")
        clock.pass_time(TO_FIVE)
        yield desk


@pytest.mark.parametrize("at_touch", [True, False])
async def test_a_limit_by_hand_may_fill_outside_regular_hours(after_hours: Desk, at_touch: bool) -> None:
    bid = await after_hours.touch("ALFA", Side.SELL)
    close = replace(wanted("2", None if at_touch else bid), at_touch=at_touch)
    look = await by_hand(after_hours).look(close)
    assert (look.request.outside_hours, look.together.refusal()) == (True, None)
    sent = await by_hand(after_hours).close(close, look.seen, "screen")
    assert (sent.state, sent.request.limit_price) == (OrderState.FILLED, bid)


async def test_at_market_the_operator_is_told_how_he_gets_out(after_hours: Desk) -> None:
    with pytest.raises(Refused) as refused:
        await by_hand(after_hours).close(wanted(), "", "screen")
    assert refused.value.refusal.code == "SESSION_CLOSED"
    assert "with a limit, a price or touch" in refused.value.refusal.message


async def test_flattening_outside_regular_hours_sells_at_the_touch(after_hours: Desk) -> None:
    bid = await after_hours.touch("ALFA", Side.SELL)
    done = await by_hand(after_hours).flatten("paper", "screen")
    assert done.is_flat
    assert [(one.request.limit_price, one.request.outside_hours) for one in done.orders] == [(bid, True)]


async def test_what_has_no_price_outside_regular_hours_is_left_and_named(
    after_hours: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(instrument: Instrument) -> Quote | None:
        return None

    monkeypatch.setattr(broker(after_hours), "quote", none)
    done = await by_hand(after_hours).flatten("paper", "screen")
    assert (done.orders, [(symbol, why.code) for symbol, why in done.left]) == ((), [("ALFA", "MARKET_DATA_MISSING")])


async def test_clients_are_held_to_regular_hours_as_the_limits_say(after_hours: Desk) -> None:
    connection = after_hours.connections.need("paper")
    asked = limit(await after_hours.touch("ALFA", Side.SELL), "ALFA", "5", Side.SELL)
    policy = connection.settings.policy
    for outside in (True, False):
        judged = await after_hours.observer.judge(connection, replace(asked, outside_hours=outside), client="claude")
        closed = next(one for one in judged.checks if one.code == "SESSION_CLOSED")
        assert closed.ok is (outside and policy.allow_outside_hours)


async def test_in_regular_hours_an_order_says_nothing_of_others(desk: Desk) -> None:
    await hold(desk, desk.grants.give("claude"), "5")
    look = await by_hand(desk).look(Close("paper", "ALFA", at_touch=True))
    assert (look.request.order_type, look.request.outside_hours) == (OrderType.LIMIT, False)
    assert (await by_hand(desk).look(Close("paper", "ALFA", Decimal(1)))).request.order_type is OrderType.MARKET
