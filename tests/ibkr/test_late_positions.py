"""An account with real money, unarmed, in which TWS tells late, or others trade: what is held is sold once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pyotp.totp
import pytest

from cockpit.app.brokers import broker_of
from cockpit.operator.act import Answer, Command, Done
from tests.gateway import FakeGateway, faults
from tests.ibkr.test_live import SCOPES, settings, with_code
from tests.operator.houses import House, open_house
from tests.operator.test_enrolling import SteppingClock


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    """One whose account holds 10 ALFA."""
    async with FakeGateway(accounts=("U1234567",), open_always=True) as opened:
        opened.book.holdings.put("U1234567", opened.world.one("ALFA"), Decimal(10), Decimal(400))
        yield opened


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
async def house(tmp_path: Path, gateway: FakeGateway, clock: SteppingClock) -> AsyncIterator[House]:
    async with open_house(tmp_path, settings(gateway.port), clock=clock, brokers=broker_of) as opened:
        yield opened


async def key(house: House, clock: SteppingClock) -> str:
    secret = (await house.done("totp.enroll"))["secret"]
    clock.step()
    await house.done("totp.confirm", code=pyotp.totp.TOTP(secret).at(int(clock.now().timestamp())))
    made = await with_code(house, clock, secret, "key.create", name="script", scope=SCOPES, connection="real")
    assert isinstance(made, Done), made
    assert isinstance(made.data, dict)
    return str(made.data["key"])


async def on_screen(house: House, act: str, **arguments: str) -> Answer:
    return await house.face.run(Command(act, arguments, "screen"))


def truly_held(gateway: FakeGateway) -> list[Decimal]:
    return [one.quantity for one in gateway.book.holdings.held.values()]


async def test_a_client_sells_no_more_than_is_held_before_the_positions_follow(
    house: House, gateway: FakeGateway, clock: SteppingClock
) -> None:
    script = await key(house, clock)
    quote = await house.call(script, "get_quote", symbol="ALFA")
    terms = {"side": "sell", "order_type": "limit", "limit_price": quote["bid"]}
    gateway.always("position", faults.lose)
    waiting = await house.order(script, 1, **terms, quantity=10)
    assert waiting.get("state") == "pending", waiting
    assert isinstance(await on_screen(house, "order.approve", order_id=waiting["order_id"]), Done)
    filled = await house.call(script, "wait_for_order", order_id=waiting["order_id"], wait_seconds=5)
    assert filled["state"] == "filled"
    refused = await house.order(script, 2, **terms, quantity=9)
    assert refused["code"] == "LIVE_DISABLED", refused
    assert truly_held(gateway) == [0]


@pytest.mark.parametrize("act", ["position.close", "position.flatten"])
async def test_by_hand_it_is_closed_once(house: House, gateway: FakeGateway, act: str) -> None:
    arguments = {"connection": "real"} | ({"symbol": "ALFA"} if act == "position.close" else {})
    gateway.always("position", faults.lose)
    first = await on_screen(house, act, **arguments)
    assert isinstance(first, Done), first
    async with asyncio.timeout(5):
        while "newest fills" not in str(await on_screen(house, act, **arguments)):
            await asyncio.sleep(0.01)
    assert truly_held(gateway) == [0]


async def test_what_is_being_sold_in_tws_since_a_moment_is_not_sold_by_a_client(
    house: House, gateway: FakeGateway, clock: SteppingClock
) -> None:
    script = await key(house, clock)
    quote = await house.call(script, "get_quote", symbol="ALFA")
    terms = {"side": "sell", "order_type": "limit", "limit_price": quote["bid"]}
    waiting = await house.order(script, 1, **terms, quantity=10)
    assert waiting.get("state") == "pending", waiting
    gateway.book.foreign("ALFA", "SELL", 10, "LMT", "420")
    assert (await house.order(script, 2, **terms, quantity=1))["code"] == "LIVE_DISABLED"
    refused = await on_screen(house, "order.approve", order_id=waiting["order_id"])
    assert not isinstance(refused, Done), refused
    assert truly_held(gateway) == [10]


async def test_what_is_being_sold_in_tws_since_a_moment_is_not_closed_by_hand(
    house: House, gateway: FakeGateway
) -> None:
    gateway.book.foreign("ALFA", "SELL", 10, "LMT", "420")
    refused = await on_screen(house, "position.close", symbol="ALFA", connection="real")
    assert "ib:" in str(refused), refused
    assert truly_held(gateway) == [10]
