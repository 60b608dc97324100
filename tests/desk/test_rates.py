"""Orders in another currency than the account's: judged at the worse side of a fresh rate, and not at all without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.desk.groups import worth
from cockpit.desk.observer import Judged
from cockpit.desk.rates import SAME, Rate, Rates, middle
from cockpit.desk.risk import Exposure
from cockpit.model.accounts import Position
from cockpit.model.identity import Caller
from cockpit.model.instruments import Instrument
from cockpit.model.orders import Order, OrderState, Side
from cockpit.model.quotes import DataType, FxRate
from cockpit.model.refusals import Refused
from cockpit.settings.model import ConnectionSettings
from cockpit.settings.policy import PolicySettings
from tests.desk.desks import NOON, Desk, limit, market, open_desk, place
from tests.desk.live_broker import LiveBroker, live_settings


class EuropeanPaper(PaperBroker):
    """A paper broker whose account is in dollars, and whose BRVO trades in euros."""

    async def find(self, symbol: str) -> Sequence[Instrument]:
        return [replace(one, currency="EUR") if symbol == "BRVO" else one for one in await super().find(symbol)]

    async def positions(self) -> Sequence[Position]:
        return [replace(one, currency="EUR") if one.symbol == "BRVO" else one for one in await super().positions()]


@pytest.fixture
async def abroad(tmp_path: Path) -> AsyncIterator[Desk]:
    policy = PolicySettings(allow_short=True, max_notional=Decimal(1_000_000), max_concentration=Decimal(10))
    async with open_desk(tmp_path / "data", settings=ConnectionSettings(policy=policy), make=EuropeanPaper) as opened:
        yield opened


@pytest.fixture
def client(abroad: Desk) -> Caller:
    return abroad.grants.give("claude")


async def test_the_rates_of_several_currencies_are_asked_for_side_by_side(
    abroad: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = abroad.connections.need("paper")
    both = asyncio.Barrier(2)

    async def fx_rate(base: str, counter: str) -> FxRate:
        async with asyncio.timeout(2):
            await both.wait()
        return FxRate(base, counter, Decimal(1), Decimal(2), abroad.clock.now(), "fake", DataType.SIMULATED)

    monkeypatch.setattr(connection.broker, "fx_rate", fx_rate)
    found = await Rates(connection, abroad.clock, 5).all(["EUR", "JPY", "EUR", "USD"], "USD")
    assert found == {"EUR": Rate(Decimal(1), Decimal(2)), "JPY": Rate(Decimal(1), Decimal(2)), "USD": SAME}
    assert middle(Decimal(10), found["EUR"]) == 15


async def euros(desk: Desk) -> FxRate:
    broker = desk.connections.need("paper").broker
    assert isinstance(broker, EuropeanPaper)
    rate = await broker.fx_rate("EUR", "USD")
    assert rate is not None
    assert rate.bid < rate.ask
    return rate


async def judged(desk: Desk, symbol: str, quantity: str = "1", **limits: Decimal) -> Judged:
    connection = desk.connections.need("paper")
    if limits:
        settings = connection.settings.model_copy(update={"policy": PolicySettings.model_validate(limits)})
        connection = replace(connection, settings=settings)
    return await desk.observer.judge(connection, market(symbol, quantity), client="claude")


def failed(found: Judged) -> set[str]:
    return {one.code for one in found.checks if not one.ok}


async def hold(desk: Desk, client: Caller, symbol: str, quantity: str, side: Side = Side.BUY) -> None:
    order = await place(desk, client, market(symbol, quantity, side), f"key-{symbol}-{quantity}-{side}")
    filled = await desk.decisions.approve(order.order_id, None, None, None, "screen")
    assert isinstance(filled, Order), filled
    assert filled.state is OrderState.FILLED


async def test_an_order_abroad_is_worth_what_its_currency_costs_at_most(abroad: Desk) -> None:
    rate, found = await euros(abroad), await judged(abroad, "BRVO", "10")
    assert failed(found) == set()
    assert (found.seen.to_account, found.seen.to_account_least) == (rate.ask, rate.bid)
    price = await abroad.touch("BRVO", Side.BUY) * Decimal("1.03")
    assert found.notional == price * 10 * rate.ask
    assert (found.unit_worth, found.currency) == (price * rate.ask, "USD")


async def test_what_waits_is_told_in_the_currency_of_the_account(abroad: Desk, client: Caller) -> None:
    rate, price = await euros(abroad), round(await abroad.touch("BRVO", Side.BUY), 2)
    order = await place(abroad, client, limit(price, "BRVO", "10"))
    assert worth((order,)) == price * 10 * rate.ask


async def test_the_limit_of_value_counts_the_rate(abroad: Desk) -> None:
    rate, price = await euros(abroad), await abroad.touch("BRVO", Side.BUY) * Decimal("1.03")
    for most, refused in ((price * rate.ask, set[str]()), (price * rate.bid, {"MAX_NOTIONAL"})):
        assert failed(await judged(abroad, "BRVO", max_notional=most)) == refused


async def test_the_least_value_counts_the_other_side_of_the_rate(abroad: Desk) -> None:
    rate, price = await euros(abroad), await abroad.touch("BRVO", Side.BUY)
    for least, refused in ((price * rate.bid, set[str]()), (price * rate.ask, {"MIN_NOTIONAL"})):
        assert failed(await judged(abroad, "BRVO", min_notional=least)) == refused


async def test_a_position_abroad_counts_towards_all_positions(abroad: Desk, client: Caller) -> None:
    await hold(abroad, client, "BRVO", "10")
    rate, found = await euros(abroad), await judged(abroad, "ALFA")
    (position,) = await abroad.connections.need("paper").broker.positions()
    assert position.market_value is not None
    assert found.seen.elsewhere == (
        Exposure("BRVO", position.market_value * rate.ask, least=position.market_value * rate.bid),
    )


async def test_an_order_abroad_that_works_counts_at_the_rate(abroad: Desk, client: Caller) -> None:
    price = round(await abroad.touch("BRVO", Side.BUY) * Decimal("0.98"), 2)
    order = await place(abroad, client, limit(price, "BRVO", "10"))
    assert isinstance(await abroad.decisions.approve(order.order_id, None, None, None, "screen"), Order)
    rate, found = await euros(abroad), await judged(abroad, "ALFA")
    assert found.seen.elsewhere == (Exposure("BRVO", Decimal(0), price * 10 * rate.ask),)


@pytest.mark.parametrize("how", ["none", "old", "from the future", "crossed", "zero", "silent"])
async def test_without_a_fresh_rate_what_opens_is_refused_and_never_guessed(
    abroad: Desk, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate, broker = await euros(abroad), abroad.connections.need("paper").broker
    bad = {
        "none": None,
        "old": replace(rate, as_of=NOON - timedelta(seconds=6)),
        "from the future": replace(rate, as_of=NOON + timedelta(seconds=3)),
        "crossed": replace(rate, bid=rate.ask, ask=rate.bid),
        "zero": replace(rate, bid=Decimal(0)),
    }

    async def fx_rate(base: str, counter: str) -> FxRate | None:
        if how == "silent":
            raise BrokerUnavailable("no answer")
        return bad[how] if (base, counter) == ("EUR", "USD") else None

    monkeypatch.setattr(broker, "fx_rate", fx_rate)
    found = await judged(abroad, "BRVO")
    assert found.seen.to_account is None
    assert found.notional is None
    assert {"MAX_NOTIONAL", "MAX_GROSS", "MAX_NET", "CONCENTRATION", "BUYING_POWER", "DAILY_NOTIONAL"} <= failed(found)
    with pytest.raises(Refused):
        await place(abroad, abroad.grants.give("claude"), market("BRVO"))


async def test_a_position_without_a_rate_refuses_what_opens_elsewhere(
    abroad: Desk, client: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold(abroad, client, "BRVO", "10")

    async def fx_rate(base: str, counter: str) -> FxRate | None:
        return None

    monkeypatch.setattr(abroad.connections.need("paper").broker, "fx_rate", fx_rate)
    assert failed(await judged(abroad, "ALFA")) == {"MAX_GROSS", "MAX_NET"}


async def test_the_other_way_round_is_turned(abroad: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    real = await euros(abroad)

    async def fx_rate(base: str, counter: str) -> FxRate | None:
        turned = replace(real, base="USD", counter="EUR", bid=Decimal("0.8"), ask=Decimal("0.9"))
        return turned if (base, counter) == ("USD", "EUR") else None

    monkeypatch.setattr(abroad.connections.need("paper").broker, "fx_rate", fx_rate)
    seen = (await judged(abroad, "BRVO")).seen
    assert (seen.to_account, seen.to_account_least) == (1 / Decimal("0.8"), 1 / Decimal("0.9"))


async def test_real_money_is_judged_by_live_rates_alone(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data", settings=live_settings(), make=LiveBroker) as desk:
        connection = desk.connections.need("paper")
        broker = connection.broker
        assert isinstance(broker, LiveBroker)
        for kind, known in ((DataType.LIVE, True), (DataType.DELAYED, False), (DataType.SIMULATED, False)):
            broker.rates["EUR", "USD"] = FxRate("EUR", "USD", Decimal(1), Decimal(2), NOON, "fake", kind)
            assert (await Rates(connection, desk.clock, 5).rate("EUR", "USD") is not None) is known


VALUES = st.decimals(-10_000, 10_000, places=2)
PARTS = st.decimals(0, 10_000, places=2)
SIDES = st.tuples(
    st.decimals("0.01", 100, places=4, allow_nan=False), st.decimals("0.01", 100, places=4, allow_nan=False)
)


@given(VALUES, PARTS, PARTS, SIDES, st.fractions(0, 1))
def test_no_rate_between_both_sides_makes_a_position_worse_than_it_is_counted(
    value: Decimal, buys: Decimal, sells: Decimal, sides: tuple[Decimal, Decimal], part: object
) -> None:
    rate = Rate(min(sides), max(sides))
    between = rate.least + (rate.most - rate.least) * Decimal(str(round(float(part), 6)))  # type: ignore[arg-type]
    seen = Exposure("B", rate.highest(value), buys, sells, rate.lowest(value))
    worst = seen.worst()
    assert worst is not None
    assert worst >= abs(value * between + buys)
    assert worst >= abs(value * between - sells)
    assert seen.lowest is not None
    assert seen.value is not None
    assert seen.lowest <= value * between <= seen.value


async def test_a_rate_that_grew_old_while_the_broker_was_slow_is_asked_for_anew(abroad: Desk) -> None:
    rates, asked = Rates(abroad.connections.need("paper"), abroad.clock, 5), list[object]()
    for _ in range(3):
        asked.append(await rates.rate("EUR", "USD"))
        abroad.clock.pass_time(3)
    assert asked[0] is asked[1]
    assert asked[2] is not asked[1]
