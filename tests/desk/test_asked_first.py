"""What the operator waits for, and what watches over losses, is asked of a broker before what clients read."""

from __future__ import annotations

from pathlib import Path

from cockpit.brokers.base import FOR_SENDING
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.accounts import Balances
from cockpit.model.instruments import Instrument
from cockpit.model.quotes import Quote
from tests.desk.desks import market, open_desk, place


class Noting(PaperBroker):
    """One that notes of what it is asked whether it comes first."""

    first: list[bool] | None = None

    async def quote(self, instrument: Instrument) -> Quote | None:
        self._note()
        return await super().quote(instrument)

    async def balances(self) -> Balances:
        self._note()
        return await super().balances()

    def _note(self) -> None:
        if self.first is not None:
            self.first.append(FOR_SENDING.get())


async def test_a_look_at_an_order_that_waits_comes_first(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data", make=Noting) as desk:
        order = await place(desk, desk.grants.give("claude"), market())
        broker = desk.connections.need("paper").broker
        assert isinstance(broker, Noting)
        broker.first = []
        await desk.decisions.look(order.order_id)
        assert len(broker.first) > 1
        assert all(broker.first)
        assert not FOR_SENDING.get(), "what is asked afterwards comes in turn"


async def test_the_watch_over_losses_comes_first(tmp_path: Path) -> None:
    async with open_desk(tmp_path / "data", make=Noting) as desk:
        broker = desk.connections.need("paper").broker
        assert isinstance(broker, Noting)
        broker.first = []
        await desk.oversight.look()
        assert broker.first == [True]
        assert not FOR_SENDING.get()
