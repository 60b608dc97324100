"""Scans of the market by the gateway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from tests.gateway import reports
from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out
from tests.gateway.world import Listing, World

MOST_FOUND: Final = 50
_NOTHING_FOUND: Final = (165, "Historical Market Data Service query message:no items retrieved")
_SCANNER: Final = "Historical Market Data Service error message:"


@dataclass
class Scanning:
    """Which scans one session has open."""

    open: set[str] = field(default_factory=set)


@handles(In.reqScannerParameters)
def scanner_parameters(session: Session, _: list[str]) -> None:
    """Answer with the document of all scans."""
    session.send(Out.scannerParameters, 1, reports.scanner_parameters())


@handles(In.reqScannerSubscription)
def scan(session: Session, fields: list[str]) -> None:
    """Answer with what a scan finds; 165 when it finds nothing, which ends no request of the client."""
    request_id, rows, instrument, location, code, above, below, volume = fields[1:9]
    filters = dict(part.split("=", 1) for part in fields[23].split(";") if part)
    world = session.gateway.world
    if code not in reports.SCANS:
        session.error(request_id, 162, f"{_SCANNER}invalid scan code: {code}")
        return
    session.of(Scanning).open.add(request_id)
    least = _number(filters.get("priceAbove") or above)
    most = _number(filters.get("priceBelow") or below)
    traded = _number(filters.get("volumeAbove") or volume)

    def fits(listing: Listing) -> bool:
        price = world.price(listing.con_id)
        at = price.last if price.last is not None else price.middle
        return (
            at is not None
            and (least is None or at >= least)
            and (most is None or at <= most)
            and (traded is None or price.volume >= traded)
        )

    listed = world.listings.values() if world.rights.scanner else ()
    found = [one for one in listed if one.kind == "STK" and _belongs(one, instrument, location) and fits(one)]
    if not found:
        session.error(request_id, *_NOTHING_FOUND)
        return
    found.sort(key=_ORDERS[code](world), reverse=code != "TOP_PERC_LOSE")
    found = found[: min(int(rows) if int(rows or -1) > 0 else MOST_FOUND, MOST_FOUND)]
    told: list[object] = []
    for rank, one in enumerate(found):
        own = one.spelled
        terms = (own[name] for name in ("symbol", "secType", "expiry", "strike", "right"))
        told += [
            rank,
            one.con_id,
            *terms,
            "SMART",
            one.currency,
            own["localSymbol"],
            own["tradingClass"],
            own["tradingClass"],
        ]
        told += ["", "", "", ""]
    session.send(Out.scannerData, 3, request_id, len(found), *told)


@handles(In.cancelScannerSubscription)
def cancel_scan(session: Session, fields: list[str]) -> None:
    """End a scan, and say so as TWS does: with error 162."""
    scans = session.of(Scanning).open
    if fields[2] in scans:
        scans.remove(fields[2])
        session.error(fields[2], 162, f"{_SCANNER}API scanner subscription cancelled: {fields[2]}")


def _belongs(listing: Listing, instrument: str, location: str) -> bool:
    if instrument == "ETF.EQ.US":
        return listing.stock_type == "ETF"
    at_home = location.startswith("STK.US")
    return listing.stock_type == "COMMON" and (listing.currency == "USD") is at_home


def _gain(world: World) -> Callable[[Listing], Decimal]:
    def share(listing: Listing) -> Decimal:
        price = world.price(listing.con_id)
        return (price.last or Decimal(0)) / price.close if price.close else Decimal(0)

    return share


def _volume(world: World) -> Callable[[Listing], Decimal]:
    return lambda listing: world.price(listing.con_id).volume


def _implied(world: World) -> Callable[[Listing], Decimal]:
    return lambda listing: Decimal(str(world.volatility.get(listing.con_id, 0)))


_ORDERS: Final = {
    "TOP_PERC_GAIN": _gain,
    "TOP_PERC_LOSE": _gain,
    "TOP_OPEN_PERC_GAIN": _gain,
    "MOST_ACTIVE": _volume,
    "HOT_BY_VOLUME": _volume,
    "HIGH_OPT_IMP_VOLAT": _implied,
}


def _number(text: str) -> Decimal | None:
    return Decimal(text) if text else None
