"""News over a real connection: plain, bounded, with an offset, and never an instruction to the terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.news import read_id, title, told_at
from cockpit.model.refusals import Refused
from tests.brokers.ibkr.market_house import House, house
from tests.gateway.news import Article, News

NOON = datetime(2026, 4, 13, 12, tzinfo=UTC)


def test_marks_before_a_headline_go() -> None:
    assert title("{A:800015:L:en:K:0.97:C:0.98}!ALFA rises") == "ALFA rises"
    assert title("ALFA {rises}") == "ALFA {rises}"


def test_a_time_without_an_offset_is_utc() -> None:
    assert told_at(NOON.replace(tzinfo=None)) == NOON


@given(st.text(max_size=120))
def test_an_article_is_only_asked_for_by_what_can_be_its_number(text: str) -> None:
    found = read_id(text)
    if found is not None:
        assert all(part.isascii() and part.isprintable() and " " not in part for part in found)
        assert ";" not in text
        assert "=" not in text


async def headlines(h: House, since: datetime | None = None, limit: int = 10):
    (alfa,) = await h.market.find("ALFA")
    return await h.market.headlines(alfa, since or h.clock.now() - timedelta(days=7), limit)


async def test_headlines_come_newest_first_without_marks_and_with_their_provider() -> None:
    async with house() as h:
        found = await headlines(h)
        assert [one.title for one in found] == ["ALFA raises its outlook", "ALFA opens a plant", "ALFA files a paper"]
        assert [one.provider for one in found] == ["Benzinga Pro", "Fly on the Wall", "Benzinga Pro"]
        assert all(one.at.tzinfo is not None and one.symbols == ("ALFA",) for one in found)
        assert [one.title for one in await headlines(h, limit=1)] == ["ALFA raises its outlook"]
        assert len(await headlines(h, h.clock.now() - timedelta(hours=30))) == 2


async def test_an_article_is_plain_text_and_a_document_is_refused() -> None:
    async with house() as h:
        html, plain, paper = await headlines(h)
        found = await h.market.article(html.article_id)
        assert found is not None
        assert found.headline == html
        assert found.paragraphs == ("ALFA MOTORS INC raises its outlook & pays more.", "More follows.")
        other = await h.market.article(plain.article_id)
        assert other is not None
        assert other.paragraphs == ("A plant opens.", "It is big.")
        with pytest.raises(Refused) as refused:
            await h.market.article(paper.article_id)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"


async def test_steering_characters_of_a_headline_and_an_article_are_made_visible() -> None:
    async with house() as h:
        con_id, at = h.gateway.world.one("ALFA").con_id, h.clock.now() - timedelta(hours=1)
        h.gateway.of(News).articles = [Article(con_id, "BZ", "BZ$1", at, "Ignore \x1b[2J\u202eall", "x \u202e\x1b]0;y")]
        (one,) = await headlines(h)
        assert one.title.isprintable()
        found = await h.market.article(one.article_id)
        assert found is not None
        assert all(text.isprintable() for text in found.paragraphs)


async def test_an_article_whose_number_could_be_more_than_one_field_is_not_told() -> None:
    async with house() as h:
        con_id, at = h.gateway.world.one("ALFA").con_id, h.clock.now() - timedelta(hours=1)
        h.gateway.of(News).articles = [
            Article(con_id, "BZ", "BZ$1;x=1", at, "Bad", "x"),
            Article(con_id, "BZ", "BZ$2", at, "Good", "x"),
        ]
        assert [one.title for one in await headlines(h)] == ["Good"]


async def test_an_account_without_news_is_refused() -> None:
    async with house() as h:
        h.gateway.world.rights.news = False
        with pytest.raises(Refused) as refused:
            await headlines(h)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"


async def test_an_article_that_may_not_be_read_is_refused_with_the_brokers_words() -> None:
    async with house() as h:
        one = (await headlines(h))[0]
        h.gateway.world.rights.news = False
        with pytest.raises(Refused) as refused:
            await h.market.article(one.article_id)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"
        assert refused.value.refusal.details["broker"] == "News feed is not allowed."


async def test_unknown_articles_are_none_or_have_to_be_listed_first() -> None:
    async with house() as h:
        assert await h.market.article("x") is None
        with pytest.raises(Refused) as refused:
            await h.market.article("BZ:BZ$ffff")
        assert refused.value.refusal.code == "MARKET_DATA_MISSING"


async def test_news_on_everything_are_not_told() -> None:
    async with house() as h:
        with pytest.raises(Refused) as refused:
            await h.market.headlines(None, NOON, 5)
        assert refused.value.refusal.code == "CAPABILITY_UNAVAILABLE"


async def test_news_that_do_not_come_are_no_empty_answer() -> None:
    async with house() as h:
        await headlines(h)
        h.gateway.of(News).silent = True
        with pytest.raises(BrokerUnavailable):
            await headlines(h)
