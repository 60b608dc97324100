"""A client is told the same code for the same trouble, whichever broker stands behind its connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.clock import Clock
from cockpit.model.instruments import Instrument
from cockpit.model.quotes import Quote
from cockpit.model.trading import Link
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.gateway import FakeGateway
from tests.gateway.rights import Feed
from tests.gateway.world import Price
from tests.ibkr.cockpits import Within, settings_of, settings_of_another, within
from tests.outside.adapter import OutsideBroker
from tests.outside.control import Outside

_PRICELESS: Final = "BRVO"
_NOBODYS: Final = "o-" + "0" * 26

Say = Callable[..., Awaitable[dict[str, Any]]]


class _Paper(PaperBroker):
    """The paper broker, with an instrument that has no price."""

    async def quote(self, instrument: Instrument) -> Quote | None:
        return None if instrument.symbol == _PRICELESS else await super().quote(instrument)


class _Outside(OutsideBroker):
    """The broker outside, with an instrument that has no price."""

    async def quote(self, instrument: Instrument) -> Quote | None:
        return None if instrument.symbol == _PRICELESS else await super().quote(instrument)


@dataclass
class Site:
    """A whole cockpit with one of the brokers."""

    cockpit: Within
    key: str
    lose_line: Callable[[], Awaitable[None]] | None
    """None where there is no line."""
    unsubscribe: Callable[[], None] | None = None
    """Takes prices and history from the account; None where nobody subscribes to anything."""

    async def code(self, tool: str, **arguments: Any) -> str:
        return (await self.cockpit.call(self.key, tool, **arguments)).get("code", "")

    async def place(self, key: str, **changed: Any) -> str:
        said = await self.cockpit.place(self.key, key, **changed)
        return said.get("code", "")

    async def touch(self) -> float:
        quote = await self.cockpit.call(self.key, "get_quote", symbol="ALFA")
        return float(quote["bid"])


@pytest.fixture
async def paper_site(tmp_path: Path) -> AsyncIterator[Site]:
    def make(name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> PaperBroker:
        return _Paper(name, settings, store, clock)

    async with within(tmp_path / "data", settings_of_another(), brokers=make) as cockpit:
        yield Site(cockpit, await cockpit.key(), None)


@pytest.fixture
async def outside_site(tmp_path: Path, outside: Outside) -> AsyncIterator[Site]:
    def make(name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> OutsideBroker:
        return _Outside(outside.port)

    async with within(tmp_path / "data", settings_of_another(), brokers=make) as cockpit:

        async def lose_line() -> None:
            await outside.down()
            await cockpit.until(lambda: cockpit.broker.status().link is not Link.READY)

        yield Site(cockpit, await cockpit.key(), lose_line)


@pytest.fixture
async def ibkr_site(tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(FakeGateway())
        gateway.world.open_always()
        gateway.world.put(gateway.world.one(_PRICELESS), Price())
        cockpit = await stack.enter_async_context(within(tmp_path / "data", settings_of(gateway.port)))

        async def lose_line() -> None:
            await gateway.down()
            await cockpit.until(lambda: cockpit.broker.status().link is not Link.READY)

        def unsubscribe() -> None:
            gateway.world.rights.feed, gateway.world.rights.history = Feed.NONE, False

        yield Site(cockpit, await cockpit.key(), lose_line, unsubscribe)


@pytest.fixture(params=["paper_site", "ibkr_site", "outside_site"])
def site(request: pytest.FixtureRequest) -> Site:
    """Return a cockpit with each broker in turn."""
    return request.getfixturevalue(request.param)


async def test_what_is_wrong_with_an_order_has_one_code(site: Site) -> None:
    near = f"{await site.touch() * 0.99:.2f}"
    assert {
        "unknown symbol": await site.place("the-order-0001", symbol="NOSUCH", limit_price="10"),
        "off the tick": await site.place("the-order-0002", limit_price=f"{near}3"),
        "off the lot": await site.place("the-order-0003", quantity="0.00001", limit_price=near),
        "unknown type": await site.place("the-order-0004", order_type="pegged", limit_price=near),
        "stop without its price": await site.place("the-order-0005", order_type="stop", limit_price=None),
        "no price": await site.place("the-order-0006", symbol=_PRICELESS, order_type="market", limit_price=None,
                                     time_in_force="day"),
    } == {
        "unknown symbol": "INSTRUMENT_UNRESOLVED",
        "off the tick": "BAD_TICK",
        "off the lot": "BAD_QUANTITY",
        "unknown type": "BAD_ARGUMENTS",
        "stop without its price": "BAD_ARGUMENTS",
        "no price": "MARKET_DATA_MISSING",
    }  # fmt: skip
    assert not site.cockpit.known()


async def test_what_is_wrong_with_a_question_has_one_code(site: Site) -> None:
    assert {
        "quote of nothing": await site.code("get_quote", symbol="NOSUCH"),
        "quote without a price": await site.code("get_quote", symbol=_PRICELESS),
        "bars of nothing": await site.code("get_bars", symbol="NOSUCH", interval="1d", count=5),
        "cancel of nothing": await site.code("cancel_order", order_id=_NOBODYS),
        "change of nothing": await site.code("modify_order", order_id=_NOBODYS, quantity=1),
        "facts of nothing": await site.code("get_instrument", symbol="NOSUCH"),
    } == {
        "quote of nothing": "INSTRUMENT_UNRESOLVED",
        "quote without a price": "MARKET_DATA_MISSING",
        "bars of nothing": "INSTRUMENT_UNRESOLVED",
        "cancel of nothing": "ORDER_UNKNOWN",
        "change of nothing": "ORDER_UNKNOWN",
        "facts of nothing": "INSTRUMENT_UNRESOLVED",
    }


async def test_what_has_ended_can_be_neither_changed_nor_cancelled_by_one_code(site: Site) -> None:
    near = f"{await site.touch() * 0.99:.2f}"
    placed = await site.cockpit.place(site.key, limit_price=near)
    await site.code("cancel_order", order_id=placed["order_id"])
    await site.cockpit.until(lambda: all(one.state == "cancelled" for one in site.cockpit.known().values()))
    assert await site.code("modify_order", order_id=placed["order_id"], quantity=1) == "ORDER_DONE"
    assert await site.code("cancel_order", order_id=placed["order_id"]) in {"", "ORDER_DONE"}


async def test_what_the_account_has_not_subscribed_to_has_one_code_and_the_brokers_words(site: Site) -> None:
    if site.unsubscribe is None:
        return
    site.unsubscribe()
    asked = {"get_quote": {}, "get_depth": {}, "get_bars": {"interval": "1d", "count": 5}}
    told = {tool: await site.cockpit.call(site.key, tool, symbol="CHRL", **more) for tool, more in asked.items()}
    assert {tool: one.get("code") for tool, one in told.items()} == dict.fromkeys(asked, "CAPABILITY_UNAVAILABLE")
    assert all(
        "subscribed" in one["details"]["broker"] or "permissions" in one["details"]["broker"] for one in told.values()
    )


async def test_an_account_without_history_trades_without_knowing_volumes(site: Site) -> None:
    if site.unsubscribe is None:
        return
    near = f"{await site.touch() * 0.99:.2f}"
    site.unsubscribe()
    assert await site.place("the-order-0001", limit_price=near) == ""


async def test_a_line_that_is_down_has_one_code(site: Site) -> None:
    if site.lose_line is None:
        return
    near = f"{await site.touch() * 0.99:.2f}"
    placed = await site.cockpit.place(site.key, limit_price=near)
    await site.lose_line()
    assert {
        "place": await site.place("the-order-0002", limit_price=near),
        "positions": await site.code("get_positions"),
        "balances": await site.code("get_balances"),
        "quote": await site.code("get_quote", symbol="ALFA"),
    } == dict.fromkeys(("place", "positions", "balances", "quote"), "BROKER_NOT_READY")
    assert len(site.cockpit.known()) == 1
    assert placed["order_id"] in {one.order_id for one in site.cockpit.known().values()}
