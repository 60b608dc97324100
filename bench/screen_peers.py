"""The same stream of calls in Textual's own widgets, as somebody would write it who knows them and takes them as they come.

They show the stream alone: no queue, no side, no countdowns. What is typed goes into Textual's own input line.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.timer import Timer
from textual.widgets import DataTable, Footer, Header, Input, RichLog

from cockpit.model.events import CallFinished, Outcome

HELD: Final = 10_000
"""Rows that are kept, as many as the cockpit's screen keeps unless told otherwise."""
COLUMNS: Final = (("time", 12), ("client", 18), ("tool", 21), ("state", 8), ("took", 7), ("about", 26))
_COLOURS: Final = {Outcome.OK: "#2FC79A", Outcome.WAIT: "#F0AE2E", Outcome.DENIED: "#FF8551", Outcome.ERROR: "#E497C2"}


def cells(call: CallFinished) -> tuple[Text, ...]:
    """Return the texts of one row, coloured as in the cockpit."""
    colour = _COLOURS[call.outcome]
    return (
        Text(call.at.strftime("%H:%M:%S.%f")[:12], "#93A1B1"),
        Text(call.client, "#9FC6E8"),
        Text(call.tool),
        Text(call.outcome, colour),
        Text(f"{call.duration_ms:.0f}ms", "#93A1B1", justify="right"),
        Text(f"{call.code} {call.summary}".strip(), colour if call.code else ""),
    )


class Peer(App[None]):
    """A stream that a timer fills, between a header and an input line."""

    CSS = "RichLog, DataTable { height: 1fr; } Input { height: 1; border: none; }"
    BINDINGS: ClassVar = [("ctrl+k", "kill", "Kill"), ("ctrl+l", "follow", "Follow")]

    def __init__(self, rate_hz: int, held: int = HELD) -> None:
        super().__init__()
        self.animation_level = "none"
        self.fresh: deque[CallFinished] = deque(maxlen=50_000)
        self.held = held
        self._rate_hz = rate_hz
        self._timer: Timer | None = None

    def on_mount(self) -> None:
        """Begin to draw."""
        self.query_one(Input).focus()
        self.draw(self._rate_hz)

    def draw(self, per_second: int) -> None:
        """Draw as often from now on."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(1 / per_second, lambda: self.drain())

    def drain(self) -> None:
        """Show what came since the last time."""
        raise NotImplementedError

    def _take(self) -> list[CallFinished]:
        taken = list(self.fresh)
        self.fresh.clear()
        return taken


class RichLogPeer(Peer):
    """The stream in a RichLog."""

    def compose(self) -> ComposeResult:
        """Lay out."""
        yield Header(show_clock=True)
        yield RichLog(max_lines=self.held)
        yield Input(placeholder="filter")
        yield Footer()

    def drain(self) -> None:
        """Write what came."""
        log = self.query_one(RichLog)
        for call in self._take():
            row = Text()
            for text, (_, width) in zip(cells(call), COLUMNS, strict=True):
                text.truncate(width, pad=True)
                row.append_text(text).append(" ")
            log.write(row)


class DataTablePeer(Peer):
    """The stream in a DataTable."""

    def compose(self) -> ComposeResult:
        """Lay out."""
        yield Header(show_clock=True)
        yield DataTable[Text](cursor_type="row", show_cursor=False)
        yield Input(placeholder="filter")
        yield Footer()

    def on_mount(self) -> None:
        """Make the columns; the peer's own beginning comes as well."""
        table = self.query_one(DataTable)
        for label, width in COLUMNS:
            table.add_column(label, width=width)

    def drain(self) -> None:
        """Add what came, drop what is too old, and follow."""
        table = self.query_one(DataTable)
        fresh = self._take()
        if not fresh:
            return
        for call in fresh:
            table.add_row(*cells(call))
        for key in list(table.rows)[: max(0, len(table.rows) - self.held)]:
            table.remove_row(key)
        table.scroll_end(animate=False)
