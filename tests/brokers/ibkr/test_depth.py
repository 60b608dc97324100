"""Order books over a real connection: whole, added up by price, and few at once."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import DOMLevel

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import depth
from cockpit.brokers.ibkr.depth import levels
from cockpit.model.quotes import DataType
from cockpit.model.refusals import Refused
from tests.brokers.ibkr.market_house import house
from tests.brokers.ibkr.test_ticks import ALFA
from tests.gateway.rights import Feed


@given(
    st.lists(
        st.builds(
            DOMLevel,
            st.sampled_from([9.99, 10.0, 10.01, 10.02, -1.0, float("nan")]),
            st.integers(0, 9).map(float),
            st.just("X"),
        )
    ),
    st.integers(1, 4),
    st.booleans(),
)
def test_a_side_is_best_first_without_empty_rows_and_loses_nothing_of_a_price(
    rows: list[DOMLevel], most: int, falling: bool
) -> None:
    found = levels(rows, most, ALFA, falling=falling)
    prices = [one.price for one in found]
    assert prices == sorted(set(prices), reverse=falling)
    assert len(found) <= most
    for one in found:
        assert one.size == sum(Decimal(int(row.size)) for row in rows if row.price == float(one.price))
        assert one.size > 0


async def test_a_book_is_added_up_over_venues_and_closed_again() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        found = await h.market.depth(alfa, 4)
        assert found is not None
        assert [one.price for one in found.bids] == [Decimal("411.99"), Decimal("411.98")]
        assert [one.price for one in found.asks] == [Decimal("412.01"), Decimal("412.02")]
        assert found.bids[0].size == 900
        assert (found.source, found.data_type) == ("ibkr", DataType.UNKNOWN)
        assert "venues" in found.note
        await h.arrived()
        assert h.asked("cancelMktDepth") == 1


async def test_no_more_than_three_books_are_open_at_once() -> None:
    async with house() as h:
        found = [(await h.market.find(symbol))[0] for symbol in ("ALFA", "BRVO", "CHRL", "ECHO", "DUAL", "GOLF")]
        books = await asyncio.gather(*(h.market.depth(one, 2) for one in found))
        assert all(book is not None and book.bids for book in books)


async def test_a_market_without_books_is_refused_with_the_brokers_words() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        h.gateway.world.rights.depth = False
        with pytest.raises(Refused) as refused:
            await h.market.depth(alfa, 5)
        assert refused.value.refusal.code == "MARKET_DATA_MISSING"
        assert "not supported" in refused.value.refusal.details["broker"]


async def test_a_book_that_is_not_subscribed_to_is_refused_and_one_too_many_is_busy() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        h.gateway.world.rights.feed = Feed.NONE
        with pytest.raises(Refused) as refused:
            await h.market.depth(alfa, 5)
        assert refused.value.refusal.details["broker_code"] == "354"
        h.gateway.world.rights.feed, h.gateway.world.rights.depths = Feed.LIVE, 0
        with pytest.raises(Refused) as refused:
            await h.market.depth(alfa, 5)
        assert refused.value.refusal.code == "BUSY"


async def test_an_empty_book_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth, "_FIRST_SECONDS", 0.2)
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        h.gateway.world.set("ALFA", None, None, "412.00")
        assert await h.market.depth(alfa, 5) is None


async def test_a_line_that_breaks_while_a_book_is_awaited_says_so() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        h.gateway.world.rights.feed = Feed.SILENT
        asked = asyncio.create_task(h.market.depth(alfa, 5))
        while not h.asked("reqMktDepth"):
            await asyncio.sleep(0)
        h.gateway.cut()
        with pytest.raises(BrokerUnavailable):
            await asked
