"""Company reports over a real connection: figures under readable names, nothing for nothing, and within bounds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cockpit.brokers.ibkr.documents import BadDocument
from cockpit.brokers.ibkr.fundamentals import MOST_IN_TEN_MINUTES, read_report
from cockpit.model.refusals import Refused
from tests.brokers.ibkr.market_house import house
from tests.gateway.research import Reports

NOON = datetime(2026, 4, 13, 12, tzinfo=UTC)


async def test_figures_have_names_values_and_the_day_they_are_of() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        found = await h.market.fundamentals(alfa)
        assert found is not None
        told = {one.name: (one.value, one.period) for one in found.figures}
        assert told["Company"] == ("ALFA MOTORS INC", "")
        assert told["Market capitalisation, millions"] == ("41200.00", "2026-09-30")
        assert told["Price to earnings, without extraordinary items"] == ("18.22", "2026-09-30")
        assert told["Forecast earnings per share"] == ("24.10", "2026")
        assert "Dividend yield, %" not in told
        assert (found.symbol, found.source, found.as_of) == ("ALFA", "ibkr", datetime(2026, 9, 30, tzinfo=UTC))


async def test_a_report_is_kept_and_not_asked_for_twice() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        assert await h.market.fundamentals(alfa) == await h.market.fundamentals(alfa)
        assert h.asked("reqFundamentalData") == 1


async def test_what_the_account_may_not_read_is_refused_with_the_brokers_words() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        h.gateway.world.rights.fundamentals = False
        with pytest.raises(Refused) as refused:
            await h.market.fundamentals(alfa)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"
        assert "not available" in refused.value.refusal.details["broker"]


async def test_what_is_no_company_has_none_and_is_not_asked_for() -> None:
    async with house() as h:
        (pair,) = await h.market.find("EUR.USD")
        assert await h.market.fundamentals(pair) is None
        assert h.asked("reqFundamentalData") == 0


async def test_more_reports_than_ib_gives_are_refused_and_not_sent() -> None:
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        h.gateway.world.rights.fundamentals = False
        for _ in range(MOST_IN_TEN_MINUTES):
            h.market._companies._pacing.take(h.clock.monotonic())
        with pytest.raises(Refused) as refused:
            await h.market.fundamentals(alfa)
        assert refused.value.refusal.code == "RATE_LIMITED"
        assert h.asked("reqFundamentalData") == 0


@pytest.mark.parametrize(
    "document",
    ["", "<html/>", '<!DOCTYPE x [<!ENTITY a "b">]><ReportSnapshot>&a;</ReportSnapshot>', "<ReportSnapshot>"],
)
async def test_a_report_that_cannot_be_read_is_refused(document: str) -> None:
    with pytest.raises(BadDocument):
        read_report(document, "ALFA", NOON)
    async with house() as h:
        (alfa,) = await h.market.find("ALFA")
        h.gateway.of(Reports).by_contract[h.gateway.world.one("ALFA").con_id, "ReportSnapshot"] = document
        with pytest.raises(Refused) as refused:
            await h.market.fundamentals(alfa)
        assert refused.value.refusal.code == "MARKET_DATA_MISSING"


def test_text_of_a_report_is_made_safe_and_bounded() -> None:
    found = read_report(
        f"<ReportSnapshot><TextInfo><Text Type='Summary\u202e'>a \u202eb {'x' * 5000}</Text></TextInfo></ReportSnapshot>",
        "A",
        NOON,
    )
    assert found is not None
    assert all(one.name.isprintable() and one.value.isprintable() and len(one.value) <= 1000 for one in found.figures)


def test_an_empty_report_is_none() -> None:
    assert read_report("<ReportSnapshot/>", "ALFA", NOON) is None
