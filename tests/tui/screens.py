"""A screen under test: its plain text, its keys, and its picture without foreign addresses."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC

from textual.pilot import Pilot

from cockpit.model.screen import ScreenSettings
from tests.tui.fake_face import FakeClock, FakeFace
from tui.app import CockpitScreen

_FOREIGN = re.compile(r"@font-face \{.*?\}|<!--.*?-->", re.DOTALL)


class Seat:
    """The operator's seat: a running screen with its clock and its face."""

    def __init__(self, app: CockpitScreen, pilot: Pilot[None], clock: FakeClock, face: FakeFace) -> None:
        self.app = app
        self.pilot = pilot
        self.clock = clock
        self.face = face

    async def press(self, *keys: str, after: float = 0.5) -> None:
        """Press keys like a person: each after the screen has been read."""
        for key in keys:
            self.wait(after)
            await self.pilot.press(key)
            await self.pilot.pause()

    def wait(self, seconds: float) -> None:
        """Let time pass while the loop runs free."""
        self.app.beat()
        for _ in range(5):
            self.clock.pass_by(seconds / 5)
            self.app.beat()

    async def type(self, text: str) -> None:
        await self.press(*({" ": "space", ":": "colon", "/": "slash"}.get(sign, sign) for sign in text), after=0.01)

    async def settle(self) -> None:
        """Let events and timers that are due come to rest."""
        await self.pilot.pause()
        await self.pilot.pause(0.06)
        self.app.second_passed()
        await self.pilot.pause()

    def rows(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.rows())

    def picture(self) -> str:
        """Return the screen as SVG, without the address of a font."""
        return _FOREIGN.sub("", self.app.export_screenshot()).replace("Fira Code", "monospace")

    @property
    def sent(self) -> list[tuple[str, dict[str, str]]]:
        """What was sent, but for the looks of the place that shows limits and rules."""
        sent = (command for command in self.face.commands if command.act not in {"limits", "rules"})
        return [(command.act, dict(command.arguments)) for command in sent]


@asynccontextmanager
async def seated(
    face: FakeFace, size: tuple[int, int] = (80, 24), settings: ScreenSettings | None = None
) -> AsyncIterator[Seat]:
    """Sit down at a screen of that size."""
    clock = FakeClock()
    app = CockpitScreen(face, settings or ScreenSettings(), clock, UTC)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Seat(app, pilot, clock, face)
