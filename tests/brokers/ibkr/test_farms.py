"""Which broken farm spoils which prices: what isn't known to be elsewhere counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cockpit.brokers.ibkr.farms import Farms, may_serve
from cockpit.brokers.ibkr.wire import WireError, WireLink
from cockpit.model.text import safe
from cockpit.model.trading import Link
from tests.brokers.ibkr.test_ticks import ALFA

NOON = datetime(2026, 4, 13, 12, tzinfo=UTC)
OPTION = replace(ALFA, sec_type="OPT", primary="", exchange="SMART")
FUTURE = replace(ALFA, sec_type="FUT", primary="", exchange="CME")
RHEIN = replace(ALFA, primary="IBIS", currency="EUR")
LONDON = replace(ALFA, primary="LSEETF")
PAIR = replace(ALFA, sec_type="CASH", primary="", exchange="IDEALPRO")


@pytest.mark.parametrize(
    ("farm", "served", "spared"),
    [
        ("usfarm", [ALFA, OPTION, FUTURE, LONDON, PAIR], [RHEIN]),
        ("usfarm.nj", [ALFA, OPTION], [RHEIN]),
        ("eufarm", [RHEIN, LONDON], [ALFA, OPTION, FUTURE, PAIR]),
        ("jfarm", [RHEIN, LONDON], [ALFA, OPTION, FUTURE, PAIR]),
        ("cashfarm", [PAIR], [ALFA, OPTION, FUTURE, RHEIN, LONDON]),
        ("somefarm", [ALFA, OPTION, FUTURE, RHEIN, LONDON, PAIR], []),
        ("", [ALFA, RHEIN, PAIR], []),
    ],
)
def test_a_farm_counts_for_all_that_it_is_not_known_to_leave_out(
    farm: str, served: list[object], spared: list[object]
) -> None:
    assert [may_serve(farm, one) for one in served] == [True] * len(served)  # type: ignore[arg-type]
    assert [may_serve(farm, one) for one in spared] == [False] * len(spared)  # type: ignore[arg-type]


def test_a_farm_is_broken_until_it_is_mended_or_the_connection_is_another() -> None:
    def error(code: int, farm: str) -> WireError:
        return WireError(NOON, -1, safe(""), code, safe(f"Market data farm connection:{farm}"), safe(""))

    farms = Farms(1)
    farms.take(error(2103, "usfarm"))
    farms.take(error(2103, "eufarm"))
    assert farms.spoil(ALFA)
    farms.take(error(2104, "usfarm"))
    assert not farms.spoil(ALFA)
    assert farms.spoil(RHEIN)
    farms.take(WireLink(NOON, Link.READY, safe(""), 1, 1))
    assert farms.spoil(RHEIN)
    farms.take(WireLink(NOON, Link.READY, safe(""), 2, 1))
    assert not farms.spoil(RHEIN)
