"""How long the event loop had nothing to do, which is how long whoever was waited for let it wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Spent:
    """What a stretch of time cost: the processor time of this process, and the time in which its loop idled.

    Unlike the time on the wall it doesn't grow with what else the machine does.
    """

    def __init__(self) -> None:
        self._began = time.process_time()
        self.idle = 0.0

    @property
    def seconds(self) -> float:
        """Seconds until now."""
        return time.process_time() - self._began + self.idle


@contextmanager
def spending() -> Iterator[Spent]:
    """Measure from here on, in the running loop."""
    selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    select, spent = selector.select, Spent()

    def watched(timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return select(timeout)
        began = time.monotonic()
        try:
            return select(timeout)
        finally:
            spent.idle += time.monotonic() - began

    selector.select = watched
    try:
        yield spent
    finally:
        del selector.select
