"""Order books over a real connection: whole, added up by price, and few at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ib_async import DOMLevel

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr import depth
from cockpit.brokers.ibkr.depth import levels
from cockpit.model.quotes import DataType
from cockpit.model.refusals import Mender, Refused
from tests.brokers.ibkr.market_house import house
from tests.brokers.ibkr.test_ticks import ALFA
from tests.gateway.depth import ASK
from tests.gateway.depth import levels as rows_of
from tests.gateway.rights import Feed


@given(
    st.lists(
        st.builds(
            DOMLevel,
            st.sampled_from([9.99, 10.0, 10.01, 10.02, -1.0, float("nan")]),
            st.integers(0, 9).map(float),
            st.sampled_from(["", "X"]),
        ),
        max_size=14,
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
        found = await h.market.depth(alfa, 2)
        assert found is not None
        assert [one.price for one in found.bids] == [Decimal("411.99"), Decimal("411.98")]
        assert [one.price for one in found.asks] == [Decimal("412.01"), Decimal("412.02")]
        assert [one.size for one in found.bids] == [900, 2100]
        assert (found.source, found.data_type) == ("ibkr", DataType.UNKNOWN)
        assert "venues" in found.note
        await h.arrived()
        assert h.asked("cancelMktDepth") == 1


@pytest.mark.parametrize("most", [1, 3, 20])
async def test_each_price_bears_all_that_is_offered_there_however_few_are_asked_for(most: int) -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        offered: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
        for row in rows_of(h.gateway.world, h.gateway.world.one("ALFA"), "SMART", 20, smart=True):
            if row.side == ASK:
                offered[row.price] += row.size
        found = await h.market.depth(alfa, most)
        assert found is not None
        assert [(one.price, one.size) for one in found.asks] == sorted(offered.items())[: min(most, 4)]


def test_the_last_price_of_a_side_that_may_be_cut_off_is_left_out_unless_it_is_the_only_one() -> None:
    def side(prices: Iterable[float], maker: str) -> list[Decimal]:
        rows = [DOMLevel(price, 100, maker) for price in prices]
        return [one.price for one in levels(rows, 20, ALFA, falling=False)]

    nine, ten = [10.0] * 8 + [10.01], [10.0] * 9 + [10.01]
    assert side(nine, "X") == [Decimal("10.00"), Decimal("10.01")]
    assert side(ten, "X") == [Decimal("10.00")]
    assert side([10.0] * 12, "X") == [Decimal("10.00")]
    assert len(side([10 + step / 100 for step in range(12)], "")) == 12


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
        assert "subscription" in refused.value.refusal.message
        assert "delayed" not in refused.value.refusal.message
        assert refused.value.refusal.who_can_fix is Mender.OPERATOR
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
