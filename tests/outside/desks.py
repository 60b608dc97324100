"""A desk whose broker is outside, with the host's clock that a test can push forward."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from cockpit.model.events import Notice
from cockpit.model.identity import Caller
from cockpit.model.orders import Order, OrderRequest, OrderState
from cockpit.model.refusals import Refusal
from cockpit.settings.approval import Do, OperatorLost, RuleSettings, WhenSettings
from cockpit.settings.model import ApprovalSettings, ConnectionSettings, PolicySettings
from tests.desk.desks import Desk, GrantBook, HandClock, open_desk, place
from tests.outside.adapter import OutsideBroker

RESTS = Decimal(99)
"""A buy at this price rests until the price falls to it."""
FILLS = Decimal(101)
"""A buy at this price fills at once."""
TRUSTED, CAREFUL = "trusted", "careful"
"""Clients whose orders a rule approves, or lets them confirm first."""
ROOMY = ApprovalSettings(
    max_pending=200,
    max_pending_per_client=200,
    on_operator_lost=OperatorLost.KEEP,
    rules=(
        RuleSettings(name="trusted", do=Do.APPROVE, when=WhenSettings(clients=(TRUSTED,))),
        RuleSettings(name="careful", do=Do.CONFIRM, when=WhenSettings(clients=(CAREFUL,))),
    ),
)


class WallClock(HandClock):
    """The host's clock, ahead by what a test has let pass."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def pass_time(self, seconds: float) -> None:
        self.ahead += seconds


def settings() -> ConnectionSettings:
    # What the clock is ahead makes the outside's prices old.
    return ConnectionSettings(policy=PolicySettings(max_quote_age_seconds=3600))


@asynccontextmanager
async def desk_outside(
    folder: Path, broker: OutsideBroker, *, clock: HandClock | None = None, grants: GrantBook | None = None
) -> AsyncIterator[Desk]:
    """Start a desk on the broker outside, as far as the app would; a second call on the same folder is a restart."""
    async with open_desk(
        folder, clock=clock or WallClock(), grants=grants, settings=settings(), approval=ROOMY, broker=broker
    ) as desk:
        broker.on_link(desk.decisions.reconciler.link_sink("paper"))
        looking = asyncio.create_task(desk.decisions.reconciler.run())
        try:
            yield desk
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


async def send(desk: Desk, caller: Caller, request: OrderRequest, key: str = "key-00000001") -> Order:
    """Place an order and approve it."""
    order = await place(desk, caller, request, key)
    answer = await desk.decisions.approve(order.order_id, None, None, None, "test")
    assert not isinstance(answer, Refusal), answer
    return answer


async def becomes(desk: Desk, order: Order, when: Callable[[Order], bool], seconds: float = 10.0) -> Order:
    """Wait until an order is what the test waits for."""
    async with asyncio.timeout(seconds):
        while True:
            now = desk.book.get(order.order_id) or order
            if when(now):
                return now
            await asyncio.shield(desk.book.changed(order.order_id))


def state(*states: OrderState) -> Callable[[Order], bool]:
    return lambda order: order.state in states


def notices(desk: Desk) -> list[str]:
    return [event.text for event in desk.events if isinstance(event, Notice)]
