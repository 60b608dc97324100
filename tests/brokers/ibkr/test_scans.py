"""Scans over a real connection: those that there are, what they find, and nothing left open."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cockpit.brokers.ibkr.documents import BadDocument
from cockpit.brokers.ibkr.scans import read_scans, subscription
from cockpit.model.instruments import InstrumentKind
from cockpit.model.quotes import DataType
from cockpit.model.refusals import Refused
from cockpit.model.research import ScanRequest
from tests.brokers.ibkr.market_house import house


def test_only_scans_of_the_kind_with_a_code_that_can_be_sent_are_told() -> None:
    told = "".join(
        f"<ScanType><displayName>{name}</displayName><scanCode>{code}</scanCode><instruments>{kinds}</instruments></ScanType>"
        for name, code, kinds in (
            ("Gain \u202e", "GAIN", "STK,FUT"),
            ("Bad", "a;b=1", "STK"),
            ("Bonds", "BONDS", "BOND"),
        )
    )
    (found,) = read_scans(f"<r>{told}</r>", "STK")
    assert found.code == "GAIN"
    assert found.name.isprintable()
    with pytest.raises(BadDocument):
        read_scans("<r>", "STK")


def test_bounds_of_a_scan_go_out_as_they_were_asked() -> None:
    made = subscription(
        ScanRequest("GAIN", 500, None, Decimal("1.5"), Decimal(20), Decimal(1_000_000)), "STK", "STK.US.MAJOR"
    )
    assert (made.numberOfRows, made.abovePrice, made.belowPrice, made.aboveVolume) == (50, 1.5, 20.0, 1_000_000)


async def test_the_list_of_scans_is_asked_for_once() -> None:
    async with house() as h:
        first = await h.market.scans()
        assert {"TOP_PERC_GAIN", "MOST_ACTIVE"} <= {one.code for one in first}
        assert await h.market.scans() == first
        assert h.asked("reqScannerParameters") == 1


async def test_a_scan_tells_instruments_by_rank_and_is_ended() -> None:
    async with house() as h:
        found = await h.market.scan(ScanRequest("MOST_ACTIVE", 3))
        assert [row.rank for row in found.rows] == [1, 2, 3]
        assert all(row.value is None and row.instrument.kind is InstrumentKind.STOCK for row in found.rows)
        assert (found.source, found.data_type) == ("ibkr", DataType.UNKNOWN)
        for row in found.rows:
            assert await h.market.find(row.instrument.symbol) == (row.instrument,)
        await h.arrived()
        assert h.asked("cancelScannerSubscription") == 1


async def test_funds_are_scanned_apart_and_prices_bound_a_scan() -> None:
    async with house() as h:
        funds = await h.market.scan(ScanRequest("MOST_ACTIVE", 5, InstrumentKind.ETF))
        dear = await h.market.scan(ScanRequest("MOST_ACTIVE", 5, None, Decimal(1000)))
        assert [row.instrument.symbol for row in funds.rows] == ["GOLF"]
        assert [row.instrument.symbol for row in dear.rows] == ["ECHO"]


async def test_a_scan_that_finds_nothing_is_empty_and_does_not_wait() -> None:
    async with house() as h:
        h.gateway.world.rights.scanner = False
        assert (await h.market.scan(ScanRequest("MOST_ACTIVE", 5))).rows == ()


async def test_unknown_scans_and_kinds_without_a_market_are_refused() -> None:
    async with house() as h:
        for asked, code in (
            (ScanRequest("NONE", 5), "BAD_ARGUMENTS"),
            (ScanRequest("MOST_ACTIVE", 5, InstrumentKind.CRYPTO), "CAPABILITY_UNAVAILABLE"),
        ):
            with pytest.raises(Refused) as refused:
                await h.market.scan(asked)
            assert refused.value.refusal.code == code
    async with house(currency="JPY") as h:
        with pytest.raises(Refused) as refused:
            await h.market.scans()
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"
