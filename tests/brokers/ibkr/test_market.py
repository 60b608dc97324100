"""The data half of the broker as a whole: its clock, what it offers, and that no argument shifts a field."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.brokers.base import (
    BrokerUnavailable,
    Feature,
    HasDepth,
    HasFundamentals,
    HasFx,
    HasListing,
    HasNews,
    HasOptions,
    HasScanner,
    HasTransfers,
)
from cockpit.brokers.ibkr import names
from cockpit.brokers.ibkr.market import whose_hours
from cockpit.model.refusals import Refused
from cockpit.model.research import ScanRequest
from tests.brokers.ibkr.market_house import house


async def test_the_clock_tells_the_regular_hours_of_the_instrument_it_is_named_for() -> None:
    async with house("ALFA") as h:
        found = await h.market.clock()
        assert (found.source, "ALFA" in found.note) == ("ibkr", True)
        assert found.opens_at is not None
        assert found.opens_at > h.clock.now()
        h.gateway.world.open_always()
        h.clock.ahead += 5 * 3600
        assert (await h.market.clock()).is_open


async def test_each_instrument_has_the_hours_of_its_own_market_and_at_home_those_of_the_connection_else() -> None:
    async with house("ALFA") as h:
        alfa, dual = h.gateway.world.one("ALFA").venue, h.gateway.world.one("DUAL:IBIS").venue
        today = h.clock.now().date()
        alfa.holidays |= {today + timedelta(days=days) for days in range(-1, 7)}
        dual.always = True
        open_there = await h.market.clock_of((await h.market.find("DUAL:IBIS"))[0])
        closed_here = await h.market.clock_of((await h.market.find("ALFA"))[0])
        assert (open_there.is_open, "DUAL:IBIS" in open_there.note) == (True, True)
        assert (closed_here.is_open, (await h.market.clock()).is_open) == (False, False)
        h.clock.ahead += 30 * 86_400
        with pytest.raises(Refused) as refused:
            await h.market.clock_of((await h.market.find("DUAL:IBIS"))[0])
        assert refused.value.refusal.code == "SESSION_UNKNOWN"
        assert (await h.market.clock_of((await h.market.find("ALFA"))[0])).source == "calendar XNYS"


@pytest.mark.parametrize(
    ("said", "allowed", "whose"),
    [
        ("", None, "SPY"),
        ("", {"MSFT", "AAPL"}, "AAPL"),
        ("", {"BTC:PAXOS", "EUR.USD", "ESZ6", "AAPL261218C00200000", "MSFT"}, "MSFT"),
        ("", {"BTC:PAXOS"}, "SPY"),
        ("SAP", {"AAPL"}, "SAP"),
    ],
)
def test_no_market_around_the_clock_stands_for_a_connections_hours_unless_settings_say_so(
    said: str, allowed: set[str] | None, whose: str
) -> None:
    assert whose_hours(said, allowed) == whose


async def test_where_the_broker_tells_no_hours_the_shipped_calendar_is_named_as_their_source() -> None:
    async with house("NOWHERE") as h:
        found = await h.market.clock()
        assert found.source == "calendar XNYS"
        assert "NOWHERE" in found.note
    async with house("NOWHERE", currency="EUR") as h:
        with pytest.raises(Refused) as refused:
            await h.market.clock()
        assert refused.value.refusal.code == "SESSION_UNKNOWN"


async def test_a_clock_that_cannot_be_asked_is_no_clock() -> None:
    async with house("ALFA") as h:
        h.gateway.lost()
        with pytest.raises(BrokerUnavailable):
            await h.market.clock()


async def test_it_offers_what_it_has_methods_for_and_transfers_only_with_a_token(tmp_path: Path) -> None:
    async with house() as h:
        assert Feature.TRANSFERS not in h.market.features
        assert Feature.LISTING not in h.market.features
        assert Feature.SCANNER in h.market.features
        assert not isinstance(h.market, HasListing)
        for protocol in (HasDepth, HasOptions, HasFx, HasNews, HasFundamentals, HasScanner, HasTransfers):
            assert isinstance(h.market, protocol)
    async with house(flex_token_file=str(tmp_path / "t"), flex_query="1") as h:
        assert Feature.TRANSFERS in h.market.features
    async with house(currency="JPY") as h:
        assert Feature.SCANNER not in h.market.features


FIELDS = st.text(
    st.one_of(st.sampled_from("\0\x01\n\r;=|:/.$ A1aZ-"), st.characters(codec="utf-8")), min_size=1, max_size=40
)


@given(FIELDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_no_argument_of_any_question_brings_a_field_of_its_own_onto_the_wire(text: str) -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        await h.market.scans()
        h.gateway.seen.clear()
        asks = (
            lambda: h.market.find(text),
            lambda: h.market.search(text, 3),
            lambda: h.market.fx_rate(text[:3], "USD"),
            lambda: h.market.article(f"BZ:{text}"),
            lambda: h.market.scan(ScanRequest(text, 3)),
            lambda: h.market.headlines(alfa, h.clock.now() - timedelta(days=1), 3),
            lambda: h.market.scan(ScanRequest("MOST_ACTIVE", 3, None, Decimal("1E+20"), None, Decimal("1E+40"))),
        )
        for ask in asks:
            try:
                await ask()
            except (Refused, BrokerUnavailable):
                pass
        await h.arrived()
        assert h.gateway.bad == 0
        for one in h.gateway.seen:
            assert all(field.isascii() and field.isprintable() for field in one.fields), one
            assert not any("\0" in field for field in one.fields)
        if names.read(text) is None and names.searchable(text) is None:
            assert not [one for one in h.gateway.seen if text in one.fields]
