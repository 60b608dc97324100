"""The bare `cockpit` with a thousand more calls a second in its feed, as if clients made them.

python -m tests.e2e.loud --data-dir ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from cockpit.app import process
from cockpit.app.wiring import Cockpit, running
from cockpit.cli.main import cockpit
from cockpit.model.events import CallFinished, Outcome
from cockpit.model.identity import ClientName
from cockpit.model.text import safe

PER_SECOND = 1000
_TICK = 0.01


async def _calls(made: Cockpit) -> None:
    feed = made.face._rooms.feed
    loop = asyncio.get_running_loop()
    began, number = loop.time(), 0
    while True:
        await asyncio.sleep(_TICK)
        while number < (loop.time() - began) * PER_SECOND:
            number += 1
            feed.publish(
                CallFinished(
                    datetime.now(UTC), 10**9 + number, ClientName(f"loud-{number % 7}"), safe("get_quote"),
                    Outcome.OK, "", 0.3, safe("ALFA"),
                )
            )  # fmt: skip


@asynccontextmanager
async def _loudly(*arguments: Any, **more: Any) -> AsyncIterator[Cockpit]:
    async with running(*arguments, **more) as made:
        calls = asyncio.create_task(_calls(made))
        try:
            yield made
        finally:
            calls.cancel()
            with suppress(asyncio.CancelledError):
                await calls


if __name__ == "__main__":
    process.running = _loudly  # type: ignore[assignment]
    cockpit()
