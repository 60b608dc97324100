"""The real client asks the gateway for scans, news, reports and profit."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from ib_async import IB, Contract, NewsBulletin, ScannerSubscription, Stock, TagValue, WshEventData
from ib_async.util import UNSET_DOUBLE

from tests.gateway import FakeGateway, news
from tests.gateway.asking import codes, known, refused, settled
from tests.gateway.news import Article, News
from tests.gateway.research import Reports


async def scan(ib: IB, code: str, *filters: TagValue, rows: int = 50, location: str = "STK.US.MAJOR") -> list[str]:
    wanted = ScannerSubscription(numberOfRows=rows, instrument="STK", locationCode=location, scanCode=code)
    found = await asyncio.wait_for(ib.reqScannerDataAsync(wanted, [], list(filters)), 2)
    return [one.contractDetails.contract.symbol for one in found if one.contractDetails.contract]


async def test_scanner_parameters_are_a_document(ib: IB) -> None:
    root = ElementTree.fromstring(await ib.reqScannerParametersAsync())
    assert "TOP_PERC_GAIN" in {one.text for one in root.iter("scanCode")}


async def test_a_scan_ranks_what_it_finds(gateway: FakeGateway, ib: IB) -> None:
    gateway.world.set("BRVO", "30.00", "30.02", "30.01")
    gateway.world.set("CHRL", "60.00", "60.02", "60.01")
    gainers, losers = await scan(ib, "TOP_PERC_GAIN"), await scan(ib, "TOP_PERC_LOSE")
    assert (gainers[0], losers[0]) == ("BRVO", "CHRL")
    assert "GOLF" not in gainers
    assert await scan(ib, "TOP_PERC_GAIN", rows=2) == gainers[:2]


async def test_a_scan_keeps_to_its_filters_and_its_place(ib: IB) -> None:
    assert set(await scan(ib, "MOST_ACTIVE", TagValue("priceAbove", "400"))) == {"ALFA", "ECHO"}
    assert set(await scan(ib, "MOST_ACTIVE", location="STK.EU.IBIS")) == {"DUAL", "RHEIN"}


async def test_a_scan_that_finds_nothing_ends_no_request(ib: IB) -> None:
    heard = codes(ib)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(scan(ib, "MOST_ACTIVE", TagValue("priceAbove", "99999")), 0.05)
    assert heard == [165]


async def test_an_unknown_scan_is_refused(ib: IB) -> None:
    assert (await refused(scan(ib, "NO_SUCH_SCAN")))[0] == 162


async def test_headlines_come_newest_first_from_the_providers_that_are_asked(ib: IB, alfa: Contract) -> None:
    providers = await ib.reqNewsProvidersAsync()
    assert [one.code for one in providers] == ["BZ", "FLY"]
    found = await ib.reqHistoricalNewsAsync(alfa.conId, "BZ+FLY", "", "", 300)
    assert isinstance(found, list)
    assert [one.providerCode for one in found] == ["BZ", "FLY", "BZ"]
    assert found[0].time.tzinfo is None
    assert found[0].headline == "{A:800015:L:en:K:0.97:C:0.98}ALFA raises its outlook"
    assert [one.providerCode for one in await ib.reqHistoricalNewsAsync(alfa.conId, "FLY", "", "", 10)] == ["FLY"]  # type: ignore[union-attr]


async def test_articles_are_text_or_documents(ib: IB, alfa: Contract) -> None:
    found = await ib.reqHistoricalNewsAsync(alfa.conId, "BZ+FLY", "", "", 300)
    assert isinstance(found, list)
    bodies = [await ib.reqNewsArticleAsync(one.providerCode, one.articleId) for one in found]
    assert [one.articleType for one in bodies] == [0, 0, 1]
    assert bodies[0].articleText.startswith("<html>")
    assert (await refused(ib.reqNewsArticleAsync("BZ", "BZ$none")))[0] == 10172


async def test_news_may_be_set(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    gateway.of(News).articles = [
        Article(alfa.conId, "BZ", f"BZ${number}", at + timedelta(hours=number), f"number {number}", "text")
        for number in range(3)
    ]
    found = await ib.reqHistoricalNewsAsync(alfa.conId, "BZ", at, at + timedelta(hours=1), 10)
    assert isinstance(found, list)
    assert [one.headline for one in found] == ["number 1"]


async def test_an_account_without_news_has_no_providers(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    gateway.world.rights.news = False
    assert await ib.reqNewsProvidersAsync() == []
    assert await refused(ib.reqHistoricalNewsAsync(alfa.conId, "BZ", "", "", 10)) == (
        10276,
        "News feed is not allowed.",
    )


async def test_bulletins_reach_who_listens(gateway: FakeGateway, ib: IB) -> None:
    heard: list[NewsBulletin] = []
    ib.newsBulletinEvent += heard.append
    news.publish(gateway, "before")
    ib.reqNewsBulletins(True)
    await settled(ib)
    news.publish(gateway, "NYSE halts", kind=2, exchange="NYSE")
    await settled(ib)
    assert [one.message for one in heard] == ["before", "NYSE halts"]


async def test_a_company_report_is_a_document(ib: IB, alfa: Contract) -> None:
    root = ElementTree.fromstring(await ib.reqFundamentalDataAsync(alfa, "ReportSnapshot"))
    ratios = {one.get("FieldName"): one.text for one in root.iter("Ratio")}
    assert ratios["NPRICE"] == "412.00"
    for kind in ("ReportsFinSummary", "RESC", "ReportRatios"):
        assert ElementTree.fromstring(await ib.reqFundamentalDataAsync(alfa, kind)).tag


async def test_reports_are_missing_for_funds_and_for_who_may_not_see_them(
    gateway: FakeGateway, ib: IB, alfa: Contract
) -> None:
    fund = await known(ib, Stock("GOLF", "SMART", "USD"))
    assert (await refused(ib.reqFundamentalDataAsync(fund, "ReportSnapshot")))[0] == 430
    gateway.of(Reports).by_contract[alfa.conId, "ReportSnapshot"] = "<x/>"
    assert await ib.reqFundamentalDataAsync(alfa, "ReportSnapshot") == "<x/>"
    gateway.world.rights.fundamentals = False
    assert (await refused(ib.reqFundamentalDataAsync(alfa, "ReportSnapshot")))[0] == 430


async def test_corporate_events_need_a_subscription(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    assert (await refused(ib.getWshMetaDataAsync()))[0] == 10276
    ib.cancelWshMetaData()
    gateway.world.rights.events = True
    assert json.loads(await ib.getWshMetaDataAsync())["meta_data"]
    (event,) = json.loads(await ib.getWshEventDataAsync(WshEventData(conId=alfa.conId)))
    assert event["conids"] == [str(alfa.conId)]


async def test_profit_follows_the_price(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    listing = gateway.world.one("ALFA")
    gateway.book.holdings.put("DU1234567", listing, Decimal(10), Decimal("400.00"))
    whole, single = ib.reqPnL("DU1234567"), ib.reqPnLSingle("DU1234567", "", alfa.conId)
    await settled(ib)
    assert (whole.unrealizedPnL, single.position, single.unrealizedPnL, single.value) == (120, 10, 120, 4120)
    assert single.dailyPnL == pytest.approx(61.8)
    gateway.world.set("ALFA", "419.99", "420.01", "420.00")
    await settled(ib)
    assert (whole.unrealizedPnL, single.value) == (200, 4200)
    ib.cancelPnLSingle("DU1234567", "", alfa.conId)
    ib.cancelPnL("DU1234567")
    gateway.world.set("ALFA", "429.99", "430.01", "430.00")
    await settled(ib)
    assert (whole.unrealizedPnL, single.value) == (200, 4200)


async def test_what_nobody_holds_has_no_profit(gateway: FakeGateway, ib: IB, alfa: Contract) -> None:
    single = ib.reqPnLSingle("DU1234567", "", alfa.conId)
    await settled(ib)
    assert (single.position, single.dailyPnL, single.unrealizedPnL) == (0, UNSET_DOUBLE, UNSET_DOUBLE)


async def test_profit_without_a_close_of_yesterday_is_unset(gateway: FakeGateway, ib: IB) -> None:
    option = next(gateway.world.options(gateway.world.one("ALFA").con_id))
    gateway.world.put(option, gateway.world.price(option.con_id).__class__(Decimal(2), Decimal(3), Decimal("2.50")))
    gateway.book.holdings.put("DU1234567", option, Decimal(-1), Decimal(3))
    single = ib.reqPnLSingle("DU1234567", "", option.con_id)
    await settled(ib)
    assert (single.dailyPnL, single.unrealizedPnL) == (UNSET_DOUBLE, 50)
