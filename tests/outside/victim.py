"""A desk in a process of its own that does one thing at the broker outside and is killed at one step of it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from cockpit.desk.withdrawing import Withdrawing
from cockpit.model.orders import OrderState
from cockpit.model.trading import TradingState
from tests.desk.desks import limit, place
from tests.outside.adapter import OutsideBroker
from tests.outside.control import controlled
from tests.outside.desks import FILLS, RESTS, becomes, desk_outside, send, state
from tests.outside.points import KillPoint, die

KEY: Final = "key-of-the-case"
REQUESTS: Final = {"approve": "submit", "modify": "replace", "cancel": "cancel", "kill": "cancel"}
"""What each act asks of the broker."""


@dataclass(frozen=True, slots=True)
class Case:
    """One death."""

    act: str
    step: str
    fault: str
    fills: bool
    """Whether the order finds somebody to trade with at once."""


def note_of(folder: Path) -> Path:
    """Return where a death at its step is noted; one that never came to it dies at the end."""
    return folder.with_name("died-at")


def run(case: Case, folder: str, port: int) -> None:
    """Die."""
    logging.disable(logging.CRITICAL)
    point = KillPoint(case.step, note_of(Path(folder)))
    point.install()
    asyncio.run(_run(case, Path(folder), port, point))
    die()


async def _run(case: Case, folder: Path, port: int, point: KillPoint) -> None:
    broker = OutsideBroker(port, patience=0.25, at=point)
    async with desk_outside(folder, broker) as desk, controlled(port) as outside:
        claude = desk.grants.give("claude")
        request = limit(FILLS if case.fills else RESTS, quantity="5")
        on = REQUESTS.get(case.act)

        async def arm() -> None:
            if on is not None and case.fault:
                await outside.fault(on, case.fault, seconds=0.05)
            point.armed = True

        match case.act:
            case "place":
                await arm()
                await place(desk, claude, request, KEY)
            case "approve":
                order = await place(desk, claude, request, KEY)
                await arm()
                await desk.decisions.approve(order.order_id, None, None, None, "test")
            case "modify":
                order = await send(desk, claude, limit(RESTS, quantity="5"), KEY)
                await becomes(desk, order, state(OrderState.WORKING))
                await arm()
                await desk.orders.modify(desk.admitted(claude), order.order_id, Decimal(3), None)
            case "cancel":
                order = await send(desk, claude, limit(RESTS, quantity="5"), KEY)
                await becomes(desk, order, state(OrderState.WORKING))
                await arm()
                await desk.orders.cancel(desk.admitted(claude), order.order_id)
            case "kill":
                await place(desk, claude, limit(RESTS, quantity="1"), "key-that-waits")
                for number in range(2):
                    order = await send(desk, claude, limit(RESTS, quantity="5"), f"{KEY}-{number}")
                    await becomes(desk, order, state(OrderState.WORKING))
                await arm()
                desk.switch.lower(TradingState.KILLED, "test")
                withdrawing = Withdrawing(desk.book, desk.sender, desk.connections, desk.clock)
                leaving = asyncio.create_task(withdrawing.withdraw("test", 0.5))
                await desk.switch.save("kill", "test")
                await desk.decisions.void_waiting("KILL_SWITCH", "test")
                await leaving
        await desk.sender.settled()
        await asyncio.sleep(0.1)  # what comes late may come before the end, or never
        die()
