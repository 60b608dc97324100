"""The live stream: a window over a ring of calls, cheap enough for a thousand calls a second."""

from __future__ import annotations

from datetime import tzinfo

from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from cockpit.model.events import CallFinished
from tui.calls import CallHistory
from tui.cells import Line
from tui.palette import Palette
from tui.rows.call_row import CallColumns, call_row
from tui.widgets.lines import Looks, drawn_by, strip_of

_MOST_CACHED = 2048


class Stream(Widget):
    """Draws the calls in view. A call's row is made once for each width and palette, then taken from the cache."""

    ALLOW_SELECT = False

    def __init__(self, calls: CallHistory, looks: Looks, zone: tzinfo | None, *, id: str) -> None:
        super().__init__(id=id)
        self._calls = calls
        self._looks = looks
        self._zone = zone
        self._cache: dict[int, Strip] = {}
        self._cached_for: tuple[int, CallColumns, Palette] | None = None
        self._columns = CallColumns.fit(80, 0, 0)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the calls in view."""
        width, height = self.size
        self._columns = CallColumns.fit(width, self._calls.widest_client, self._calls.widest_tool)
        made_for = (width, self._columns, self._looks.palette)
        if self._cached_for != made_for or len(self._cache) > _MOST_CACHED:
            self._cache.clear()
            self._cached_for = made_for
        calls = self._calls.window(height)
        blank = strip_of(Line(), width, self._looks)
        rows = [self._strip(calls[y]) if y < len(calls) else blank for y in crop.line_range]
        return drawn_by(self, rows, crop)

    def _strip(self, call: CallFinished) -> Strip:
        chosen = self._calls.chosen
        if chosen is not None and chosen.number == call.number:
            return self._made(call, chosen=True)
        strip = self._cache.get(call.number)
        if strip is None:
            strip = self._cache[call.number] = self._made(call, chosen=False)
        return strip

    def _made(self, call: CallFinished, *, chosen: bool) -> Strip:
        return strip_of(call_row(call, self._columns, self._zone, chosen=chosen), self.size.width, self._looks)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Look back."""
        event.stop()
        self._calls.scroll(-3, self.size.height)
        self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Look ahead."""
        event.stop()
        self._calls.scroll(3, self.size.height)
        self.refresh()
