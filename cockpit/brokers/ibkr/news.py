"""News on one instrument from the providers that the account has: headlines, and articles as plain text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, cast

from ib_async import HistoricalNews, NewsArticle, NewsProvider

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.answers import refused
from cockpit.brokers.ibkr.documents import paragraphs
from cockpit.brokers.ibkr.kept import Kept
from cockpit.brokers.ibkr.line import Line, Told
from cockpit.brokers.ibkr.listing import Listed
from cockpit.brokers.ibkr.ticks import SOURCE
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refused, refuse
from cockpit.model.research import Article, Headline
from cockpit.model.text import safe

MOST_HEADLINES: Final = 300
"""Of one request, by IB's document."""
MOST_PARAGRAPHS: Final = 200
LONGEST_PARAGRAPH: Final = 2000
MOST_TEXT: Final = 500_000
_MOST_PROVIDERS: Final = 30
_TEXT: Final = 0
"""Kind of an article that is text or HTML; the other is a document in base 64."""
_NO_ARTICLE: Final = frozenset({10172, 321})
_CODE: Final = re.compile(r"[A-Za-z0-9_\-]{1,20}")
_ID: Final = re.compile(r"([A-Za-z0-9_\-]{1,20}):([A-Za-z0-9$_\-.+/#*:]{1,75})")
_METADATA: Final = re.compile(r"^\s*(?:\{[^{}]{0,300}\}\s*!?\s*)+")
"""Marks such as ``{A:800015:L:en:K:0.97:C:0.98}`` that IB puts before headlines."""


def title(text: str) -> str:
    """Return a headline without the marks before it."""
    return _METADATA.sub("", text).strip()


def told_at(at: datetime) -> datetime:
    """Return the time of a headline with its offset: IB writes it in UTC and without one."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def read_id(article_id: str) -> tuple[str, str] | None:
    """Return provider and number of an article of ours, or None for what is no such id."""
    found = _ID.fullmatch(article_id)
    return None if found is None else (found[1], found[2])


class News:
    """News of one account. All text is untrusted, and made safe."""

    def __init__(self, line: Line, clock: Clock) -> None:
        self._line = line
        self._providers: Kept[str, dict[str, str]] = Kept(clock, 1, 3600)
        self._seen: Kept[str, Headline] = Kept(clock, 1000, 24 * 3600)

    async def headlines(self, listed: Listed, since: datetime, limit: int) -> tuple[Headline, ...]:
        """Return the newest headlines since then, newest first. Refused with CAPABILITY_UNAVAILABLE without providers."""
        providers = await self._of_account()
        codes = "+".join(list(providers)[:_MOST_PROVIDERS])
        most = max(1, min(limit, MOST_HEADLINES))
        try:
            # An answer of several is told as a list, whatever ib_async 2.1.0 declares; None is its own time limit.
            told_of = await self._line.read(
                "", lambda ib: ib.reqHistoricalNewsAsync(listed.con_id, codes, since, "", most)
            )
        except Told as told:
            raise refused(told) from told
        answer = cast("Sequence[HistoricalNews] | None", told_of)
        if answer is None:
            raise BrokerUnavailable("the headlines did not come in time")
        found = [self._headline(one, providers, listed) for one in answer[:MOST_HEADLINES]]
        newest = sorted((one for one in found if one is not None and one.at >= since), key=lambda one: one.at)
        for one in newest[-most:]:
            self._seen.put(one.article_id, one)
        return tuple(reversed(newest[-most:]))

    async def article(self, article_id: str) -> Article | None:
        """Return an article of a headline that was told before; None where there is none by that id."""
        asked = read_id(article_id)
        if asked is None:
            return None
        headline = self._seen.get(article_id)
        if headline is None:
            raise Refused(refuse("MARKET_DATA_MISSING", "Ask for its headline first: it isn't known here any more."))
        try:
            answer: NewsArticle = await self._line.read(
                f"article {article_id}", lambda ib: ib.reqNewsArticleAsync(*asked), shared=True
            )
        except Told as told:
            if told.code in _NO_ARTICLE:
                return None
            raise refused(told) from told
        if answer.articleType != _TEXT:
            raise Refused(refuse("CAPABILITY_UNAVAILABLE", "The article is a document, not a text."))
        text = answer.articleText
        found, cut = await asyncio.to_thread(paragraphs, text[:MOST_TEXT], MOST_PARAGRAPHS, LONGEST_PARAGRAPH)
        return Article(headline, found, truncated=cut or len(text) > MOST_TEXT)

    async def _of_account(self) -> dict[str, str]:
        """Return the names of the providers by code."""
        kept = self._providers.get("")
        if kept is None:
            try:
                answer: Sequence[NewsProvider] = await self._line.read(
                    "newsProviders", lambda ib: ib.reqNewsProvidersAsync(), shared=True
                )
            except Told as told:
                raise refused(told) from told
            kept = {one.code: one.name for one in answer if _CODE.fullmatch(one.code)}
            self._providers.put("", kept, None if kept else 60)
        if not kept:
            raise Refused(refuse("CAPABILITY_UNAVAILABLE", "The account has no provider of news for programs."))
        return kept

    def _headline(self, told: HistoricalNews, providers: dict[str, str], listed: Listed) -> Headline | None:
        article_id = f"{told.providerCode}:{told.articleId}"
        if read_id(article_id) is None:
            return None
        return Headline(
            article_id=article_id,
            provider=safe(providers.get(told.providerCode) or told.providerCode, 60),
            title=safe(title(told.headline), 400),
            at=told_at(told.time),
            symbols=(listed.instrument.symbol,),
            source=SOURCE,
        )
