"""However long a broker takes over its answers, an order is judged on the price of the moment at which it is judged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cockpit.desk.groups import Leg, basket
from cockpit.desk.together import judge_together
from cockpit.model.orders import Role
from cockpit.model.refusals import Refusal
from tests.desk.desks import Desk, market, open_desk, place
from tests.desk.live_broker import LiveBroker, live_settings
from tests.desk.test_live import arm, broker

SLOW = 9.0
"""Seconds; a price counts for five."""


@pytest.fixture
async def armed(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk with real money that is armed."""
    async with open_desk(tmp_path / "data", settings=live_settings(), make=LiveBroker) as opened:
        await arm(opened)
        yield opened


def slowed(desk: Desk, answer: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return an answer of the broker that takes its time, and is of the moment at which it was begun."""

    async def slow(*given: object) -> object:
        found = await answer(*given)
        desk.clock.pass_time(SLOW)
        return found

    return slow


@pytest.mark.parametrize("name", ["estimate", "bars", "balances", "clock"])
async def test_a_slow_answer_makes_no_price_old(armed: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    order = await place(armed, armed.grants.give("claude"), market("ALFA", "5"))
    monkeypatch.setattr(broker(armed), name, slowed(armed, getattr(broker(armed), name)))
    armed.clock.pass_time(86_400)  # what is asked for once a day is asked for again
    seen = (await armed.observer.judge(armed.connections.need("paper"), order.request, but=order.order_id)).seen
    assert seen.quote is not None
    assert seen.quote.as_of == seen.now == armed.clock.now()


async def test_a_price_that_was_long_on_its_way_is_as_old_as_it_is(
    armed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await place(armed, armed.grants.give("claude"), market("ALFA", "5"))
    monkeypatch.setattr(broker(armed), "quote", slowed(armed, broker(armed).quote))
    refused = await armed.decisions.approve(order.order_id, None, None, None, "screen")
    assert isinstance(refused, Refusal)
    assert refused.code == "MARKET_DATA_STALE"
    assert not await broker(armed).orders()


async def test_a_price_that_moves_while_the_broker_previews_the_order_is_the_one_that_counts(
    armed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await place(armed, armed.grants.give("claude"), market("ALFA", "5"))
    touch = order.asked_at_price
    assert touch is not None
    estimate, quote = broker(armed).estimate, broker(armed).quote
    previewed: list[object] = []

    async def preview(*given: Any) -> Any:
        previewed.append(given)
        return await estimate(*given)

    async def risen(instrument: Any) -> Any:
        found = await quote(instrument)
        assert found is not None
        share = 2 if previewed else 1
        return replace(found, bid=found.bid and found.bid * share, ask=found.ask and found.ask * share)

    monkeypatch.setattr(broker(armed), "estimate", preview)
    monkeypatch.setattr(broker(armed), "quote", risen)
    refused = await armed.decisions.approve(order.order_id, None, None, None, "screen")
    assert isinstance(refused, Refusal)
    assert refused.code == "PRICE_MOVED"


async def test_of_orders_that_are_judged_together_none_keeps_the_price_from_before_the_others_were_looked_at(
    armed: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker(armed), "estimate", slowed(armed, broker(armed).estimate))
    wanted = basket([Leg(market(symbol), Role.LEG) for symbol in ("ALFA", "BRVO")])
    together = await judge_together(armed.observer, armed.connections.need("paper"), wanted)
    for one in together.judged:
        assert one.seen.quote is not None
        assert one.seen.quote.as_of == one.seen.now == armed.clock.now()
        assert not [check.code for check in one.checks if not check.ok]
