from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cockpit.model.orders import Linkage, OrderType, Role, TimeInForce
from tests.tui.fake_face import order, request
from tui.group_words import part_words
from tui.words import (
    ago,
    amount,
    clock_time,
    coded,
    countdown,
    duration,
    gain,
    masked,
    money,
    order_sentence,
    order_words,
    price,
    remaining,
)

NOON = datetime(2026, 1, 2, 12, 0, 0, 123_456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "currency", "said"),
    [
        ("41230", "USD", "$41,230"),
        ("999.5", "EUR", "€999.50"),
        ("-12", "CHF", "-CHF 12.00"),
        ("1000", "", "1,000"),
        ("0", "USD", "$0.00"),
    ],
)
def test_money_carries_its_currency_and_cents_only_when_it_is_small(value: str, currency: str, said: str) -> None:
    assert money(Decimal(value), currency) == said


def test_what_is_not_known_is_not_called_zero() -> None:
    assert money(None) == "?"
    assert price(None) == "–"


def test_a_gain_always_has_its_sign() -> None:
    assert (gain(Decimal(5)), gain(Decimal(-5)), gain(Decimal(0))) == ("+$5.00", "-$5.00", "$0.00")


def test_half_a_cent_is_rounded_away_from_zero_and_less_has_no_sign() -> None:
    assert (gain(Decimal("0.005")), gain(Decimal("-0.005"))) == ("+$0.01", "-$0.01")
    assert (gain(Decimal("0.0049")), gain(Decimal("-0.0049"))) == ("$0.00", "$0.00")
    assert (money(Decimal("0.125")), money(Decimal("1000.50")), money(Decimal("-1000.5"))) == (
        "$0.13",
        "$1,001",
        "-$1,001",
    )


@pytest.mark.parametrize(("value", "said"), [("412.3", "412.30"), ("0.0525", "0.0525"), ("10500", "10,500.00")])
def test_a_price_has_at_least_two_places_and_never_loses_one(value: str, said: str) -> None:
    assert price(Decimal(value)) == said


@pytest.mark.parametrize(("value", "said"), [("1000", "1,000"), ("0.250", "0.25"), ("1E+3", "1,000"), ("-60", "-60")])
def test_a_quantity_is_written_without_needless_zeros(value: str, said: str) -> None:
    assert amount(Decimal(value)) == said


def test_an_order_is_said_the_way_traders_say_it() -> None:
    assert order_words(request("buy 100 ALFA 412.3")) == "BUY 100 ALFA LMT 412.30 DAY"
    assert order_words(request("sell 20 NOVA")) == "SELL 20 NOVA MKT DAY"
    assert order_sentence(request("sell 20 NOVA")) == "sell 20 NOVA at market"
    assert order_sentence(request("buy 1 ALFA 5", life=TimeInForce.GTC)) == "buy 1 ALFA limit 5.00 GTC"


def test_stops_trails_and_hours_are_never_left_out_of_an_orders_words() -> None:
    stop = replace(
        request("sell 20 NOVA"),
        order_type=OrderType.STOP_LIMIT,
        stop_price=Decimal(90),
        limit_price=Decimal("89.5"),
        outside_hours=True,
    )
    assert order_words(stop) == "SELL 20 NOVA STP 90.00 LMT 89.50 DAY OUTSIDE HOURS"
    assert order_sentence(stop) == "sell 20 NOVA stop 90.00 limit 89.50 also outside hours"
    trail = replace(request("sell 20 NOVA"), order_type=OrderType.TRAILING_STOP, trail_percent=Decimal("1.5"))
    assert order_words(trail) == "SELL 20 NOVA TRAIL 1.5% DAY"
    assert order_sentence(trail) == "sell 20 NOVA trailing by 1.5 %"
    assert "market" not in order_sentence(trail)
    amount_trail = replace(trail, trail_percent=None, trail_amount=Decimal(2))
    assert order_sentence(amount_trail) == "sell 20 NOVA trailing by 2.00"


def test_an_order_of_a_group_says_what_it_is_in_it() -> None:
    assert part_words(replace(order(1, "claude", "buy 1 ALFA"), linkage=Linkage.BRACKET, role=Role.TARGET)) == (
        "target of a bracket"
    )
    assert part_words(order(1, "claude", "buy 1 ALFA")) == ""


def test_times_are_said_in_the_largest_fitting_unit() -> None:
    assert [countdown(94), countdown(5.9), countdown(-3)] == ["1:34", "0:05", "0:00"]
    assert [ago(NOON - timedelta(seconds=s), NOON) for s in (0, 12, 300, 7200, 200_000)] == [
        "now",
        "12 s ago",
        "5 min ago",
        "2 h ago",
        "2 d ago",
    ]
    assert ago(None, NOON) == "never"
    assert [duration(ms) for ms in (0.3, 12.4, 1280, 34_000)] == ["<1ms", "12ms", "1.3s", "34s"]
    assert clock_time(NOON, UTC, fine=True) == "12:00:00.123"


def test_an_account_number_is_masked_but_for_its_ends() -> None:
    assert masked("DU1234821") == "DU…821"
    assert masked("SIM-paper") == "SIM-paper"


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("LIVE_DISABLED not armed", "LIVE_DISABLED not armed"),
        ("LIVE_DISABLED: not armed", "LIVE_DISABLED not armed"),
        ("write:orders", "LIVE_DISABLED write:orders"),
        ("", "LIVE_DISABLED"),
    ],
)
def test_a_code_stands_once_before_what_it_says(says: str, expected: str) -> None:
    assert coded("LIVE_DISABLED", says) == expected
    assert coded("", says) == says


@pytest.mark.parametrize(
    ("minutes", "expected"), [(90, "1 h 30 min"), (120, "2 h"), (59, "59 min"), (0.5, "30 s"), (-3, "now")]
)
def test_what_is_left_is_said_to_the_minute(minutes: float, expected: str) -> None:
    assert remaining(timedelta(minutes=minutes)) == expected
