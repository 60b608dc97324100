"""Money, positions, estimates and history of an account, over the gateway."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from ib_async import Contract
from ib_async.order import Order, OrderState

from cockpit.brokers.base import BrokerUnavailable
from cockpit.model.options import read_option
from cockpit.model.orders import Executed, FeeTold, OrderRequest, Side
from cockpit.model.refusals import Refused
from tests.brokers.ibkr.trading import Trading, far, market, trading_at
from tests.brokers.ibkr.trading import trading as trading
from tests.gateway import FakeGateway, faults
from tests.gateway.planned import Proceed
from tests.gateway.session import Session


async def filled(trading: Trading, request: OrderRequest) -> None:
    reference = trading.reference()
    await trading.broker.submit(reference, request)
    await trading.until(lambda: trading.told(reference, Executed))


async def test_money_is_told_in_the_base_currency(trading: Trading) -> None:
    balances = await trading.broker.balances()

    assert (balances.account, balances.currency, balances.source) == ("DU1234567", "USD", "ibkr")
    assert balances.cash == balances.equity == Decimal(1_000_000)
    assert balances.buying_power > balances.equity
    assert balances.available == Decimal(1_000_000)
    assert balances.fees is None


async def test_money_is_as_new_as_the_fill(trading: Trading) -> None:
    before = await trading.broker.balances()
    await filled(trading, market(2))
    after = await trading.broker.balances()

    assert after.cash == before.cash - 2 * Decimal("412.01") - 1


async def test_profit_and_loss_follow_the_market_also_on_the_next_line(trading: Trading) -> None:
    await filled(trading, market(2))
    trading.gateway.world.set("ALFA", "420.00", "420.02", "420.01")
    async with asyncio.timeout(5):
        while (await trading.broker.balances()).unrealised <= 0:
            await asyncio.sleep(0)
    held = 2 * (Decimal("420.01") - Decimal("412.01"))
    trading.gateway.lost()
    await trading.until(lambda: trading.broker.status().link.value == "degraded")
    trading.gateway.restored(data_lost=True)
    await trading.ready()
    assert (await trading.broker.balances()).unrealised == held
    await trading.gateway.restart()
    await trading.until(lambda: trading.broker.status().link.value != "ready")
    await trading.ready()

    assert (await trading.broker.balances()).unrealised == held
    assert trading.gateway.named("cancelPnL")


async def test_a_position_has_its_name_its_mark_and_its_price(trading: Trading) -> None:
    await filled(trading, market(2))
    (held,) = await trading.broker.positions()

    assert (held.symbol, held.quantity, held.average_price) == ("ALFA", Decimal(2), Decimal("412.01"))
    assert (held.mark, held.market_value, held.currency) == (Decimal(412), Decimal(824), "USD")
    assert held.unrealised == Decimal("-0.02")


async def test_a_position_that_is_closed_is_none(trading: Trading) -> None:
    await filled(trading, market(2))
    await filled(trading, market(2, Side.SELL))

    assert await trading.broker.positions() == []


async def test_an_options_price_is_that_of_one_unit_to_the_cent(trading: Trading) -> None:
    world = trading.gateway.world
    option = next(one for one in world.options(world.one("ALFA").con_id) if not world.expired(one))
    world.set(option.con_id, "3.10", "3.20", "3.15")
    (found,) = await trading.broker.find(f"IB:{option.con_id}")
    await filled(trading, market(3, symbol=found.symbol))
    (held,) = await trading.broker.positions()

    assert (held.symbol, held.quantity, held.average_price) == (found.symbol, Decimal(3), Decimal("3.2"))
    assert held.mark == Decimal("3.15")
    assert held.market_value == 3 * 100 * Decimal("3.15")
    assert (await trading.broker.find(held.symbol))[0] == found


async def test_what_ib_does_not_describe_hides_nothing_else_that_is_held_and_is_waited_for_once(tmp_path: Path) -> None:
    async with FakeGateway() as gateway, trading_at(gateway, tmp_path, request_seconds=1) as trading:
        world, held = gateway.world, gateway.book.holdings
        call = next(one for one in world.options(world.one("ALFA").con_id) if not world.expired(one))
        brvo = world.one("BRVO")
        for contract, quantity in ((world.one("ALFA"), 10), (brvo, 4), (call, -1)):
            held.put("DU1234567", contract, Decimal(quantity), Decimal(80))
        silent = {str(brvo.con_id), str(call.con_id)}
        gateway.always("reqContractDetails", faults.stall, when=lambda _, fields: bool(silent & set(fields)))
        names = {one.symbol: one.quantity for one in await trading.broker.positions()}
        option = names.keys() - {"ALFA", f"IB:{brvo.con_id}"}
        assert [read_option(one) is not None for one in option] == [True], "what covers it has to be kept"
        assert (names["ALFA"], names[f"IB:{brvo.con_id}"], names[min(option)]) == (10, 4, -1)
        asked = len(gateway.named("reqContractDetails"))
        assert {one.symbol for one in await trading.broker.positions()} == names.keys()
        assert len(gateway.named("reqContractDetails")) == asked
        assert [one.symbol for one in await trading.broker.find("BRVO")] == ["BRVO"]
        assert "BRVO" in {one.symbol for one in await trading.broker.positions()}


async def test_a_position_in_another_currency_is_named_so_that_it_is_found(trading: Trading) -> None:
    await filled(trading, market(4, symbol="DUAL:IBIS/EUR"))
    (held,) = [one for one in await trading.broker.positions() if one.currency == "EUR"]
    (found,) = await trading.broker.find(held.symbol)

    assert (found.currency, found.exchange) == ("EUR", "IBIS")


async def test_a_fee_taken_in_another_currency_is_told_in_that_of_the_trade(trading: Trading) -> None:
    reference = trading.reference()
    await trading.broker.submit(reference, market(20_000, symbol="USD.JPY"))
    await trading.until(lambda: trading.told(reference, Executed))
    (fill,) = await trading.broker.executions(datetime(2000, 1, 1, tzinfo=UTC))

    assert fill.fee > 100


async def test_a_fee_in_a_currency_without_a_rate_is_left_out_and_told(trading: Trading) -> None:
    def in_yen(_: Session, fields: list[str], proceed: Proceed) -> None:
        fields[:] = ["JPY" if one == "USD" else one for one in fields]
        proceed()

    reference = trading.reference()
    trading.gateway.always("commissionReport", in_yen)
    await trading.broker.submit(reference, market(2))
    await trading.until(lambda: "no rate" in " ".join(trading.notices))
    (fill,) = await trading.broker.executions(datetime(2000, 1, 1, tzinfo=UTC))

    assert trading.told(reference, FeeTold) == []
    assert fill.fee == 0


async def test_an_estimate_whose_fee_has_no_rate_is_none(trading: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    whatif = trading.broker._line.ib.whatIfOrderAsync

    async def in_yen(contract: Contract, order: Order) -> OrderState:
        state = await whatif(contract, order)
        state.commissionCurrency = "JPY"
        return state

    async def none(base: str, counter: str) -> None:
        return None

    monkeypatch.setattr(trading.broker._line.ib, "whatIfOrderAsync", in_yen)
    monkeypatch.setattr(trading.broker._account, "market_rate", none)
    assert await trading.broker.estimate(far(10)) is None


async def test_an_estimate_is_what_tws_says(trading: Trading) -> None:
    estimate = await trading.broker.estimate(far(10))

    assert estimate is not None
    assert (estimate.fee, estimate.margin, estimate.currency, estimate.warning) == (1, 750, "USD", "")
    assert trading.facts == []
    assert trading.gateway.book.orders == {}


@pytest.mark.parametrize("code", [201, 110, 321, 463])
async def test_an_order_that_tws_would_not_take_is_refused_with_its_words(trading: Trading, code: int) -> None:
    trading.gateway.once("whatIfOrder", faults.reject(code, "not like that"))
    with pytest.raises(Refused) as refused:
        await trading.broker.estimate(far())

    assert refused.value.refusal.code == "BROKER_REJECTED"
    assert refused.value.refusal.details["broker"] == "not like that"


async def test_an_estimate_that_is_not_answered_ends(tmp_path: Path) -> None:
    async with FakeGateway() as gateway, trading_at(gateway, tmp_path, request_seconds=1) as trading:
        gateway.once("whatIfOrder", faults.stall)
        with pytest.raises(BrokerUnavailable):
            await trading.broker.estimate(far())


async def test_many_who_ask_at_once_are_all_answered(trading: Trading) -> None:
    await filled(trading, market(2))
    found = await asyncio.gather(
        *(trading.broker.positions() for _ in range(20)), *(trading.broker.balances() for _ in range(20))
    )

    assert len(found) == 40
    assert trading.gateway.most_in_a_second() < 45


async def test_the_account_is_asked_for_once_by_who_asks_for_much_and_anew_after_a_fill(trading: Trading) -> None:
    await trading.broker.balances()
    before = len(trading.gateway.named("reqAccountUpdates"))
    for _ in range(5):
        await trading.broker.balances()
        await trading.broker.positions()
    assert len(trading.gateway.named("reqAccountUpdates")) == before
    await filled(trading, market(2))
    assert len(await trading.broker.positions()) == 1
    assert len(trading.gateway.named("reqAccountUpdates")) > before


async def test_the_accounts_worth_is_recorded_here_and_survives_a_restart(trading: Trading) -> None:
    since = datetime(2000, 1, 1, tzinfo=UTC)
    async with asyncio.timeout(5):
        while not (told := await trading.broker.history(since, 10)):
            await trading.broker.balances()
    await trading.start()

    assert [equity for _, equity in told] == [Decimal(1_000_000)]
    assert (await trading.broker.history(since, 10))[0] == told[0]
    assert await trading.broker.history(datetime(2100, 1, 1, tzinfo=UTC), 10) == []


async def test_while_the_line_is_down_nothing_old_is_told(trading: Trading) -> None:
    await trading.gateway.down()
    await trading.until(lambda: trading.broker.status().link.value == "down")
    for ask in (trading.broker.balances, trading.broker.positions, trading.broker.orders):
        with pytest.raises(BrokerUnavailable):
            await ask()
