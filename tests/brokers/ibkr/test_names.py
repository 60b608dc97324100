"""Names of contracts: what each asks for, and that a name never reads as something else than what was named."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.ibkr import names
from cockpit.brokers.ibkr.names import Numbered, Pair, Placed, Plain
from cockpit.model.instruments import SYMBOL_PATTERN
from cockpit.model.options import OptionContract, Right

TICKERS = st.from_regex(r"[A-Z0-9]([A-Z0-9.\- ]{0,8}[A-Z0-9])?", fullmatch=True)
CURRENCIES = st.from_regex(r"[A-Z]{3}", fullmatch=True)
EXCHANGES = st.sampled_from(["NASDAQ", "NYSE", "IBIS", "LSE", "PINK", "BVME.ETF", "PAXOS"])


@pytest.mark.parametrize(
    ("symbol", "asked"),
    [
        ("ALFA", Plain("ALFA")),
        ("BERK B", Plain("BERK B")),
        ("700", Plain("700")),
        ("ALFA:NASDAQ", Placed("ALFA", "NASDAQ")),
        ("VOD:LSE/GBP", Placed("VOD", "LSE", "GBP")),
        ("EUR.USD", Pair("EUR", "USD")),
        ("IB:265598", Numbered(265598)),
        ("ALFA261218C00410000", OptionContract("ALFA", date(2026, 12, 18), Right.CALL, Decimal("410.000"))),
    ],
)
def test_each_form_asks_for_what_it_says(symbol: str, asked: object) -> None:
    assert names.read(symbol) == asked


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        " ALFA",
        "ALFA ",
        "alfa",
        "ALFA\0",
        "ALFA\n",
        "ALFA;X=1",
        "ÄLFA",
        "A" * 33,
        "ALFA:",
        ":NYSE",
        "ALFA:NYSE/US",
        "IB:0",
        "IB:1:2",
    ],
)
def test_what_can_name_nothing_is_not_asked_for(symbol: str) -> None:
    assert names.read(symbol) is None


def test_names_have_at_most_32_characters() -> None:
    longest, too_long = "A" * 14 + ":" + "B" * 13 + "/USD", "A" * 15 + ":" + "B" * 13 + "/USD"
    assert len(longest) == 32
    assert isinstance(names.read(longest), Placed)
    assert names.read(too_long) is None


def test_good_names_are_made_of_their_parts() -> None:
    assert names.placed("ALFA", "IBIS", "EUR", "USD") == "ALFA:IBIS/EUR"
    assert names.placed("ALFA", "NYSE", "USD", "USD") == "ALFA:NYSE"
    assert names.plain("ALFA") == "ALFA"
    assert names.pair("EUR", "USD") == "EUR.USD"
    assert (names.placed("al", "NYSE", "USD", "USD"), names.plain("EUR.USD"), names.pair("EUR", "US")) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("right", "side"), [("C", Right.CALL), ("CALL", Right.CALL), ("P", Right.PUT), ("PUT", Right.PUT)]
)
def test_the_right_of_an_option_is_what_is_written(right: str, side: Right) -> None:
    made = names.option("ALFA", "20261218", right, Decimal(410))
    assert made is not None
    assert (made.right, made.expiry) == (side, date(2026, 12, 18))


def test_a_time_behind_the_day_of_expiry_is_passed_over() -> None:
    assert names.option("ALFA", "202612181", "C", Decimal(410)) == names.option("ALFA", "20261218", "C", Decimal(410))


def test_a_placed_name_may_be_a_future_only_without_a_currency() -> None:
    assert Placed("ESZ6", "CME").may_be_future
    assert not Placed("ESZ6", "CME", "USD").may_be_future
    assert not Placed("ALFA", "NYSE").may_be_future


@given(TICKERS, EXCHANGES, CURRENCIES, CURRENCIES)
def test_a_placed_name_reads_back_as_its_parts_or_is_none(ticker: str, exchange: str, currency: str, home: str) -> None:
    name = names.placed(ticker, exchange, currency, home)
    if name is not None:
        assert names.read(name) == Placed(ticker, exchange, "" if currency == home else currency)
        assert len(name) <= 32


@given(TICKERS)
def test_a_plain_name_reads_back_as_its_ticker_or_is_none(ticker: str) -> None:
    name = names.plain(ticker)
    assert name is None or names.read(name) == Plain(ticker)


@given(
    root=st.from_regex(r"[A-Z0-9]{1,6}", fullmatch=True),
    expiry=st.dates(date(2020, 1, 1), date(2098, 12, 31)),
    right=st.sampled_from(["C", "P", "CALL", "PUT"]),
    strike=st.decimals("0.001", "99999.999", places=3),
)
def test_terms_of_an_option_come_back_from_its_symbol(root: str, expiry: date, right: str, strike: Decimal) -> None:
    made = names.option(root, f"{expiry:%Y%m%d}", right, strike)
    assert made is not None
    assert names.read(made.symbol) == made
    assert len(names.padded(made)) == 21
    assert names.padded(made).replace(" ", "") == made.symbol


@pytest.mark.parametrize(
    ("root", "expires", "right", "strike"),
    [
        ("LONGROOT", "20261218", "C", "410"),
        ("ALFA", "202612", "C", "410"),
        ("ALFA", "20261318", "C", "410"),
        ("ALFA", "20261218", "", "410"),
        ("ALFA", "20261218", "C", "410.0005"),
        ("ALFA", "20261218", "C", "0"),
    ],
)
def test_an_option_that_a_symbol_cannot_say_has_no_terms(root: str, expires: str, right: str, strike: str) -> None:
    assert names.option(root, expires, right, Decimal(strike)) is None


@given(st.text(max_size=40))
def test_whatever_is_read_is_harmless_ascii_of_the_shape_of_symbols(text: str) -> None:
    if names.read(text) is not None:
        assert text.isascii()
        assert text.isprintable()
        assert __import__("re").fullmatch(SYMBOL_PATTERN, text)


@pytest.mark.parametrize(
    ("ticker", "may"), [("ESZ6", True), ("MIDXH27", True), ("FGBL MAR 27", True), ("ALFA", False), ("BERK B", False)]
)
def test_only_what_looks_like_a_local_symbol_is_looked_for_among_futures(ticker: str, may: bool) -> None:
    assert Plain(ticker).may_be_future is may


@pytest.mark.parametrize(("text", "sent"), [("  al  fa ", "al fa"), ("A:B", "A B"), ("o'neil & co", "o'neil & co")])
def test_a_search_is_tidied(text: str, sent: str) -> None:
    assert names.searchable(text) == sent


@pytest.mark.parametrize("text", ["", "   ", "a\0b", "ü", "a;b", "a=b", "x" * 65, "a\x1b[2J"])
def test_a_search_for_what_no_name_holds_is_not_sent(text: str) -> None:
    assert names.searchable(text) is None
