"""The tasks that run as long as a cockpit does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("cockpit")


class Services:
    """Starts tasks and ends them with the cockpit. One that fails stops it: half a cockpit is none."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self._tasks: set[asyncio.Task[object]] = set()

    async def __aenter__(self) -> Services:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def start(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        """Run ``work``, a coroutine that never returns."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def once(self, work: Coroutine[Any, Any, object]) -> None:
        """Run ``work`` beside everything else; that it ends is no failure."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            log.critical("%s ended: stopping", task.get_name(), exc_info=task.exception())
            self._stopping.set()
