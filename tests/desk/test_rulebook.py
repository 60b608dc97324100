"""Which rules are off, and what the rules say of orders that are decided on together."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cockpit.desk.groups import Leg, Wanted, basket, bracket, split
from cockpit.desk.rulebook import Rulebook
from cockpit.desk.rules import Verdict
from cockpit.desk.together import judge_together
from cockpit.model.identity import ClientName
from cockpit.model.orders import Role, Side
from cockpit.model.refusals import Refusal
from cockpit.settings.approval import Do, RuleSettings
from cockpit.store.writes import StoreUnavailable
from tests.desk.desks import Desk, market
from tests.desk.test_rules import rule

CLAUDE = ClientName("claude")


async def _verdict(desk: Desk, rules: tuple[RuleSettings, ...], wanted: Wanted) -> Verdict:
    together = await judge_together(desk.observer, desk.connections.need("paper"), wanted)
    return Rulebook(rules, desk.store, desk.clock).verdict(CLAUDE, "paper", together)


async def test_a_rule_that_is_off_stays_off_over_a_restart_until_it_is_switched_on(desk: Desk) -> None:
    rules = (rule("small", Do.APPROVE, max_notional=500),)
    book = Rulebook(rules, desk.store, desk.clock)
    assert await book.switch("small", False, "test") is None
    again = Rulebook(rules, desk.store, desk.clock)
    await again.load()
    assert again.off == {"small"}
    assert await again.switch("small", True, "test") is None
    assert again.off == frozenset()
    unknown = await again.switch("other", False, "test")
    assert isinstance(unknown, Refusal)
    assert unknown.code == "RULE_UNKNOWN"


async def test_off_holds_even_where_it_can_not_be_written_and_on_does_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Rulebook((rule("small", Do.APPROVE, max_notional=500),), desk.store, desk.clock)

    async def fail(*_: object) -> None:
        raise StoreUnavailable("full")

    monkeypatch.setattr(desk.store, "commit", fail)
    assert isinstance(await book.switch("small", False, "test"), Refusal)
    assert book.off == {"small"}
    assert isinstance(await book.switch("small", True, "test"), Refusal)
    assert book.off == {"small"}


async def test_many_small_orders_are_one_large_one(desk: Desk) -> None:
    price = await desk.touch("ALFA", Side.BUY)
    rules = (rule("small", Do.APPROVE, max_notional=price * 2),)
    one = market(quantity="1")
    assert (await _verdict(desk, rules, Wanted.alone(one))).do is Do.APPROVE
    legs = [Leg(one, Role.LEG)] * 3
    assert (await _verdict(desk, rules, basket(legs))).do is Do.ASK
    parts = split(market(quantity="3"), Decimal(1))
    assert not isinstance(parts, Refusal)
    assert (await _verdict(desk, rules, parts)).do is Do.ASK


async def test_the_exits_of_a_bracket_go_with_its_entry_unless_a_rule_says_otherwise(desk: Desk) -> None:
    price = await desk.touch("ALFA", Side.BUY)
    tick = Decimal("0.01")
    wanted = bracket(market(), (price * Decimal("1.02")).quantize(tick), (price * Decimal("0.98")).quantize(tick), None)
    buys = rule("buys", Do.APPROVE, sides=["buy"])
    assert await _verdict(desk, (buys,), wanted) == Verdict(Do.APPROVE, "buys")
    stops = rule("no-stops", Do.DENY, order_types=["stop"])
    assert await _verdict(desk, (stops, buys), wanted) == Verdict(Do.DENY, "no-stops")


async def test_only_what_closes_reduces(desk: Desk) -> None:
    rules = (rule("less", Do.APPROVE, reducing=True),)
    assert (await _verdict(desk, rules, Wanted.alone(market(side=Side.SELL)))).do is Do.ASK
