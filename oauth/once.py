"""One run of the same work, however many wait for it; who gives up waiting doesn't stop it for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class Once(Generic[Value]):
    """Runs work by name."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Value]] = {}

    async def run(self, name: str, work: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """Return what the running work of that name returns, starting it if there is none."""
        task = self._running.get(name)
        if task is None:
            task = asyncio.create_task(work())
            self._running[name] = task
            task.add_done_callback(lambda _: self._running.pop(name, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End what runs."""
        running = [*self._running.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
