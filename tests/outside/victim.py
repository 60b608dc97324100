"""A desk in a process of its own that does one thing at the broker outside and is killed at one step of it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from tests.outside.acts import ACTS, REQUESTS
from tests.outside.adapter import OutsideBroker
from tests.outside.control import controlled
from tests.outside.desks import desk_outside
from tests.outside.points import KillPoint, die


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

        async def arm() -> None:
            if case.fault:
                await outside.fault(REQUESTS[case.act], case.fault, seconds=0.05)
            point.armed = True

        await ACTS[case.act](desk, arm, case.fills)
        await desk.sender.facts.settled()
        await asyncio.sleep(0.1)  # what comes late may come before the end, or never
        die()
