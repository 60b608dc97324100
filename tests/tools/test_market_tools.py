"""Quotes of many, books, instruments and exchange rates as a client asks for them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.desk.offers import Offers
from cockpit.model.orders import Side
from cockpit.model.quotes import Depth
from cockpit.model.refusals import Refused
from cockpit.settings.model import ConnectionSettings
from tests.desk.desks import Desk, open_desk
from tests.tools.conftest import Ask, is_harmless, tools_of
from tools.catalogue import TOOLS

LABELS = {"as_of", "age_ms", "source", "data_type"}


async def test_each_of_many_symbols_has_its_quote_or_its_own_error(desk: Desk, ask: Ask) -> None:
    told = (await ask("get_quotes", symbols=["brvo", "ALF", "ALFA", "\x1b[31m"])).structured
    assert [row["asked"] for row in told["quotes"]] == ["brvo", "ALF", "ALFA", "\\x1b[31m"]
    brvo, wrong, alfa, hostile = told["quotes"]
    assert brvo["quote"]["symbol"] == "BRVO"
    assert brvo["error"] is None
    assert set(alfa["quote"]) >= LABELS
    assert Decimal(alfa["quote"]["ask"]) == await desk.touch("ALFA", Side.BUY)
    assert wrong["quote"] is None
    assert wrong["error"]["code"] == "INSTRUMENT_UNRESOLVED"
    assert "ALFA" in wrong["error"]["details"]["candidates"]
    assert hostile["error"]["code"] == "INSTRUMENT_UNRESOLVED"
    assert is_harmless(told)
    assert told["says"] == "2 of 4 have a quote."


async def test_at_most_25_quotes_are_told_at_once(ask: Ask) -> None:
    fine = await ask("get_quotes", symbols=["ALFA"] * 25)
    assert len(fine.structured["quotes"]) == 25
    for symbols in (["ALFA"] * 26, []):
        refused = await ask("get_quotes", symbols=symbols)
        assert refused.refusal is not None
        assert refused.refusal.code == "BAD_ARGUMENTS"


async def test_a_line_that_is_down_is_the_error_of_every_row(
    desk: Desk, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = desk.connections.need("paper").broker

    async def nothing(instrument: object) -> None:
        return None

    monkeypatch.setattr(broker, "quote", nothing)
    told = (await ask("get_quotes", symbols=["ALFA", "BRVO"])).structured
    assert [row["error"]["code"] for row in told["quotes"]] == ["MARKET_DATA_MISSING"] * 2


async def test_a_book_is_told_from_the_touch_on_with_its_note(desk: Desk, ask: Ask) -> None:
    told = (await ask("get_depth", symbol="ALFA", levels=3)).structured
    assert (len(told["bids"]), len(told["asks"])) == (3, 3)
    assert Decimal(told["asks"][0]["price"]) == await desk.touch("ALFA", Side.BUY)
    assert told["data_type"] == "simulated"
    assert "Simulated" in told["note"]
    assert set(told) >= LABELS


async def test_what_has_no_book_says_so(ask: Ask) -> None:
    answer = await ask("get_depth", symbol="ALFA260306C00360000")
    assert answer.refusal is not None
    assert answer.refusal.code == "MARKET_DATA_MISSING"


async def test_a_broker_that_tells_more_than_was_asked_for_is_cut(
    desk: Desk, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = desk.connections.need("paper").broker
    (alfa,) = await broker.find("ALFA")
    whole: Depth = await getattr(broker, "depth")(alfa, 20)  # noqa: B009 - no part of the protocol of every broker

    async def all_of_it(instrument: object, levels: int) -> Depth:
        return whole

    monkeypatch.setattr(broker, "depth", all_of_it)
    told = (await ask("get_depth", symbol="ALFA", levels=2)).structured
    assert (len(told["bids"]), len(told["asks"])) == (2, 2)


async def test_an_exchange_rate_has_bid_ask_and_middle(ask: Ask) -> None:
    told = (await ask("get_fx_rate", base="eur", counter="JPY")).structured
    assert (told["base"], told["counter"]) == ("EUR", "JPY")
    assert Decimal(told["bid"]) <= Decimal(told["middle"]) <= Decimal(told["ask"])
    assert set(told) >= LABELS
    unknown = await ask("get_fx_rate", base="XXX", counter="USD")
    assert unknown.refusal is not None
    assert unknown.refusal.code == "MARKET_DATA_MISSING"


async def test_pages_of_instruments_follow_each_other_and_end(ask: Ask) -> None:
    seen, after, pages = list[str](), None, 0
    while True:
        told = (await ask("list_instruments", limit=5, **({"after": after} if after else {}))).structured
        seen += [one["symbol"] for one in told["instruments"]]
        after, pages = told["next_after"], pages + 1
        if after is None:
            break
    assert pages == 3
    assert seen == sorted(set(seen))
    assert len(seen) == told["total"] == 12


async def test_a_page_that_ends_with_the_last_instrument_has_none_after_it(ask: Ask) -> None:
    told = (await ask("list_instruments", limit=12)).structured
    assert (len(told["instruments"]), told["next_after"]) == (12, None)
    beyond = (await ask("list_instruments", after="ZZZZ")).structured
    assert (beyond["instruments"], beyond["next_after"]) == ([], None)


async def test_instruments_are_listed_by_kind_and_by_what_a_fund_holds(ask: Ask) -> None:
    coins = (await ask("list_instruments", kind="CRYPTO")).structured
    assert [one["symbol"] for one in coins["instruments"]] == ["JULI", "KILO"]
    golf = (await ask("get_instrument", symbol="golf")).structured
    members = (await ask("list_instruments", index="golf")).structured
    assert [one["symbol"] for one in members["instruments"]] == golf["members"]
    unknown = await ask("list_instruments", index="NOPE")
    assert unknown.refusal is not None
    assert unknown.refusal.code == "INSTRUMENT_UNRESOLVED"


async def test_an_instrument_says_its_steps_its_multiplier_and_whether_it_has_options(ask: Ask) -> None:
    alfa = (await ask("get_instrument", symbol="ALFA")).structured
    assert alfa["has_options"] is True
    assert alfa["instrument"]["multiplier"] == "1"
    assert alfa["instrument"]["option"] is None
    coin = (await ask("get_instrument", symbol="JULI")).structured
    assert coin["has_options"] is False
    option = (await ask("get_instrument", symbol="ALFA  260306C00360000")).structured["instrument"]
    assert (option["symbol"], option["multiplier"], option["kind"]) == ("ALFA260306C00360000", "100", "option")
    assert option["option"] == {"underlying": "ALFA", "expiry": "2026-03-06", "right": "call", "strike": "360"}


async def test_what_a_recording_lacks_is_not_listed_and_says_so_when_called(tmp_path: Path) -> None:
    file = tmp_path / "bars.csv"
    rows = ("time,open,high,low,close,volume,symbol", "2026-01-05T14:30:00Z,10,11,9,10.5,1000,ABC")
    file.write_text("\n".join((*rows, "2026-01-05T14:31:00Z,10.5,11,10,10.9,900,ABC", "")))
    settings = ConnectionSettings(toolsets=("all",), replay=str(file))
    async with open_desk(tmp_path / "data", settings=settings) as desk:
        claude, tools = desk.grants.give("claude"), tools_of(desk)
        listed = {tool.name for tool in tools.listed(claude)}
        features = {
            name
            for name, tool in TOOLS.items()
            if tool.needs in {"depth", "options", "option_rate", "fx", "listing", "scanner"}
        }
        assert len(features) == 11
        assert not features & listed
        for name in features:
            answer = await tools.call(claude, name, {})
            assert answer.refusal is not None
            assert answer.refusal.code == "CAPABILITY_UNAVAILABLE"
        assert (await tools.call(claude, "get_instrument", {"symbol": "ABC"})).structured["has_options"] is False


async def test_a_broker_that_names_what_it_does_not_implement_is_refused_for_it(desk: Desk, ask: Ask) -> None:
    broker = desk.connections.need("paper").broker
    broker.can = replace(broker.can, features=broker.can.features | {"news"})
    answer = await ask("list_news")
    assert answer.refusal is not None
    assert answer.refusal.code == "CAPABILITY_UNAVAILABLE"


async def test_what_a_broker_does_not_name_is_not_asked_for_though_it_could_answer(desk: Desk) -> None:
    connection = desk.connections.need("paper")
    connection.broker.can = replace(connection.broker.can, features=frozenset())
    with pytest.raises(Refused) as refused:
        await Offers(connection).fx_rate("EUR", "USD")
    assert refused.value.refusal.details == {"needs": "fx"}
