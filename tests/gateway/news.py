"""News of the gateway: who sends it, headlines, articles and bulletins."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tests.gateway.server import handles
from tests.gateway.session import Session
from tests.gateway.wire import In, Out
from tests.gateway.world import Listing

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway

NOT_ALLOWED: Final = (10276, "News feed is not allowed.")
MOST_NEWS: Final = 300
TEXT, BINARY = 0, 1
_BULLETIN: Final = 14


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
class Reading:
    """Whether one session listens to bulletins."""

    bulletins: bool = False


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
        session.error(request_id, *NOT_ALLOWED)
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
        session.error(request_id, *NOT_ALLOWED)
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
            session.send(_BULLETIN, 1, *one)


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
            session.send(_BULLETIN, 1, *kept[-1])


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
