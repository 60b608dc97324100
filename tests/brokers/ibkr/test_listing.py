"""Contracts from contract details: steps, lots and units as IB tells them, and text made harmless."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import Contract, ContractDetails

from cockpit.brokers.ibkr.listing import Step, read_listed
from cockpit.model.instruments import InstrumentKind

STOCK = ContractDetails(
    contract=Contract(
        conId=265001, symbol="ALFA", secType="STK", exchange="SMART", primaryExchange="NASDAQ", currency="USD",
        localSymbol="ALFA", tradingClass="NMS",
    ),
    longName="ALFA MOTORS INC", minTick=0.01, validExchanges="SMART,NASDAQ,NYSE", marketRuleIds="26,27,28",
    minSize=0.0001, sizeIncrement=0.0001, suggestedSizeIncrement=100.0, stockType="COMMON", priceMagnifier=1,
    timeZoneId="US/Eastern",
)  # fmt: skip


def changed(**fields: object) -> ContractDetails:
    own = {key: value for key, value in fields.items() if hasattr(STOCK, key)}
    contract = replace(STOCK.contract, **{key: value for key, value in fields.items() if key not in own})  # type: ignore[type-var]
    return replace(STOCK, contract=contract, **own)


def test_a_stock_is_traded_in_whole_shares_though_its_details_allow_fractions() -> None:
    found = read_listed(STOCK)
    assert found is not None
    assert (found.instrument.kind, found.instrument.tick, found.instrument.lot) == (
        InstrumentKind.STOCK,
        Decimal("0.01"),
        1,
    )
    assert (found.exchange, found.instrument.exchange, found.rule) == ("SMART", "NASDAQ", 26)
    assert found.instrument.symbol == "IB:265001"


@pytest.mark.parametrize(
    ("valid", "told", "primary", "sent"),
    [("NYSE,SMART", "NYSE", "NYSE", "SMART"), ("IBIS", "IBIS", "IBIS", "IBIS"), ("", "", "LSE", "LSE")],
)
def test_it_is_sent_to_smart_wherever_that_is_possible(valid: str, told: str, primary: str, sent: str) -> None:
    found = read_listed(changed(validExchanges=valid, exchange=told, primaryExchange=primary))
    assert found is not None
    assert found.exchange == sent
    assert (found.contract().exchange, found.contract().primaryExchange) == (sent, primary)


@pytest.mark.parametrize(("right", "word"), [("C", "call"), ("P", "put")])
def test_an_option_says_its_terms_in_its_name_and_as_values(right: str, word: str) -> None:
    found = read_listed(
        changed(
            secType="OPT",
            lastTradeDateOrContractMonth="20261218",
            strike=410.5,
            right=right,
            tradingClass="",
            multiplier="100",
        )
    )
    assert found is not None
    assert found.instrument.name == f"ALFA 20261218 410.5 {word}"
    assert found.instrument.option is not None
    assert (found.instrument.option.underlying, found.instrument.option.strike) == ("ALFA", Decimal("410.5"))
    assert found.contract().primaryExchange == ""
    assert found.contract().strike == 410.5


def test_a_stock_has_no_terms_of_an_option_and_a_contract_without_a_number_is_none() -> None:
    found = read_listed(STOCK)
    assert found is not None
    assert found.instrument.option is None
    assert read_listed(changed(conId=0)) is None
    assert read_listed(changed(conId=-1)) is None
    assert read_listed(changed(conId=1)) is not None
    assert read_listed(ContractDetails()) is None


def test_a_fund_is_told_from_a_stock() -> None:
    found = read_listed(changed(stockType="ETF"))
    assert found is not None
    assert found.instrument.kind is InstrumentKind.ETF


def test_prices_in_pence_are_worth_a_hundredth_of_the_currency() -> None:
    found = read_listed(changed(priceMagnifier=100, currency="GBP"))
    assert found is not None
    assert found.instrument.multiplier == Decimal("0.01")


@pytest.mark.parametrize(
    ("written", "multiplier"), [("", 1), ("100", 100), ("0.5", Decimal("0.5")), ("x", 1), ("NaN", 1), ("-5", 1)]
)
def test_the_multiplier_is_what_is_written_or_one(written: str, multiplier: Decimal) -> None:
    found = read_listed(changed(secType="FUT", multiplier=written))
    assert found is not None
    assert found.instrument.multiplier == multiplier


@pytest.mark.parametrize("kind", ["IND", "BOND", "BAG", "WAR", "CFD", "NEWS", ""])
def test_a_kind_that_is_not_traded_here_is_nothing(kind: str) -> None:
    assert read_listed(changed(secType=kind)) is None


def test_the_step_is_that_of_the_rule_around_the_price() -> None:
    found = read_listed(STOCK)
    assert found is not None
    found = found.stepped(
        (Step(Decimal(0), Decimal("0.0001")), Step(Decimal(1), Decimal("0.01")), Step(Decimal(100), Decimal("0.05")))
    )
    assert [found.step_at(Decimal(price)) for price in ("0.5", "1", "99.99", "100")] == [
        Decimal("0.0001"), Decimal("0.01"), Decimal("0.01"), Decimal("0.05"),
    ]  # fmt: skip
    assert found.step_at(None) == Decimal("0.01")
    assert found.finest == Decimal("0.0001")
    assert found.seen_at(Decimal(150)).tick == Decimal("0.05")


def test_a_name_with_letters_beyond_ascii_is_mended_and_made_harmless() -> None:
    found = read_listed(changed(longName="MÃ¼nchen AG"))
    steering = read_listed(changed(longName="ALFA \x1b[2J\u202e"))
    assert found is not None
    assert found.instrument.name == "München AG"
    assert steering is not None
    assert "\x1b" not in steering.instrument.name
    assert "\u202e" not in steering.instrument.name


@given(
    st.floats(allow_nan=True),
    st.floats(allow_nan=True),
    st.floats(allow_nan=True),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_whatever_details_say_a_step_and_a_lot_are_above_zero(
    tick: float, least: float, step: float, multiplier: str, rules: str
) -> None:
    found = read_listed(
        changed(minTick=tick, minSize=least, sizeIncrement=step, multiplier=multiplier, marketRuleIds=rules)
    )
    assert found is not None
    assert found.instrument.tick > 0
    assert found.instrument.lot >= 1
    assert found.instrument.multiplier > 0
