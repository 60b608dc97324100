"""Which pictures of the screen docs/ shows, and how each is drawn: always the same, whenever and wherever it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cockpit.model.screen import ScreenSettings
from tests.docs.drawing import draw
from tests.docs.trading_day import CODE, killed_day, latched_day, trading_day
from tests.tui.fake_face import FakeFace
from tests.tui.screens import seated
from tui.themes import shipped

FOLDER: Final = Path(__file__).parent.parent.parent / "docs" / "pictures"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its file, what it says to whoever can't see it, and the way to what it shows."""

    name: str
    title: str
    shows: str
    """A pattern of what must be seen: the keys may lead elsewhere one day."""
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (80, 24)
    face: Callable[[], FakeFace] = trading_day
    theme: str = "cockpit-dark"

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.svg"

    async def drawn(self) -> str:
        """Go there at a screen, and draw it."""
        settings = ScreenSettings(theme=self.theme)
        async with seated(self.face(), self.size, settings) as seat:
            await seat.press(*self.keys)
            await seat.settle()
            assert re.search(self.shows, seat.text, re.DOTALL), f"{self.name}: {self.shows} is not to be seen"
            rows = [list(strip) for strip in seat.app.screen._compositor.render_strips()]
            plain = seat.app.palette.style("")
        return draw(rows, self.title, plain)


PICTURES: Final = (
    Picture(
        "main-80x24", "The main screen at 80x24: three orders and a client wait, calls stream below", "PENDING 4.*CALLS"
    ),
    Picture(
        "main-120x36",
        "The main screen at 120x36: what waits, the stream of calls, and the chosen order with its "
        "price, its effect on the position and its checks",
        "PENDING 4.*ORDER PAPER claude on paper.*LIMITS",
        ("j", "j"),
        (120, 36),
    ),
    Picture(
        "main-160x45",
        "The main screen at 160x45: what waits, the stream of calls, the chosen order, clients, positions and limits",
        "PENDING 4.*ORDER PAPER from claude.*LIMITS",
        ("j", "j"),
        (160, 45),
    ),
    Picture(
        "order",
        "The ticket of an order that waits, with every check",
        "ORDER PAPER from claude.*CHECKS",
        ("j", "j", "enter"),
    ),
    Picture(
        "approve", "The question before an order is sent: approve, then y", "APPROVE +buy 20 ALFA", ("j", "j", "a")
    ),
    Picture(
        "code", "The code that a client's browser shows is being typed", "CODE .*KWMR", ("j", "a", *CODE[:4].lower())
    ),
    Picture(
        "client",
        "The ticket of a client whose code fits: host, claims, and scopes to choose",
        "LET IN A CLIENT the code fits",
        ("j", "a", *CODE.lower(), "enter"),
    ),
    Picture("clients", "The clients that were let in", "CLIENTS 3", ("c",)),
    Picture(
        "scopes",
        "The scopes of a client as toggles, with the difference below",
        "SCOPES of claude.*-read:account",
        ("c", "s", "j", "space"),
    ),
    Picture("orders", "Orders: open ones, then those that ended today", "ORDERS 10", ("o",)),
    Picture("positions", "Balances and positions", "POSITIONS 4", ("p",)),
    Picture("audit", "Records of the audit that a search found", "AUDIT.*10 found", ("u",), (120, 36)),
    Picture("limits", "Limits and how far they are used up; one has latched", "REJECT RATE", ("l",), face=latched_day),
    Picture("connections", "The broker's line and account", "CONNECTIONS 1", ("b",)),
    Picture("killed", "The main screen after the kill: the whole first row is inverted", "KILLED", face=killed_day),
    Picture("help", "The keys and commands that work here", "HELP", ("question_mark",)),
    *(
        Picture(f"theme-{theme.name}", f"The main screen in the theme {theme.name}", "PENDING 4", theme=theme.name)
        for theme in shipped()
    ),
)
