"""An account with real money at a gateway of TWS: unarmed it opens nothing, and armed with a code one order fills."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pyotp.totp
import pytest

from cockpit.app.brokers import broker_of
from cockpit.model.refusals import Refusal
from cockpit.model.trading import Link
from cockpit.operator.act import Answer, Command, Done
from tests.gateway import FakeGateway
from tests.gateway.holdings import Holdings
from tests.operator.houses import House, open_house
from tests.operator.test_enrolling import SteppingClock

SCOPES = "read:market read:account read:orders preview:orders write:orders"


def settings(port: int) -> str:
    return f"""
[connections.real]
broker = "ibkr"
mode = "live"
account = "U1234567"
trade = true
toolsets = ["all"]
[connections.real.ibkr]
port = {port}
hours_of = "ALFA"
[connections.real.policy]
allowed_symbols = ["ALFA"]
max_quote_age_seconds = 3600
"""


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway(accounts=("U1234567",), open_always=True) as opened:
        yield opened


async def with_code(house: House, clock: SteppingClock, secret: str, act: str, **arguments: str) -> Answer:
    clock.step()
    code = pyotp.totp.TOTP(secret).at(int(clock.now().timestamp()))
    return await house.face.run(Command(act, arguments, "socket", code))


async def test_real_money_over_the_wire(tmp_path: Path, gateway: FakeGateway) -> None:
    clock = SteppingClock()
    async with open_house(tmp_path, settings(gateway.port), clock=clock, brokers=broker_of) as house:
        secret = (await house.done("totp.enroll"))["secret"]
        clock.step()
        await house.done("totp.confirm", code=pyotp.totp.TOTP(secret).at(int(clock.now().timestamp())))
        made = await with_code(house, clock, secret, "key.create", name="script", scope=SCOPES, connection="real")
        assert isinstance(made, Done), made
        assert isinstance(made.data, dict)
        key = str(made.data["key"])
        session = await house.call(key, "get_session")
        assert (session["mode"], session["link"], session["may_open"]) == ("live", Link.READY, False)

        quote = await house.call(key, "get_quote", symbol="ALFA")
        terms = {"order_type": "limit", "limit_price": quote["ask"], "quantity": 1}
        refused = await house.order(key, 1, **terms)
        assert refused["code"] == "LIVE_DISABLED", refused
        assert [one for one in refused["details"] if one != "LIVE_DISABLED"] == [], refused
        assert not gateway.book.orders

        armed = await with_code(house, clock, secret, "connection.arm", connection="real")
        assert isinstance(armed, Done), armed
        waiting = await house.order(key, 2, **terms)
        assert waiting.get("state") == "pending", waiting
        sent = await house.face.run(Command("order.approve", {"order_id": waiting["order_id"]}, "screen"))
        assert isinstance(sent, Done), sent
        assert sent.data["state"] in {"filled", "working", "sending"}, sent  # type: ignore[index]

        await house.done("connection.disarm", connection="real")
        assert (await house.order(key, 3, **{**terms, "quantity": 2}))["code"] == "LIVE_DISABLED"
        filled = await house.call(key, "wait_for_order", order_id=waiting["order_id"], wait_seconds=5)
        assert filled.get("state") == "filled", filled
        closed = await house.face.run(Command("position.close", {"symbol": "ALFA", "connection": "real"}, "screen"))
        assert isinstance(closed, Done), closed
        await becomes_flat(house)


async def test_an_account_in_euros_buys_shares_in_dollars_at_the_rate_of_the_market(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    gateway.book.holdings = Holdings(gateway.world, gateway.accounts, base="EUR")
    clock = SteppingClock()
    async with open_house(tmp_path, settings(gateway.port), clock=clock, brokers=broker_of) as house:
        made = await house.done("key.create", name="script", scope=SCOPES, connection="real")
        quote = await house.call(made["key"], "get_quote", symbol="ALFA")
        terms = {"symbol": "ALFA", "side": "buy", "quantity": 2, "order_type": "limit", "limit_price": quote["ask"]}
        told = await house.call(made["key"], "check_risk", **terms)
        assert [one["code"] for one in told["checks"] if not one["ok"]] == ["LIVE_DISABLED"], told
        rate = await house.call(made["key"], "get_fx_rate", base="USD", counter="EUR")
        assert told["currency"] == "EUR"
        assert Decimal(told["worst_case_value"]) == round(Decimal(quote["ask"]) * 2 * Decimal(rate["ask"]), 2)


async def test_real_shares_are_sold_short_only_where_the_broker_lends_them_now(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    asked = settings(gateway.port) + "allow_short = true\n"
    async with open_house(tmp_path, asked, clock=SteppingClock(), brokers=broker_of) as house:
        made = await house.done("key.create", name="script", scope=SCOPES, connection="real")
        quote = await house.call(made["key"], "get_quote", symbol="ALFA")
        terms = {"symbol": "ALFA", "side": "sell", "quantity": 3, "order_type": "limit", "limit_price": quote["bid"]}

        async def refused(figure: str, shares: int | None) -> dict[str, str]:
            lent = Decimal(figure), shares
            gateway.world.to_borrow[gateway.world.one("ALFA").con_id] = lent
            told = await house.call(made["key"], "check_risk", **terms)
            return {one["code"]: one["message"] for one in told["checks"] if not one["ok"]}

        assert (await refused("3", 3)).keys() == {"LIVE_DISABLED"}
        assert (await refused("3", 2))["NO_LOCATE"] == "The broker has at least 2 shares to lend."
        assert (await refused("2", 900))["NO_LOCATE"] == "The broker has to look for shares first."
        assert (await refused("1", 900))["NO_LOCATE"] == "The broker has no shares to lend."


async def becomes_flat(house: House) -> None:
    """Wait until the screen shows nothing that is held."""
    async with asyncio.timeout(10):
        while house.face.snapshot().positions:
            await asyncio.sleep(0.1)


async def test_a_paper_account_behind_the_line_can_not_be_armed(tmp_path: Path) -> None:
    clock = SteppingClock()
    async with (
        FakeGateway(accounts=("DU1234567",)) as gateway,
        open_house(tmp_path, settings(gateway.port), clock=clock, brokers=broker_of) as house,
    ):
        secret = (await house.done("totp.enroll"))["secret"]
        clock.step()
        await house.done("totp.confirm", code=pyotp.totp.TOTP(secret).at(int(clock.now().timestamp())))
        answer = await with_code(house, clock, secret, "connection.arm", connection="real")
        assert isinstance(answer, Refusal)
        assert answer.code in {"BROKER_NOT_READY", "MODE_MISMATCH", "ACCOUNT_NOT_ALLOWED"}
