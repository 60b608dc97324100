"""Getting out of a position with real money whatever the prices are: by the operator's hand, never by a client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.app.brokers import broker_of
from cockpit.brokers.ibkr import quotes
from cockpit.desk import observer
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Answer, Command, Done
from tests.gateway import FakeGateway, faults
from tests.gateway.rights import Feed
from tests.ibkr.test_live import SCOPES, settings
from tests.operator.houses import House, open_house
from tests.operator.test_enrolling import SteppingClock


@pytest.fixture
async def gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeGateway]:
    """One whose account holds 10 ALFA and is 4 BRVO short."""
    for seconds in ("_FIRST_SECONDS", "_AGAIN_SECONDS"):
        monkeypatch.setattr(quotes, seconds, 0.1)
    async with FakeGateway(accounts=("U1234567",), open_always=True) as opened:
        opened.book.holdings.put("U1234567", opened.world.one("ALFA"), Decimal(10), Decimal(400))
        opened.book.holdings.put("U1234567", opened.world.one("BRVO"), Decimal(-4), Decimal(80))
        yield opened


@pytest.fixture
async def house(tmp_path: Path, gateway: FakeGateway) -> AsyncIterator[House]:
    asked = settings(gateway.port).replace(".ibkr]", '.ibkr]\nmarket_data = "delayed"')
    async with open_house(tmp_path, asked, clock=SteppingClock(), brokers=broker_of) as opened:
        yield opened


async def on_screen(house: House, act: str, **arguments: str) -> Answer:
    return await house.face.run(Command(act, {"connection": "real", **arguments}, "screen"))


async def looked(house: House, symbol: str) -> dict[str, str]:
    answer = await on_screen(house, "position.look", symbol=symbol)
    assert isinstance(answer, Done), answer
    assert isinstance(answer.data, dict)
    assert answer.says.startswith(str(answer.data["warning"]))
    return answer.data


def code(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


@pytest.mark.parametrize(
    ("feed", "why"),
    [
        (Feed.DELAYED, "MARKET_DATA_NOT_LIVE"),
        (Feed.NONE, "MARKET_DATA_MISSING"),
        (Feed.SILENT, "MARKET_DATA_MISSING"),
    ],
)
async def test_the_operator_closes_what_no_client_may(house: House, gateway: FakeGateway, feed: Feed, why: str) -> None:
    gateway.world.rights.feed = feed
    key = (await house.done("key.create", name="script", scope=SCOPES, connection="real"))["key"]
    assert (await house.call(key, "close_position", symbol="ALFA", idempotency_key="close-000001"))["code"]
    seen = await looked(house, "ALFA")
    assert (seen["refused"], seen["order"]) == ("", "SELL 10 ALFA MKT DAY")
    assert seen["warning"].startswith("NO PRICE TO TRUST: ")
    assert why in seen["warning"]
    assert code(await on_screen(house, "position.close", symbol="ALFA")) == why
    assert (
        code(await on_screen(house, "position.close", symbol="ALFA", quantity="11", seen=seen["seen"]))
        == "BAD_QUANTITY"
    )
    assert [one.quantity for one in gateway.book.holdings.held.values()] == [10, -4]
    closed = await on_screen(house, "position.close", symbol="ALFA", seen=seen["seen"])
    assert isinstance(closed, Done), closed
    flat = await on_screen(house, "position.flatten")
    assert isinstance(flat, Done), flat
    assert "Sent without a price to trust: BRVO" in flat.says
    assert not any(one.quantity for one in gateway.book.holdings.held.values())


async def test_a_live_price_needs_no_warning_and_one_that_goes_away_asks_anew(
    house: House, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = await looked(house, "ALFA")
    assert (seen["warning"], seen["refused"]) == ("", "")
    gateway.world.set("ALFA", None, None, "412.00")
    assert code(await on_screen(house, "position.close", symbol="ALFA", seen=seen["seen"])) == "PRICE_MOVED"
    again = await looked(house, "ALFA")
    assert "MARKET_DATA_MISSING" in again["warning"]


async def test_the_operator_closes_while_tws_does_not_tell_what_others_have_open(
    house: House, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "_TOLD_WITHIN", 0.05)
    gateway.always("openOrderEnd", faults.lose)
    seen = await looked(house, "ALFA")
    assert seen["refused"] == ""
    assert "others have open" in seen["warning"]
    assert isinstance(await on_screen(house, "position.close", symbol="ALFA", seen=seen["seen"]), Done)
    flat = await on_screen(house, "position.flatten")
    assert code(flat) == "NOT_FLAT"
    assert isinstance(flat, Refusal)
    assert "Nobody told what others have open" in flat.message
    assert not any(one.quantity for one in gateway.book.holdings.held.values())


async def test_of_a_position_with_a_part_of_a_share_all_whole_shares_are_closed_and_the_part_is_named(
    house: House, gateway: FakeGateway
) -> None:
    gateway.book.holdings.put("U1234567", gateway.world.one("ALFA"), Decimal("100.5"), Decimal(400))
    seen = await looked(house, "ALFA")
    assert (seen["order"], seen["held_after"], seen["refused"]) == ("SELL 100 ALFA MKT DAY", "0.5", "")
    flat = await on_screen(house, "position.flatten")
    assert isinstance(flat, Refusal)
    assert (flat.code, flat.details["left"]) == ("NOT_FLAT", "ALFA")
    assert "0.5 is left, less than the lot of 1" in flat.message
    assert [one.quantity for one in gateway.book.holdings.held.values()] == [Decimal("0.5"), 0]
    assert code(await on_screen(house, "position.look", symbol="ALFA")) == "BAD_QUANTITY"


async def test_what_trades_elsewhere_is_closed_while_the_market_at_home_is_not_open(
    house: House, gateway: FakeGateway
) -> None:
    home, elsewhere, today = gateway.world.one("ALFA"), gateway.world.one("DUAL:IBIS"), gateway.world.now().date()
    home.venue.always = False
    home.venue.holidays |= {today + timedelta(days=days) for days in range(-1, 7)}
    gateway.book.holdings.put("U1234567", elsewhere, Decimal(3), Decimal(50))
    assert (await looked(house, "DUAL:IBIS"))["refused"] == ""
    refused = await on_screen(house, "position.look", symbol="ALFA")
    assert isinstance(refused, Done)
    assert "SESSION_CLOSED" in refused.says
