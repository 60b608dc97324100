"""What is held, told by two ways: where they differ for long, it is known of neither."""

from __future__ import annotations

import pytest

from cockpit.brokers.ibkr import account, agreement
from cockpit.model.orders import Acknowledged, Executed
from tests.brokers.ibkr.trading import Trading, far, market
from tests.brokers.ibkr.trading import trading as trading
from tests.gateway import faults
from tests.gateway.planned import Proceed
from tests.gateway.session import Session


async def bought(trading: Trading) -> None:
    reference = trading.reference()
    await trading.broker.submit(reference, market(2))
    await trading.until(lambda: trading.told(reference, Executed))


async def test_a_position_that_the_portfolio_does_not_tell_is_unsure_until_it_does(
    trading: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "SETTLES", 0.0)
    monkeypatch.setattr(account, "NEW", 0.0)
    trading.gateway.always("updatePortfolio", faults.lose)
    await bought(trading)
    await trading.until(lambda: trading.broker.status().unsure_positions)
    (says,) = trading.notices
    assert "two quantities of ALFA: 2 as position, 0 in the portfolio" in says
    trading.gateway.never("updatePortfolio")
    await trading.broker.positions()
    assert trading.broker.status().unsure_positions == 0
    assert "one quantity of ALFA again: 2" in trading.notices[-1]


async def test_ways_that_come_to_the_same_within_their_time_are_no_news(trading: Trading) -> None:
    await bought(trading)
    await trading.broker.positions()
    assert trading.broker.status().unsure_positions == 0
    assert trading.broker._agreement._differing == {}
    assert trading.notices == []


async def test_what_was_unsure_over_one_line_is_looked_at_anew_over_the_next(
    trading: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "SETTLES", 0.0)
    trading.gateway.always("updatePortfolio", faults.lose)
    await bought(trading)
    await trading.until(lambda: trading.broker.status().unsure_positions)
    trading.gateway.never("updatePortfolio")
    monkeypatch.undo()
    await trading.gateway.restart()
    await trading.until(lambda: trading.broker.status().link.value != "ready")
    await trading.ready()
    assert trading.broker.status().unsure_positions == 0


async def test_a_position_that_could_not_be_read_is_unsure_until_the_next_line(trading: Trading) -> None:
    trading.gateway.once("position", _garbled)
    await bought(trading)
    await trading.until(lambda: trading.broker.status().unsure_positions)
    assert "could not be read" in trading.notices[-1]
    await trading.gateway.restart()
    await trading.until(lambda: trading.broker.status().link.value != "ready")
    await trading.ready()
    assert trading.broker.status().unsure_positions == 0


async def test_books_of_which_something_could_not_be_read_prove_no_absence(trading: Trading) -> None:
    trading.gateway.once("openOrder", _garbled)
    reference = trading.reference()
    assert trading.broker.status().whole
    await trading.broker.submit(reference, far())
    await trading.until(lambda: trading.told(reference, Acknowledged))
    assert not trading.broker.status().whole
    (says,) = trading.notices
    assert "its silence about an order proves nothing" in says


def _garbled(_: Session, fields: list[str], proceed: Proceed) -> None:
    fields[1:] = ["?"] * (len(fields) - 1)
    proceed()
