"""Closing by hand needs what is held, and nothing else that a broker may leave unanswered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.desk import observer
from cockpit.desk.connections import Connection
from cockpit.model.identity import Caller
from cockpit.model.instruments import Instrument
from cockpit.model.orders import Order, OrderState, Side
from cockpit.model.refusals import Refused, refuse
from tests.desk.desks import Desk, market, open_desk, place
from tests.desk.live_broker import LiveBroker, live_settings
from tests.desk.test_by_hand import by_hand, hold, wanted
from tests.desk.test_live import arm, broker


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[tuple[Desk, Caller]]:
    """A desk with real money that holds 5 ALFA and is not armed."""
    async with open_desk(tmp_path, settings=live_settings(), make=LiveBroker) as desk:
        claude = desk.grants.give("claude")
        await arm(desk)
        await hold(desk, claude, "5")
        desk.arming.disarm("paper", "test")
        yield desk, claude


def silence(desk: Desk, monkeypatch: pytest.MonkeyPatch, method: str) -> list[str]:
    """Have the broker answer one question no more; what comes back says how often it was asked."""
    asked: list[str] = []

    async def silent(*given: Any) -> Any:
        asked.append(method)
        raise BrokerUnavailable("no answer in time")

    monkeypatch.setattr(broker(desk), method, silent)
    return asked


async def test_what_is_held_is_closed_while_the_account_s_money_is_not_told(
    real: tuple[Desk, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _ = real
    silence(desk, monkeypatch, "balances")
    look = await by_hand(desk).look(wanted("2"))
    assert look.together.refusal() is None
    assert (await by_hand(desk).close(wanted("2"), look.seen, "screen")).state is OrderState.FILLED
    done = await by_hand(desk).flatten("paper", "screen")
    assert done.is_flat
    assert [one.request.quantity for one in done.orders] == [Decimal(3)]


async def test_a_client_opens_nothing_while_the_account_s_money_is_not_told(
    real: tuple[Desk, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _ = real
    await arm(desk)
    silence(desk, monkeypatch, "balances")
    judged = await desk.observer.judge(desk.connections.need("paper"), market("ALFA", "5"), client="claude")
    assert {"BUYING_POWER", "MAX_GROSS", "DAILY_LOSS"} <= {one.code for one in judged.checks if not one.ok}


async def test_nothing_slow_that_a_close_does_not_need_is_asked_for(
    real: tuple[Desk, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _ = real
    asked = [silence(desk, monkeypatch, one) for one in ("bars", "estimate")]
    desk.observer._slow._volumes.clear()
    await by_hand(desk).look(wanted())
    assert (await by_hand(desk).flatten("paper", "screen")).is_flat
    assert asked == [[], []]


async def test_what_names_in_limits_stand_for_is_not_asked_for_a_close(
    real: tuple[Desk, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, _ = real
    find, asked = broker(desk).find, list[str]()

    async def noted(symbol: str) -> Sequence[Instrument]:
        asked.append(symbol)
        return await find(symbol)

    monkeypatch.setattr(broker(desk), "find", noted)
    desk.oversight._naming._found.clear()
    await by_hand(desk).look(wanted())
    assert (await by_hand(desk).flatten("paper", "screen")).is_flat
    assert set(asked) == {"ALFA"}
    await desk.orders.judge(desk.connections.need("paper"), market())
    assert set(asked) == {"ALFA", "BRVO"}, "for a client all of them are"


async def untold(connection: Connection) -> None:
    raise Refused(refuse("BROKER_NOT_READY"))


async def never(connection: Connection) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("look_at_open", [untold, never])
async def test_what_others_have_open_and_nobody_tells_is_a_warning_to_the_operator_alone(
    real: tuple[Desk, Caller], monkeypatch: pytest.MonkeyPatch, look_at_open: Any
) -> None:
    desk, _ = real
    monkeypatch.setattr(observer, "_TOLD_WITHIN", 0.01)
    desk.observer.look_at_open = look_at_open
    look = await by_hand(desk).look(wanted("2"))
    assert look.together.refusal() is None
    assert [one.code for one in look.warnings()] == ["SELF_CROSS"]
    assert "others have open" in look.warnings()[0].message
    assert (await by_hand(desk).close(wanted("2"), look.seen, "screen")).state is OrderState.FILLED
    done = await by_hand(desk).flatten("paper", "screen")
    assert [(one.request.quantity, one.state) for one in done.orders] == [(Decimal(3), OrderState.FILLED)]
    assert (done.left, done.others_told, done.is_flat) == ((), False, False)
    if look_at_open is untold:
        asked = await desk.orders.judge(desk.connections.need("paper"), market("ALFA", "1", Side.SELL))
        assert {"SELF_CROSS", "LIVE_DISABLED"} <= {one.code for one in asked.checks if not one.ok}


async def test_a_broker_that_does_not_tell_what_others_have_open_is_waited_for_once_in_a_flatten(
    real: tuple[Desk, Caller],
) -> None:
    desk, claude = real
    await arm(desk)
    order = await place(desk, claude, market("BRVO", "3"), "key-brvo-0001")
    assert isinstance(await desk.decisions.approve(order.order_id, None, None, None, "test"), Order)
    asked: list[str] = []

    async def counted(connection: Connection) -> None:
        asked.append(connection.name)
        await untold(connection)

    desk.observer.look_at_open = counted
    assert len((await by_hand(desk).flatten("paper", "screen")).orders) == 2
    assert asked == ["paper"]
