"""What a client is told of the market at Interactive Brokers: every tool of it, through the gate, over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from cockpit.brokers.ibkr.broker import IbkrBroker
from cockpit.brokers.ibkr.line import Line
from cockpit.model.clock import Clock, SystemClock
from cockpit.model.instruments import InstrumentKind
from cockpit.model.trading import Link
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from cockpit.store.database import Store
from server.host import ToolAnswer
from tests.desk.desks import HandClock, open_desk
from tests.gateway import FakeGateway
from tests.gateway.holdings import Holding
from tests.gateway.rights import Feed
from tests.tools.conftest import is_harmless, schema_of, tools_of

ACCOUNT = "DU1234567"


@dataclass
class Seat:
    """A client at a desk whose account is at a gateway of TWS."""

    gateway: FakeGateway
    line: Line
    ask: Any

    async def told(self, tool: str, **arguments: object) -> Mapping[str, Any]:
        """Return what a tool answers, which must be no refusal."""
        answer: ToolAnswer = await self.ask(tool, arguments)
        assert answer.refusal is None, answer.refusal
        schema_of(tool).validate(dict(answer.structured))
        assert is_harmless(answer.structured)
        return answer.structured

    async def refused(self, tool: str, **arguments: object) -> tuple[str, Mapping[str, str]]:
        """Return the code with which a tool refuses, and its facts."""
        answer: ToolAnswer = await self.ask(tool, arguments)
        assert answer.refusal is not None, answer.structured
        return answer.refusal.code, answer.refusal.details


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway(open_always=True) as opened:
        yield opened


@pytest.fixture
async def seat(tmp_path: Path, gateway: FakeGateway) -> AsyncIterator[Seat]:
    async with seated(tmp_path / "data", gateway) as taken:
        yield taken


@asynccontextmanager
async def seated(folder: Path, gateway: FakeGateway) -> AsyncIterator[Seat]:
    """A client's seat over a gateway as it is now."""
    section = {"broker": "ibkr", "toolsets": ["all"], "ibkr": {"port": gateway.port, "hours_of": "ALFA"}}
    policy = PolicySettings(asset_classes=frozenset(InstrumentKind))
    settings = ConnectionSettings.model_validate(section).model_copy(update={"policy": policy})

    def make(name: str, of: ConnectionSettings, store: Store, clock: Clock, **_: object) -> IbkrBroker:
        return IbkrBroker(name, of, store, clock)

    clock = cast(HandClock, SystemClock())
    async with open_desk(folder, settings=settings, make=make, clock=clock) as desk:
        client, tools = desk.grants.give("claude"), tools_of(desk)
        broker = desk.connections.need("paper").broker
        assert isinstance(broker, IbkrBroker)
        yield Seat(gateway, broker._line, lambda tool, arguments: tools.call(client, tool, arguments))


async def test_prices_bars_and_books(seat: Seat) -> None:
    quote = await seat.told("get_quote", symbol="alfa")
    assert (quote["bid"], quote["ask"], quote["source"], quote["data_type"]) == ("411.99", "412.01", "ibkr", "live")
    quotes = await seat.told("get_quotes", symbols=["ALFA", "BRVO", "NOSUCH", "TWIN"])
    assert [row["error"] and row["error"]["code"] for row in quotes["quotes"]] == [
        None, None, "INSTRUMENT_UNRESOLVED", "INSTRUMENT_UNRESOLVED",
    ]  # fmt: skip
    assert "TWIN:NASDAQ" in quotes["quotes"][3]["error"]["details"]["candidates"]
    bars = await seat.told("get_bars", symbol="ALFA", interval="1d", count=5)
    assert len(bars["bars"]) == 5
    pair = await seat.told("get_bars", symbol="EUR.USD", interval="1h", count=2)
    assert [bar["volume"] for bar in pair["bars"]] == [None, None]
    book = await seat.told("get_depth", symbol="ALFA", levels=3)
    assert Decimal(book["bids"][0]["price"]) < Decimal(book["asks"][0]["price"])


async def test_the_account_says_that_its_profit_is_after_fees(seat: Seat) -> None:
    for tool in ("get_balances", "get_portfolio", "get_pnl"):
        told = await seat.told(tool)
        assert told["fees"] is None, tool
        assert told.get("orders_taken_off", False) is False
        assert told.get("net", told.get("total")) == told.get("total")


def hold_in_three_currencies(gateway: FakeGateway) -> dict[str, Holding]:
    """Let the account hold shares that trade in dollars, euros and yen, by their symbols here."""
    world, held = gateway.world, gateway.book.holdings
    rhein = world.one("RHEIN:IBIS")
    cars = replace(
        rhein, con_id=265900, symbol="7203", name="TOYO CARS", primary="TSEJ", currency="JPY", trading_class="TSEJ",
        local_symbol="7203", exchanges=("SMART", "TSEJ"),
    )  # fmt: skip
    world.add(cars, replace(world.price(rhein.con_id), bid=Decimal(2799), ask=Decimal(2801), last=Decimal(2800)))
    bought = (
        ("ALFA", world.one("ALFA"), 10, 400),
        ("RHEIN:IBIS/EUR", rhein, 100, 100),
        ("7203:TSEJ/JPY", cars, 1000, 2700),
    )
    return {name: held.put(ACCOUNT, one, Decimal(many), Decimal(paid)) for name, one, many, paid in bought}


