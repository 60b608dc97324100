"""The screen is a guest that may crash: it is started again a few times, and then the host goes on without it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from cockpit.model.clock import Clock, SystemClock
from cockpit.model.screen import ScreenSettings
from cockpit.operator.face import Face
from tui.run import Ending, ScreenEnded, ScreenSwitch, run_screen

RESTARTS: Final = 3
WITHIN_SECONDS: Final = 60.0

Life = Callable[[Face, ScreenSettings], Awaitable[ScreenEnded]]


async def supervise(
    face: Face,
    settings: ScreenSettings,
    log: logging.Logger,
    *,
    switch: ScreenSwitch | None = None,
    clock: Clock | None = None,
    life: Life | None = None,
) -> ScreenEnded:
    """Keep a screen on the terminal. ``QUIT`` means that the operator wants to end; anything else: go on without.

    A crash is logged and the screen started again, at most three times within a minute.
    """
    clock = clock or SystemClock()
    switch = switch or ScreenSwitch()

    async def real_life(face: Face, settings: ScreenSettings) -> ScreenEnded:
        return await run_screen(face, settings, switch=switch)

    live = life or real_life
    crashes: deque[float] = deque()
    while True:
        try:
            ended = await live(face, settings)
        except Exception as problem:
            log.exception("the screen could not be started")
            ended = ScreenEnded(Ending.CRASHED, repr(problem))
        if ended.how is not Ending.CRASHED:
            return ended
        log.error("the screen crashed: %s", ended.reason)
        now = clock.monotonic()
        crashes.append(now)
        while crashes and now - crashes[0] > WITHIN_SECONDS:
            crashes.popleft()
        if len(crashes) > RESTARTS or switch.asked is not None:
            log.error(
                "the screen stays off after %d crashes within a minute; the host goes on without it", len(crashes)
            )
            return ended
