from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from cockpit.model.screen import ScreenSettings
from cockpit.operator.face import Face
from tests.tui.fake_face import FakeClock, busy_face
from tui.run import Ending, ScreenEnded, ScreenSwitch, run_screen
from tui.supervise import RESTARTS, supervise

LOG = logging.getLogger("test")
CRASH = ScreenEnded(Ending.CRASHED, "a bug")
Life = Callable[[Face, ScreenSettings], object]


class Lives:
    """Lives of a screen, one after the other."""

    def __init__(self, clock: FakeClock, *endings: ScreenEnded, apart: float = 1) -> None:
        self.clock = clock
        self.endings = list(endings)
        self.lived = 0
        self.apart = apart

    async def __call__(self, face: Face, settings: ScreenSettings) -> ScreenEnded:
        self.lived += 1
        self.clock.pass_by(self.apart)
        return self.endings.pop(0)


async def supervised(lives: Lives) -> ScreenEnded:
    return await supervise(busy_face(), ScreenSettings(), LOG, clock=lives.clock, life=lives)


async def test_a_crash_is_logged_and_the_screen_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    lives = Lives(FakeClock(), CRASH, ScreenEnded(Ending.QUIT))
    assert await supervised(lives) == ScreenEnded(Ending.QUIT)
    assert lives.lived == 2
    assert "a bug" in caplog.text


async def test_after_three_restarts_within_a_minute_the_host_goes_on_without_it() -> None:
    lives = Lives(FakeClock(), *[CRASH] * 10)
    assert await supervised(lives) == CRASH
    assert lives.lived == 1 + RESTARTS


async def test_crashes_that_are_far_apart_never_end_it() -> None:
    lives = Lives(FakeClock(), *[CRASH] * 9, ScreenEnded(Ending.HANGUP), apart=61)
    assert await supervised(lives) == ScreenEnded(Ending.HANGUP)
    assert lives.lived == 10


async def test_a_screen_that_cannot_even_be_made_counts_as_a_crash() -> None:
    async def stillborn(face: Face, settings: ScreenSettings) -> ScreenEnded:
        raise RuntimeError("no such theme")

    ended = await supervise(busy_face(), ScreenSettings(), LOG, clock=FakeClock(), life=stillborn)
    assert ended.how is Ending.CRASHED
    assert "no such theme" in ended.reason


async def test_without_a_terminal_no_screen_is_drawn() -> None:
    assert (await run_screen(busy_face(), ScreenSettings())).how is Ending.HANGUP


async def test_an_exit_that_was_asked_for_early_keeps_the_screen_from_starting() -> None:
    switch = ScreenSwitch()
    switch.request_exit()
    assert await run_screen(busy_face(), ScreenSettings(), switch=switch) == ScreenEnded(Ending.QUIT)
