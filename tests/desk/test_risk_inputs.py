"""What a check doesn't know: it refuses where it applies, says so where it doesn't, and declares what it needs."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from cockpit.desk.risk import CHECKS, Exposure, Seen, evaluate, evaluate_entry
from cockpit.desk.risk.verdicts import Check
from cockpit.model.checks import Applies
from cockpit.model.instruments import InstrumentKind
from cockpit.model.money import ZERO
from cockpit.model.orders import OrderRequest, Role, Side
from cockpit.model.refusals import REFUSALS
from cockpit.settings.policy import PolicySettings
from tests.desk.risk_scenes import (
    ALFA,
    LIVE,
    POLICY,
    QUOTE,
    RICH,
    SEEN,
    failed,
    found,
    in_bracket,
    of,
    order,
    resting,
    seen,
    sell,
)

_MISSING = {"held": False}
"""What stands for not known where it isn't None."""
OPTIONAL = sorted(
    {one.name for one in fields(Seen) if one.default is None or one.name in {"quote", "balances", "in_flight"}}
    | set(_MISSING)
)
BRACKET = in_bracket(Role.ENTRY, (Role.TARGET, sell("1", "110")), (Role.STOP, sell("1", stop="95")))
_EXIT = in_bracket(Role.STOP, (Role.ENTRY, order("1")))

SCENES: dict[str, tuple[OrderRequest, Seen, PolicySettings]] = {
    "buy at the market": (order(), replace(LIVE, average_volume=Decimal(1000), previewed_at=Decimal(100)), POLICY),
    "buy with a limit": (order("1", "100"), LIVE, of(min_notional="10", require_stop=False)),
    "short sale": (sell("1"), LIVE, of(min_notional="10")),
    "buy stop": (order(stop="101"), LIVE, POLICY),
    "trailing sell": (sell(percent="1"), LIVE, POLICY),
    "bracket": (order(), replace(LIVE, linked=BRACKET), POLICY),
    "exit of a market entry": (sell("1", stop="95"), replace(LIVE, linked=_EXIT), POLICY),
    "closing": (sell("1"), replace(LIVE, position=Decimal(5)), POLICY),
    "against an own order": (order(), replace(LIVE, resting=(resting(sell("1", "105")),)), POLICY),
    "covered call": (
        sell("1"),
        replace(SEEN, instrument=replace(ALFA, kind=InstrumentKind.OPTION), kept=Decimal(0)),
        of(asset_classes=["option"]),
    ),
    "paper": (order(), SEEN, POLICY),
    "nobody's": (order(), replace(LIVE, client=""), POLICY),
}

each_input = pytest.mark.parametrize(
    ("check", "name"), [pytest.param(one, name, id=f"{one.code}-{name}") for one in CHECKS for name in one.inputs]
)


def without(around: Seen, name: str) -> Seen:
    return replace(around, **{name: _MISSING.get(name)})


@pytest.mark.parametrize("scene", SCENES)
@each_input
def test_a_missing_input_refuses_or_does_not_apply(check: Check, name: str, scene: str) -> None:
    asked, around, policy = SCENES[scene]
    result = check(asked, without(around, name), policy)
    same = result == check(asked, around, policy)
    assert not result.ok or result.applies is Applies.NOT_APPLICABLE or check.advisory or same


@each_input
def test_every_declared_input_is_needed_somewhere(check: Check, name: str) -> None:
    refused = [
        scene for scene, (asked, around, policy) in SCENES.items() if _is_missed(check, asked, around, policy, name)
    ]
    assert refused


def _is_missed(check: Check, asked: OrderRequest, around: Seen, policy: PolicySettings, name: str) -> bool:
    missed = check(asked, without(around, name), policy)
    return missed != check(asked, around, policy) and (not missed.ok or (check.advisory and missed.value == "unknown"))


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("name", OPTIONAL)
def test_what_a_check_does_not_declare_cannot_make_it_refuse(name: str, scene: str) -> None:
    asked, around, policy = SCENES[scene]
    for check in CHECKS:
        if name not in check.inputs and check(asked, around, policy).ok:
            # Where nobody knows what is held, everything opens: stricter, never looser.
            assert check(asked, without(around, name), policy).ok or name == "held", check.code


def test_nothing_at_all_is_known_and_nothing_raises() -> None:
    blind = SEEN
    for name in OPTIONAL:
        blind = without(blind, name)
    results = evaluate(order(), blind, POLICY)
    assert len(results) == len(CHECKS)
    unknown = {one.code for one in results if not one.ok}
    assert unknown >= {one.code for one in CHECKS if one.inputs and not one.advisory} - {
        "PREVIEW_STALE", "BRACKET_INCONSISTENT", "MARKET_DATA_NOT_LIVE", "STOP_WRONG_SIDE", "MARKETABLE_THROUGH",
        "PRICE_COLLAR", "MIN_NOTIONAL", "SHORT_NOT_ALLOWED", "NO_LOCATE", "RISK_PER_TRADE", "SELF_CROSS",
        "WHATIF_WARNING", "ASSET_CLASS_NOT_ALLOWED",
    }  # fmt: skip


