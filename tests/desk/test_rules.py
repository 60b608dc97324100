"""What rules decide: the first that fits, never more than the operator allowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.desk.rules import Facts, Verdict, decide, strictest
from cockpit.model.identity import ClientName
from cockpit.model.orders import OrderRequest, OrderType, Side, TimeInForce
from cockpit.settings.approval import Day, Do, RuleSettings, WhenSettings

MONDAY = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
FACTS = Facts(ClientName("claude"), "paper", Decimal(400), False, MONDAY)
BUY = OrderRequest("ALFA", Side.BUY, Decimal(1), OrderType.MARKET, None, TimeInForce.DAY)


def rule(name: str, do: Do, **when: object) -> RuleSettings:
    return RuleSettings(name=name, do=do, when=WhenSettings.model_validate(when))


SMALL = rule("small", Do.APPROVE, max_notional=500)

_few = st.sampled_from
whens = st.builds(
    WhenSettings,
    clients=_few([(), ("claude",), ("other",)]),
    connections=_few([(), ("paper",), ("live",)]),
    symbols=_few([(), ("ALFA",), ("BRVO", "ALFA"), ("BRVO",)]),
    sides=_few([(), (Side.BUY,), (Side.SELL,)]),
    order_types=_few([(), (OrderType.MARKET,), (OrderType.LIMIT,)]),
    max_notional=_few([None, Decimal(100), Decimal(500)]),
    reducing=st.booleans(),
    hours=_few(["", "09:30-16:00", "22:00-04:00"]),
    time_zone=_few(["UTC", "America/New_York"]),
    days=_few([(), (Day.MON,), (Day.SUN, Day.TUE)]),
)
kinds = st.tuples(_few(list(Do)), whens).filter(lambda pair: pair[0] is not Do.APPROVE or pair[1].says_something)
books = st.lists(kinds, max_size=6).map(
    lambda pairs: tuple(RuleSettings(name=f"r{at}", do=do, when=when) for at, (do, when) in enumerate(pairs))
)
facts = st.builds(
    Facts,
    client=_few([ClientName("claude"), ClientName("other")]),
    connection=_few(["paper", "live"]),
    notional=_few([None, Decimal(50), Decimal(100), Decimal(1000)]),
    adds_risk=_few([None, False, True]),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
orders = st.builds(
    lambda symbol, side, kind: replace(
        BUY, symbol=symbol, side=side, order_type=kind, limit_price=Decimal(1) if kind is OrderType.LIMIT else None
    ),
    _few(["ALFA", "BRVO"]),
    _few(list(Side)),
    _few([OrderType.MARKET, OrderType.LIMIT]),
)


def test_where_no_rule_fits_the_operator_is_asked() -> None:
    assert decide(BUY, FACTS, ()) == Verdict(Do.ASK)
    assert decide(BUY, FACTS, (rule("other", Do.APPROVE, clients=["other"]),)) == Verdict(Do.ASK)


def test_the_first_rule_that_fits_decides() -> None:
    rules = (rule("sells", Do.DENY, sides=["sell"]), SMALL, rule("all", Do.CONFIRM))
    assert decide(BUY, FACTS, rules) == Verdict(Do.APPROVE, "small")
    assert decide(replace(BUY, side=Side.SELL), FACTS, rules) == Verdict(Do.DENY, "sells")
    assert decide(BUY, replace(FACTS, notional=Decimal("500.01")), rules) == Verdict(Do.CONFIRM, "all")


@pytest.mark.parametrize(
    ("condition", "fits", "misses"),
    [
        ({"clients": ["claude"]}, FACTS, replace(FACTS, client=ClientName("claude2"))),
        ({"connections": ["paper"]}, FACTS, replace(FACTS, connection="live")),
        ({"max_notional": 400}, FACTS, replace(FACTS, notional=Decimal("400.01"))),
        ({"reducing": True}, FACTS, replace(FACTS, adds_risk=True)),
        ({"hours": "15:00-16:00"}, FACTS, replace(FACTS, now=MONDAY.replace(hour=16))),
        ({"days": ["mon"]}, FACTS, replace(FACTS, now=MONDAY.replace(day=3))),
    ],
)
def test_each_condition_lets_only_its_own_through(condition: dict[str, object], fits: Facts, misses: Facts) -> None:
    rules = (rule("one", Do.APPROVE, **condition),)
    assert decide(BUY, fits, rules).do is Do.APPROVE
    assert decide(BUY, misses, rules).do is Do.ASK


def test_a_clients_name_is_the_same_in_any_case() -> None:
    rules = (rule("one", Do.DENY, clients=["Claude"]),)
    assert decide(BUY, replace(FACTS, client=ClientName("cLAUDE")), rules).do is Do.DENY


def test_hours_are_those_of_the_rules_own_zone() -> None:
    rules = (rule("session", Do.APPROVE, hours="09:30-16:00", time_zone="America/New_York"),)
    assert decide(BUY, replace(FACTS, now=datetime(2026, 3, 2, 14, 29, tzinfo=UTC)), rules).do is Do.ASK
    assert decide(BUY, replace(FACTS, now=datetime(2026, 3, 2, 14, 30, tzinfo=UTC)), rules).do is Do.APPROVE
    # Summer time began on 8 March 2026.
    assert decide(BUY, replace(FACTS, now=datetime(2026, 3, 9, 13, 30, tzinfo=UTC)), rules).do is Do.APPROVE


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    rules = (rule("night", Do.APPROVE, hours="22:00-04:00", days=["mon"]),)
    assert decide(BUY, replace(FACTS, now=datetime(2026, 3, 3, 3, 59, tzinfo=UTC)), rules).do is Do.APPROVE
    assert decide(BUY, replace(FACTS, now=datetime(2026, 3, 3, 4, 0, tzinfo=UTC)), rules).do is Do.ASK
    assert decide(BUY, replace(FACTS, now=datetime(2026, 3, 2, 3, 59, tzinfo=UTC)), rules).do is Do.ASK
    assert decide(BUY, replace(FACTS, now=datetime(2026, 3, 2, 22, 0, tzinfo=UTC)), rules).do is Do.APPROVE
    assert decide(BUY, replace(FACTS, now=datetime(2026, 3, 2, 12, 0, tzinfo=UTC)), rules).do is Do.ASK


def test_a_missing_price_approves_nothing() -> None:
    unknown = replace(FACTS, notional=None)
    assert decide(BUY, unknown, (SMALL,)) == Verdict(Do.ASK)
    denies = rule("tiny", Do.DENY, max_notional=1)
    assert decide(BUY, unknown, (denies, rule("all", Do.APPROVE, sides=["buy"]))) == Verdict(Do.ASK, "tiny", True)


def test_a_rule_that_is_off_asks() -> None:
    rules = (SMALL, rule("buys", Do.APPROVE, sides=["buy"]))
    assert decide(BUY, FACTS, rules, {"small"}) == Verdict(Do.ASK, "small")


def test_orders_that_are_decided_on_together_get_the_strictest_verdict() -> None:
    verdicts = [Verdict(do, do) for do in (Do.APPROVE, Do.CONFIRM, Do.ASK)]
    assert strictest(verdicts).do is Do.CONFIRM
    assert strictest([*verdicts, Verdict(Do.DENY, "no")]).rule == "no"
    assert strictest(verdicts[:1]).do is Do.APPROVE


@given(orders, facts, books, _few([Do.ASK, Do.DENY, Do.CONFIRM]), whens)
def test_a_rule_that_does_not_approve_put_in_front_never_lets_more_through(
    order: OrderRequest, seen: Facts, rules: tuple[RuleSettings, ...], do: Do, when: WhenSettings
) -> None:
    before = decide(order, seen, rules)
    after = decide(order, seen, (RuleSettings(name="front", do=do, when=when), *rules))
    assert after.do is not Do.APPROVE or before.do is Do.APPROVE


@given(orders, facts, books, st.sets(st.sampled_from([f"r{at}" for at in range(6)])))
def test_switching_rules_off_never_lets_more_through(
    order: OrderRequest, seen: Facts, rules: tuple[RuleSettings, ...], off: set[str]
) -> None:
    assert decide(order, seen, rules, off).do is not Do.APPROVE or decide(order, seen, rules).do is Do.APPROVE


@given(orders, facts, books)
def test_knowing_less_never_lets_more_through(
    order: OrderRequest, seen: Facts, rules: tuple[RuleSettings, ...]
) -> None:
    for less in (replace(seen, notional=None), replace(seen, adds_risk=None)):
        if decide(order, less, rules).do is Do.APPROVE:
            assert decide(order, seen, rules).do is Do.APPROVE


@given(orders, facts, books)
def test_what_decides_does_not_need_anything_that_is_missing(
    order: OrderRequest, seen: Facts, rules: tuple[RuleSettings, ...]
) -> None:
    verdict = decide(order, seen, rules)
    if not verdict.rule or verdict.unsure:
        return
    when = next(one.when for one in rules if one.name == verdict.rule)
    assert when.max_notional is None or seen.notional is not None
    assert not when.reducing or seen.adds_risk is not None