async def test_what_is_held_in_several_currencies_is_added_up_in_the_accounts_own(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    held, book = hold_in_three_currencies(gateway), gateway.book.holdings
    currencies = {name: one.listing.currency for name, one in held.items()}
    worth = {name: book.worth(one) * book.rate(one.listing.currency) for name, one in held.items()}
    whole = sum(worth.values())
    almost = partial(pytest.approx, rel=Decimal("0.001"))
    async with seated(tmp_path / "data", gateway) as seat:
        exposure = (await seat.told("get_portfolio"))["exposure"]
        assert [Decimal(exposure[side]) for side in ("long", "gross", "net")] == [almost(whole)] * 3
        assert (exposure["leverage"], exposure["largest_symbol"]) == ("0.03", "7203:TSEJ/JPY")
        assert Decimal(exposure["largest_percent"]) == almost(worth["7203:TSEJ/JPY"] / whole * 100)

        owned = await seat.told("get_holdings")
        assert (owned["currency"], Decimal(owned["market_value"])) == ("USD", almost(whole))
        assert {row["symbol"]: row["currency"] for row in owned["holdings"]} == currencies
        for row in owned["holdings"]:
            assert Decimal(row["market_value"]) == book.worth(held[row["symbol"]])
            assert Decimal(row["share_percent"]) == almost(worth[row["symbol"]] / whole * 100)

        profit = await seat.told("get_pnl")
        assert {row["symbol"]: row["currency"] for row in profit["by_position"]} == currencies
        for row in profit["by_position"]:
            assert Decimal(row["unrealised"]) == book.unrealized(held[row["symbol"]])
        assert abs(Decimal(profit["unplaced"])) < 1


async def test_instruments_hours_and_rates(seat: Seat) -> None:
    found = await seat.told("search_instruments", text="dual")
    assert {row["symbol"] for row in found["instruments"]} == {"DUAL", "DUAL:IBIS/EUR"}
    told = await seat.told("get_instrument", symbol="DUAL:IBIS")
    assert (told["instrument"]["currency"], told["has_options"]) == ("EUR", False)
    assert (await seat.told("get_instrument", symbol="ALFA"))["has_options"]
    clock = await seat.told("get_clock")
    assert (clock["is_open"], clock["source"]) == (True, "ibkr")
    rate = await seat.told("get_fx_rate", base="EUR", counter="USD")
    assert (rate["bid"], rate["data_type"]) == ("1.08495", "live")
    assert (await seat.refused("get_fx_rate", base="SEK", counter="NOK"))[0] == "MARKET_DATA_MISSING"
    assert (await seat.refused("list_instruments"))[0] == "CAPABILITY_UNAVAILABLE"


async def test_options(seat: Seat) -> None:
    expiries = (await seat.told("get_expiries", underlying="ALFA"))["expiries"]
    chain = await seat.told("get_option_chain", underlying="ALFA", expiry=expiries[0]["expiry"], strikes=3)
    call = chain["chain"][1]["call"]
    assert (call["greeks"]["rho"], chain["data_type"]) == (None, "live")
    greeks = await seat.told("get_option_greeks", symbol=call["symbol"], price="5")
    assert greeks["model"] == "Interactive Brokers' option model"
    assert (greeks["rate"], greeks["implied_volatility_of_price"]) == (None, None)
    option = await seat.told("resolve_option", underlying="ALFA", expiry_offset=0, right="call", moneyness="atm")
    assert option["instrument"]["symbol"] == call["symbol"]
    code, _ = await seat.refused("get_synthetic_future", underlying="ALFA", expiry_offset=0)
    assert code == "CAPABILITY_UNAVAILABLE"


async def test_news_companies_and_scans(seat: Seat) -> None:
    headlines = (await seat.told("list_news", symbol="ALFA"))["headlines"]
    article = await seat.told("get_news_article", article_id=headlines[0]["article_id"])
    assert "raises its outlook" in article["text"]
    assert (await seat.refused("list_news"))[0] == "CAPABILITY_UNAVAILABLE"
    figures = (await seat.told("get_fundamentals", symbol="ALFA"))["figures"]
    assert {"Company", "Beta"} <= {row["name"] for row in figures}
    scan = await seat.told("run_scanner", scan="MOST_ACTIVE", limit=3)
    assert [row["rank"] for row in scan["rows"]] == [1, 2, 3]
    code, details = await seat.refused("run_scanner", scan="top_gainers")
    assert code == "BAD_ARGUMENTS"
    assert "TOP_PERC_GAIN" in details["scan"]
    assert (await seat.refused("list_transfers"))[0] == "CAPABILITY_UNAVAILABLE"


async def test_what_is_not_subscribed_to_is_refused_with_the_brokers_words(seat: Seat) -> None:
    rights = seat.gateway.world.rights
    rights.feed, rights.fundamentals, rights.news = Feed.NONE, False, False
    for tool, code, words in (
        ("get_quote", "CAPABILITY_UNAVAILABLE", "not subscribed"),
        ("get_depth", "CAPABILITY_UNAVAILABLE", "not subscribed"),
        ("get_fundamentals", "CAPABILITY_UNAVAILABLE", "not available"),
    ):
        refused, details = await seat.refused(tool, symbol="ALFA")
        assert refused == code
        assert words in details["broker"]
    assert (await seat.refused("list_news", symbol="ALFA"))[0] == "CAPABILITY_UNAVAILABLE"


async def test_while_tws_is_cut_off_nothing_is_told_of_the_market(seat: Seat) -> None:
    await seat.told("get_quote", symbol="ALFA")
    seat.gateway.lost()
    await seat.line.wait_for(Link.DEGRADED)
    for tool in ("get_quote", "get_bars", "get_depth", "get_expiries"):
        arguments = {"underlying" if tool == "get_expiries" else "symbol": "ALFA"}
        assert (await seat.refused(tool, **arguments))[0] == "BROKER_NOT_READY"