def test_every_code_is_in_the_table_of_refusals_and_every_limit_in_the_policy() -> None:
    for check in CHECKS:
        assert check.code in REFUSALS
        assert set(check.parameters) <= set(PolicySettings.model_fields)
        assert set(check.inputs) <= {one.name for one in fields(Seen)}
        assert check.says.endswith(".")
        assert check.source


def test_every_limit_of_the_policy_is_applied_somewhere() -> None:
    elsewhere = {"max_drift", "approval_seconds", "allow_auto"}
    assert {name for check in CHECKS for name in check.parameters} | elsewhere == set(PolicySettings.model_fields)


def test_all_checks_run_always_and_in_one_order() -> None:
    codes = [one.code for one in CHECKS]
    for asked, around, policy in SCENES.values():
        assert [one.code for one in evaluate(asked, around, policy)] == codes
    assert len(set(codes)) == len(codes)


def test_an_unpriced_position_elsewhere_refuses_what_opens() -> None:
    around = seen(elsewhere=(Exposure("BRVO", None),))
    assert failed(order(), around) == {"MAX_GROSS", "MAX_NET"}
    assert found("MAX_GROSS", order(), around).message == "Not known: the value of BRVO."


def test_an_account_in_another_currency_without_a_rate_refuses_every_limit_in_money() -> None:
    codes = {"MAX_NOTIONAL", "MAX_GROSS", "MAX_NET", "CONCENTRATION", "BUYING_POWER", "DAILY_NOTIONAL"}
    assert failed(order(), seen(to_account=None)) == codes


def test_a_one_sided_quote_is_not_enough() -> None:
    assert failed(order(), seen(quote=replace(QUOTE, bid=None))) == {"SPREAD_TOO_WIDE"}
    assert "MARKET_DATA_MISSING" in failed(order(), seen(quote=replace(QUOTE, ask=None)))


def test_paper_needs_no_locate_no_live_data_and_no_warning_of_a_broker() -> None:
    for code in ("NO_LOCATE", "MARKET_DATA_NOT_LIVE", "WHATIF_WARNING", "LIVE_DISABLED"):
        assert found(code, sell("1")).applies is Applies.NOT_APPLICABLE
        assert found(code, sell("1"), LIVE).applies is Applies.YES


def test_orders_that_only_reduce_skip_size_exposure_and_loss() -> None:
    around = seen(position=Decimal(5), balances=None, elsewhere=None, day_start=None, high_water=None)
    for code in ("MAX_QUANTITY", "MAX_NOTIONAL", "MAX_POSITION", "MAX_GROSS", "BUYING_POWER", "DAILY_LOSS", "DRAWDOWN"):
        assert found(code, sell("5"), around).applies is Applies.NOT_APPLICABLE
    assert failed(sell("5"), around) == set()


def test_an_order_that_is_decided_on_is_not_counted_a_second_time() -> None:
    around = seen(is_new=False, activity=None, open_orders=None, open_of_symbol=None)
    assert failed(order(), around) == {"DAILY_NOTIONAL", "REPEATED_EXECUTION", "REJECT_RATE"}


@pytest.mark.parametrize("side", Side)
def test_opening_is_what_is_left_after_everything_else_fills(side: Side) -> None:
    against = Decimal(-5 * side.sign)
    around = seen(position=against, committed_buy=Decimal(2), committed_sell=Decimal(2))
    assert around.opening(order("3", side=side)) == ZERO
    assert around.opening(order("4", side=side)) == 1
    assert seen(position=-against, committed_buy=Decimal(2)).opening(order("4", side=side)) == 4


def test_numbers_that_cannot_be_reckoned_with_refuse_and_nothing_raises() -> None:
    nothing = seen(quote=replace(QUOTE, bid=ZERO, ask=ZERO), previewed_at=ZERO, balances=replace(RICH, equity=ZERO))
    refused = failed(order("1", "100"), nothing)
    assert {"MARKET_DATA_MISSING", "SPREAD_TOO_WIDE", "PRICE_COLLAR", "PREVIEW_STALE"} <= refused
    says = "What the broker says can't be reckoned with."
    assert found("SPREAD_TOO_WIDE", order("1", "100"), nothing).message == says


def test_one_check_judges_an_entry_by_its_exits() -> None:
    around = seen(linked=in_bracket(Role.ENTRY, (Role.STOP, sell("1", stop="1"))))
    again = evaluate_entry(order("100", "100"), around, POLICY)
    assert [(one.code, one.ok) for one in again] == [("RISK_PER_TRADE", False)]
