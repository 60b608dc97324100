"""What the operator sees of positions and balances while a broker doesn't answer."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.accounts import Position
from cockpit.operator.holdings import Holdings
from tests.desk.desks import market, open_desk, place
from tests.desk.test_by_hand import hold
from tests.operator.houses import open_house
from tests.operator.test_closing import hold as hold_shares


def silence(line: pytest.MonkeyPatch, *methods: str) -> None:
    async def gone(broker: PaperBroker) -> Sequence[Position]:
        raise BrokerUnavailable("line down")

    for method in methods or ("positions", "balances"):
        line.setattr(PaperBroker, method, gone)


async def test_what_was_held_stays_with_its_time_until_the_broker_answers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        claude = desk.grants.give("claude")
        await hold(desk, claude, "20")
        holdings = Holdings(desk.connections, desk.clock)
        assert (holdings.positions, holdings.balances, holdings.unheard) == ((), (), ("paper",))
        await holdings.refresh()
        said_at, fresh = desk.clock.now(), holdings.positions
        assert [(one.position.quantity, one.last_said) for one in fresh] == [(Decimal(20), None)]
        with monkeypatch.context() as line:
            silence(line)
            for _ in range(2):
                desk.clock.pass_time(6)
                await holdings.refresh()
                assert [(one.position, one.last_said) for one in holdings.positions] == [(fresh[0].position, said_at)]
                assert [one.last_said for one in holdings.balances] == [said_at]
                assert holdings.unheard == ()
        order = await place(desk, claude, market("BRVO"), "key-another-1")
        await desk.decisions.approve(order.order_id, None, None, None, "test")
        await holdings.refresh()
        assert [(one.position.symbol, one.last_said) for one in holdings.positions] == [("ALFA", None), ("BRVO", None)]


@pytest.mark.parametrize("silent", ["balances", "positions"])
async def test_what_is_held_and_its_money_are_each_told_without_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    async with open_house(tmp_path) as house:
        await hold_shares(house, await house.key())
        await house.done("positions")
        silence(monkeypatch, silent)
        told = await house.done("positions")
        for what in ("positions", "balances"):
            assert [bool(one["last_said"]) for one in told[what]] == [silent == what]
        assert told["unheard"] == []


async def test_what_is_held_is_told_before_its_money_ever_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_desk(tmp_path) as desk:
        await hold(desk, desk.grants.give("claude"), "20")
        holdings = Holdings(desk.connections, desk.clock)
        silence(monkeypatch, "balances")
        await holdings.refresh()
        assert [one.position.quantity for one in holdings.positions] == [Decimal(20)]
        assert (holdings.balances, holdings.unheard) == ((), ())


async def test_nothing_is_said_of_an_account_whose_broker_never_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(tmp_path) as desk:
        holdings = Holdings(desk.connections, desk.clock)
        with monkeypatch.context() as line:
            silence(line)
            await holdings.refresh()
            assert holdings.unheard == ("paper",)
        await holdings.refresh()
        assert holdings.unheard == ()
        assert holdings.positions == ()


async def test_the_face_says_how_old_its_figures_are_and_keeps_what_limits_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path) as house:
        await hold_shares(house, await house.key())
        await house.done("positions")
        silence(monkeypatch)
        told = await house.done("positions")
        assert [one["symbol"] for one in told["positions"]] == ["ALFA"]
        assert all(one["last_said"] for one in (*told["positions"], *told["balances"]))
        snapshot = house.face.snapshot()
        assert [one.used for one in snapshot.limits if one.name == "max_position"] == [Decimal(20)]
        assert snapshot.positions[0].last_said is not None


async def test_no_limit_of_positions_is_told_while_nobody_knows_what_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(monkeypatch)
    async with open_house(tmp_path) as house:
        told = await house.done("positions")
        assert told["unheard"] == ["paper"]
        assert "max_position" not in {one.name for one in house.face.snapshot().limits}
        assert house.face.snapshot().limits
