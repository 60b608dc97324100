"""What can be borrowed to be sold short, as IB's ticks 46 and 89 tell it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cockpit.brokers.ibkr import borrowing
from cockpit.model.quotes import Borrow, Borrowable, DataType
from cockpit.model.refusals import Refused
from tests.brokers.ibkr.market_house import House, house
from tests.gateway import market as gateway_market
from tests.gateway.rights import Feed


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowing, "_WITHIN", 0.1)
    monkeypatch.setattr(borrowing, "_GRACE", 0.05)


async def borrow(h: House, figure: str | None = "3", shares: int | None = 700) -> Borrow | None:
    (alfa,) = await h.market.find("ALFA")
    h.gateway.world.to_borrow[h.gateway.world.one("ALFA").con_id] = (
        None if figure is None else Decimal(figure),
        shares,
    )
    return await h.market.borrow(alfa)


@pytest.mark.parametrize(
    ("figure", "shares", "borrowable", "most"),
    [
        ("3", 700, Borrowable.YES, 700),
        ("2.6", 2_500_000, Borrowable.YES, 2_500_000),
        ("3", None, Borrowable.YES, 1000),
        ("3", 0, Borrowable.YES, 0),
        ("2.5", 700, Borrowable.LOCATE, 0),
        ("1.6", None, Borrowable.LOCATE, 0),
        ("1.5", 700, Borrowable.NO, 0),
        ("0", 0, Borrowable.NO, 0),
    ],
)
async def test_both_ticks_together_say_how_many(
    figure: str, shares: int | None, borrowable: Borrowable, most: int
) -> None:
    async with house() as h:
        found = await borrow(h, figure, shares)
        assert found is not None
        assert (found.borrowable, found.shares, found.data_type) == (borrowable, most, DataType.LIVE)
        assert abs((h.clock.now() - found.as_of).total_seconds()) < 1


async def test_it_is_asked_anew_each_time_and_no_stream_is_left() -> None:
    async with house() as h:
        first, second = await borrow(h), await borrow(h, shares=3)
        assert first is not None
        assert second is not None
        assert (first.shares, second.shares) == (700, 3)
        await h.arrived()
        assert (h.asked("reqMktData"), h.asked("cancelMktData")) == (2, 2)


async def test_what_is_not_told_is_not_known_and_the_number_alone_says_nothing() -> None:
    async with house() as h:
        assert await borrow(h, None, 700) is None
        h.gateway.world.rights.feed = Feed.SILENT
        assert await borrow(h) is None


async def test_what_tws_may_only_remember_is_not_known() -> None:
    async with house() as h:
        gateway_market.break_farm(h.gateway)
        await h.arrived()
        assert await borrow(h) is None
        gateway_market.mend_farm(h.gateway)
        await h.arrived()
        assert await borrow(h) is not None


async def test_delayed_data_is_named_so_and_none_is_refused_in_the_brokers_words() -> None:
    async with house(market_data="delayed") as h:
        h.gateway.world.rights.feed = Feed.DELAYED
        found = await borrow(h)
        assert found is not None
        assert found.data_type is DataType.DELAYED
        h.gateway.world.rights.feed = Feed.NONE
        with pytest.raises(Refused) as refused:
            await borrow(h)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"


async def test_a_quote_of_the_same_contract_is_not_touched_by_it() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        before = await h.market.quote(alfa)
        assert await borrow(h) is not None
        assert await h.market.quote(alfa) == before
