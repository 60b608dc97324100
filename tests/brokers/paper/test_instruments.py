from __future__ import annotations

import re

import pytest

from cockpit.brokers.paper.instruments import LISTINGS, search
from cockpit.model.instruments import SYMBOL_PATTERN, InstrumentKind


def test_everything_listed_is_marked_as_simulated_and_says_so_in_its_name() -> None:
    for symbol, listing in LISTINGS.items():
        instrument = listing.instrument
        assert instrument.symbol == symbol
        assert re.fullmatch(SYMBOL_PATTERN, symbol)
        assert instrument.simulated
        assert "Simulated" in instrument.name
        assert (instrument.exchange, instrument.currency) == ("SIM", "USD")


def test_kinds_ticks_lots_and_prices_differ() -> None:
    listed = [listing.instrument for listing in LISTINGS.values()]
    assert {each.kind for each in listed} == {InstrumentKind.STOCK, InstrumentKind.ETF, InstrumentKind.CRYPTO}
    assert len({each.tick for each in listed}) >= 3
    assert len({each.lot for each in listed}) >= 3
    prices = [listing.level * listing.instrument.tick for listing in LISTINGS.values()]
    assert 4 < min(prices) < 10
    assert 1500 < max(prices) < 2500


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("alfa", ["ALFA"]),
        (" golf ", ["GOLF"]),
        ("coin", ["JULI", "KILO"]),
        ("simulated motors", ["ALFA"]),
        ("nothing of that", []),
    ],
)
def test_search_finds_symbols_and_names_in_any_case(text: str, found: list[str]) -> None:
    assert [each.symbol for each in search(text, 10)] == found


def test_the_best_match_comes_first_and_no_more_than_asked() -> None:
    assert [each.symbol for each in search("L", 3)] == ["LIMA", "ALFA", "CHRL"]
    assert search("L", 0) == ()
    assert search("L", -1) == ()
