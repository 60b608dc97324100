"""Scans, news, bulletins, company reports and corporate events of the gateway."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tests.gateway import reports
from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out
from tests.gateway.world import Listing, World

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway

NEWS_BULLETIN: Final = 14
MOST_NEWS: Final = 300
MOST_FOUND: Final = 50
TEXT, BINARY = 0, 1
_NOT_ALLOWED: Final = (10276, "News feed is not allowed.")
_NO_REPORT: Final = (
    430,
    "We are sorry, but fundamentals data for the security specified is not available.failed to fetch",
)
_NOTHING_FOUND: Final = (165, "Historical Market Data Service query message:no items retrieved")
_SCANNER: Final = "Historical Market Data Service error message:"


@dataclass(frozen=True, slots=True)
class Article:
    """One piece of news; a binary one is a document in base 64."""

    con_id: int
    provider: str
    article_id: str
    at: datetime
    headline: str
    text: str
    kind: int = TEXT


@dataclass
class News:
    """What tests put in place of the news that are there: ``gateway.of(News)``."""

    providers: dict[str, str] = field(default_factory=lambda: {"BZ": "Benzinga Pro", "FLY": "Fly on the Wall"})
    articles: list[Article] | None = None
    """None: three made up about each company."""
    silent: bool = False
    """True: no request for headlines or articles is answered."""
    bulletins: list[tuple[int, int, str, str]] = field(default_factory=list)


@dataclass
class Reports:
    """What tests put in place of the reports that are made up: ``gateway.of(Reports)``."""

    by_contract: dict[tuple[int, str], str] = field(default_factory=dict)
    """Documents by contract id and kind of report."""


@dataclass
class Reading:
    """What one session follows."""

    scans: set[str] = field(default_factory=set)
    bulletins: bool = False


# --- scans


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
    session.of(Reading).scans.add(request_id)
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
    scans = session.of(Reading).scans
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


# --- news


@handles(In.reqNewsProviders)
def news_providers(session: Session, _: list[str]) -> None:
    """Answer with who sends news."""
    providers = session.gateway.of(News).providers if session.gateway.world.rights.news else {}
    session.send(Out.newsProviders, len(providers), *(part for one in providers.items() for part in one))


@handles(In.reqHistoricalNews)
def headlines(session: Session, fields: list[str]) -> None:
    """Answer with headlines on one contract, newest first, and whether there are more."""
    request_id, con_id, providers, after, before, most = fields[1:7]
    gateway = session.gateway
    news = gateway.of(News)
    if news.silent:
        return
    if not gateway.world.rights.news:
        session.error(request_id, *_NOT_ALLOWED)
        return
    listing = gateway.world.listings.get(int(con_id))
    if listing is None:
        session.error(request_id, 200, "No security definition has been found for the request")
        return
    wanted = set(providers.split("+"))
    start, end = _instant(after), _instant(before)
    found = [
        one
        for one in articles_on(gateway, listing)
        if one.provider in wanted and (start is None or one.at > start) and (end is None or one.at <= end)
    ]
    found.sort(key=lambda one: one.at, reverse=True)
    count = max(0, min(int(most), MOST_NEWS))
    for one in found[:count]:
        at = f"{one.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.0"
        session.send(Out.historicalNews, request_id, at, one.provider, one.article_id, one.headline)
    session.send(Out.historicalNewsEnd, request_id, len(found) > count)


@handles(In.reqNewsArticle)
def article(session: Session, fields: list[str]) -> None:
    """Answer with one article."""
    request_id, provider, article_id = fields[1:4]
    gateway = session.gateway
    news = gateway.of(News)
    if news.silent:
        return
    if not gateway.world.rights.news:
        session.error(request_id, *_NOT_ALLOWED)
        return
    for listing in tuple(gateway.world.listings.values()):
        for one in articles_on(gateway, listing):
            if (one.provider, one.article_id) == (provider, article_id):
                session.send(Out.newsArticle, request_id, one.kind, one.text)
                return
    session.error(request_id, 10172, "Failed to request news article:No data available")


def articles_on(gateway: FakeGateway, listing: Listing) -> list[Article]:
    """Return the news on one contract: what tests have put, otherwise three pieces on each company."""
    given = gateway.of(News).articles
    if given is not None:
        return [one for one in given if one.con_id == listing.con_id]
    if listing.stock_type != "COMMON":
        return []
    now, number = gateway.world.now().replace(microsecond=0), listing.con_id
    marked = f"{{A:800015:L:en:K:0.97:C:0.98}}{listing.symbol} raises its outlook"
    body = f"<html><body><p>{listing.name} raises its outlook &amp; pays more.</p><script>x()</script><p>More follows.</p></body></html>"
    paper = base64.b64encode(b"%PDF-1.4 nothing to see").decode()
    return [
        Article(number, "BZ", f"BZ${number:x}1", now - timedelta(hours=1), marked, body),
        Article(
            number,
            "FLY",
            f"FLY${number:x}2",
            now - timedelta(days=1),
            f"{listing.symbol} opens a plant",
            "A plant opens.\nIt is big.",
        ),
        Article(
            number, "BZ", f"BZ${number:x}3", now - timedelta(days=2), f"{listing.symbol} files a paper", paper, BINARY
        ),
    ]


@handles(In.reqNewsBulletins)
def bulletins(session: Session, fields: list[str]) -> None:
    """Tell bulletins from now on, and those of the day where they are asked for."""
    session.of(Reading).bulletins = True
    if fields[2] == "1":
        for one in session.gateway.of(News).bulletins:
            session.send(NEWS_BULLETIN, 1, *one)


@handles(In.cancelNewsBulletins)
def cancel_bulletins(session: Session, _: list[str]) -> None:
    """Tell bulletins no more."""
    session.of(Reading).bulletins = False


def publish(gateway: FakeGateway, text: str, *, kind: int = 1, exchange: str = "") -> None:
    """Send a bulletin to who listens: kind 1 is news, 2 says that an exchange stopped, 3 that it is back."""
    kept = gateway.of(News).bulletins
    kept.append((len(kept) + 1, kind, text, exchange))
    for session in gateway.ready_sessions():
        if session.of(Reading).bulletins:
            session.send(NEWS_BULLETIN, 1, *kept[-1])


# --- companies


@handles(In.reqFundamentalData)
def fundamentals(session: Session, fields: list[str]) -> None:
    """Answer with a company report, or 430."""
    request_id, con_id, kind = fields[2], int(fields[3] or 0), fields[10]
    world = session.gateway.world
    listing = world.listings.get(con_id)
    if listing is None:
        session.error(request_id, 200, "No security definition has been found for the request")
        return
    given = session.gateway.of(Reports).by_contract.get((con_id, kind))
    document = given if given is not None else reports.report(world, listing, kind)
    if not world.rights.fundamentals or document is None:
        session.error(request_id, *_NO_REPORT)
        return
    session.send(Out.fundamentalData, 1, request_id, document)


@handles(In.cancelFundamentalData)
def cancel_fundamentals(session: Session, fields: list[str]) -> None:
    """Take it; it was answered at once."""


@handles(In.reqWshMetaData)
def event_kinds(session: Session, fields: list[str]) -> None:
    """Answer with the kinds of corporate events, or 10276."""
    if session.gateway.world.rights.events:
        session.send(Out.wshMetaData, fields[1], reports.event_kinds())
    else:
        session.error(fields[1], *_NOT_ALLOWED)


@handles(In.reqWshEventData)
def events(session: Session, fields: list[str]) -> None:
    """Answer with the corporate events of a contract, or 10276."""
    if session.gateway.world.rights.events:
        listing = session.gateway.world.listings.get(int(fields[2]))
        session.send(Out.wshEventData, fields[1], reports.events(listing))
    else:
        session.error(fields[1], *_NOT_ALLOWED)


@handles(In.cancelWshMetaData, In.cancelWshEventData)
def cancel_events(session: Session, fields: list[str]) -> None:
    """Take it; it was answered at once."""


def _instant(text: str) -> datetime | None:
    """Read ``2026-11-20 16:00:00.0`` or ``20261120 16:00:00 UTC``; None where nothing is said."""
    if not text:
        return None
    for format_ in ("%Y-%m-%d %H:%M:%S.0", "%Y%m%d %H:%M:%S UTC", "%Y%m%d-%H:%M:%S"):
        try:
            return datetime.strptime(text, format_).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(f"Invalid time {text}")
