"""The screen: a guest in the loop of the services. It draws the operator's view and sends commands, nothing more."""

from __future__ import annotations

import asyncio
import os
import time
import traceback
from collections.abc import Collection
from datetime import tzinfo

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import Reactive
from textual.screen import Screen
from textual.timer import Timer

from cockpit.model.clock import Clock, SystemClock
from cockpit.model.events import CallFinished, Event, Notice
from cockpit.model.screen import ScreenSettings
from cockpit.operator.face import Face, Subscription
from tui.attention import Attention, call_words
from tui.calls import CallHistory
from tui.controls import Controls
from tui.dressing import Dressed
from tui.driver import CockpitDriver
from tui.errands import Errands
from tui.frames import TRUSTED_OVER_SSH_SECONDS, TRUSTED_SECONDS
from tui.glyphs import draws_utf8, in_ascii
from tui.key_map import KeyMap
from tui.line_history import LineHistory
from tui.notifying import notification, notify_here
from tui.pace import Pace, PacedScreen, drawn_per_second
from tui.presence import KeyPresses
from tui.rows.call_row import CallColumns, call_row
from tui.rows.waiting_row import seconds_left
from tui.shown import BEAT_SECONDS, Shown
from tui.state import Place, ScreenState
from tui.views import Views
from tui.widgets.lines import Lines
from tui.widgets.stream import Stream

_SNAPSHOT_SECONDS = 0.05
_SMALLEST = (60, 16)
_WIDE, _WIDEST, _TALL = 120, 150, 36
_FINE_SECONDS = 10
"""How long before its end the chosen row counts down in tenths of a second."""


class CockpitScreen(Dressed, inherit_bindings=False):
    """The operator's screen. It has no focus and no modal: every key goes through the controls, kill first."""

    CSS_PATH = "cockpit.tcss"
    ENABLE_COMMAND_PALETTE = False
    TITLE = "cockpit"
    title = Reactive("", repaint=False)
    """The window's title; the screen doesn't show it, so that a new one paints nothing."""

    def __init__(
        self, face: Face, settings: ScreenSettings, clock: Clock | None = None, zone: tzinfo | None = None
    ) -> None:
        super().__init__(driver_class=CockpitDriver)
        self.animation_level = "none"
        self._face = face
        self._clock = clock or SystemClock()
        self._over_ssh = bool(os.environ.get("SSH_CONNECTION"))
        self._pace = Pace(drawn_per_second(settings, over_ssh=self._over_ssh))
        self._watched = True
        """Whether somebody looks at the terminal, as far as it says."""
        self._presses = KeyPresses(face.touched, self._clock.monotonic)
        self.ascii_only = settings.ascii or not draws_utf8(os.environ)
        self.state = ScreenState(
            face.snapshot(),
            CallHistory(settings.history),
            read_only=settings.read_only,
            attached=settings.attached,
        )
        keys = KeyMap(settings.keys, enter="enter" if self.ascii_only else "⏎")
        self.errands = Errands(face, self.state, self._clock, self._take_and_paint)
        self._typed_lines = LineHistory(settings.typed_lines)
        self._typed_lines.load()
        self.shown = Shown(self.state)
        self.controls = Controls(self.state, self.errands, self, self._clock, keys, self.shown, self._typed_lines)
        self.errands.told = self.controls
        self._zone = zone
        self._views = Views(self.state, keys, self._clock, zone, self.shown)
        self._attention = Attention()
        self._rings = settings.bell
        self._notify = notify_here(settings.notify, os.environ)
        self._subscription: Subscription | None = None
        self._drain_timer: Timer | None = None
        self._beat_timer: Timer | None = None
        self._frames_dropped = 0
        self.draws_per_second = self._pace.per_second
        self._snapshot_due = False
        self._snapshot_at = float("-inf")
        self.crash = ""
        """Traceback of what ended the screen, if anything did."""
        self._notices = [*self.put_on(settings), *keys.complaints]
        self.state.themes = self.theme_names
        self.palette = self.made_palette()

    def get_default_screen(self) -> Screen[None]:
        """Give the screen that says how long painting took."""
        trusts = TRUSTED_OVER_SSH_SECONDS if self._over_ssh else TRUSTED_SECONDS
        return PacedScreen(self._clock.monotonic, self._pace.spend, self._painted, trusts)

    def compose(self) -> ComposeResult:
        """Lay out the parts, from top to bottom."""
        views = self._views
        yield Lines(views.status, self, id="status")
        with Horizontal(id="main"):
            with Vertical(id="left"):
                yield Lines(views.queue, self, id="queue")
                yield Lines(views.stream_title, self, id="stream-title")
                yield Stream(self.state.calls, self, self._zone, id="stream")
            yield Lines(views.rule, self, id="rule")
            yield Lines(views.side, self, id="side")
        yield Lines(views.full, self, id="full")
        yield Lines(views.hint, self, id="hint")
        yield Lines(views.prompt, self, id="prompt")
        yield Lines(views.keys, self, id="keys")

    # life

    def on_mount(self) -> None:
        """Start receiving, drawing and ticking."""
        self.suit_terminal()
        self._subscription = self._face.subscribe(wake=self._woken)
        self._face.attached()
        self._take()
        self._keep_pace()
        self.set_interval(1.0, self.second_passed)
        self.set_interval(0.25, self.quarter_passed)
        for notice in self._notices:
            self.controls.complain(notice)
        self.repaint()

    async def on_unmount(self) -> None:
        """Stop receiving, and let commands that are under way come to their end."""
        if self._subscription is not None:
            self._subscription.close()
            self._face.detached()
        await self.errands.finish()
        await self._typed_lines.finish()
        await self.keep_theme()

    def leave(self) -> None:
        """End the screen because the operator wants it."""
        self.exit()

    def _handle_exception(self, error: Exception) -> None:
        self.crash = self.crash or "".join(traceback.format_exception(error))
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without the traceback that Textual draws, with every value in it: drawing it would hold up the services."""
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        """Print nothing: a traceback with local values belongs in no terminal; the log gets one without."""
        self._exit_renderables.clear()

    # events

    def _woken(self, event: Event) -> None:
        """Take a snapshot soon when something other than a call happened; the stream has its own pace."""
        if isinstance(event, CallFinished) or self._snapshot_due:
            return
        self._snapshot_due = True
        wait = max(0.0, self._snapshot_at + _SNAPSHOT_SECONDS - self._clock.monotonic())
        asyncio.get_running_loop().call_later(min(wait, _SNAPSHOT_SECONDS), self.call_later, self._take_and_paint)

    def _take_and_paint(self) -> None:
        self._take()
        self._look_again()
        self.repaint()

    def _take(self) -> None:
        self._snapshot_due = False
        self._snapshot_at = self._clock.monotonic()
        state = self.state
        new = state.take(self._face.snapshot())
        if state.calls.extend(state.snapshot.recent):
            self._refresh_stream()
        if state.place is Place.NOTICES:
            state.have_read_notices()
        self.controls.recheck()
        self._call_operator(new)

    def _call_operator(self, new: Collection[str]) -> None:
        """Name the window by what waits, ring, and where nobody looks, send a notification."""
        items, now = self.state.waiting.items, self._clock.now()
        due = self._attention.calls_for(items, new, now, self._snapshot_at)
        title = self._attention.title(items, now, self._snapshot_at)
        if title is not None:
            self.title = title
        if due and self._rings:
            self.bell()
        if not isinstance(self._driver, CockpitDriver):
            return
        if title is not None:
            self._driver.set_title(title)
        if due and not self._watched:
            words = call_words(due, now)
            text = in_ascii(words) if self.ascii_only else words
            self._driver.write(notification(self._notify, text, in_tmux=bool(os.environ.get("TMUX"))))

    def drain(self) -> None:
        """Take what the stream has got since the last time, and draw it; draw less often if that takes too long."""
        began = self._clock.monotonic()
        if self._pace.next_frame(began):
            self._keep_pace()
        if self._subscription is not None:
            self._drain(self._subscription)
        self._pace.spend(self._clock.monotonic() - began)

    def _drain(self, source: Subscription) -> None:
        if source.missed:
            source.missed = 0
            self._take()
        fresh: list[CallFinished] = []
        while source.events:
            event = source.events.popleft()
            if isinstance(event, CallFinished):
                fresh.append(event)
            elif isinstance(event, Notice):
                self.controls.hear(event.text, bad=event.bad)
                self.repaint()
        if fresh and self.state.calls.extend(fresh):
            self._refresh_stream()

    def _refresh_stream(self) -> None:
        if self.state.calls.following:
            self._refresh_parts("#stream")
        self._refresh_parts("#stream-title")

    def _refresh_parts(self, names: str) -> None:
        """Draw parts anew. None is there yet, or any more, while the screen comes or goes."""
        for part in self.query(names):
            part.refresh()

    def second_passed(self) -> None:
        """Once a second: clock, countdowns, counters, and the open ticket's price."""
        self._take()
        self._look_again(once_more=True)
        self.repaint()

    def quarter_passed(self) -> None:
        """Four times a second: the countdown of the chosen row in its last seconds."""
        chosen = self.state.waiting.chosen
        if chosen is not None and 0 < seconds_left(chosen, self._clock.now()) < _FINE_SECONDS:
            self._refresh_parts("#queue, #side, #full, #prompt")

    def _look_again(self, *, once_more: bool = False) -> None:
        """Keep the ticket in view fresh: the open one, or beside the queue that of the chosen order."""
        self.errands.keep_in_view(wide=self.size.width >= _WIDE, once_more=once_more)

    def _painted(self) -> None:
        """Count what a frame shows once the terminal has it; one that was dropped never counts."""
        driver = self._driver
        dropped = driver.dropped if isinstance(driver, CockpitDriver) else 0
        lost, self._frames_dropped = dropped != self._frames_dropped, dropped
        frame = self.shown.take_frame()
        if frame is None or lost:
            return
        if isinstance(driver, CockpitDriver):
            driver.when_written(lambda: self.shown.reached(frame, self._clock.monotonic()))
        else:
            self.shown.reached(frame, self._clock.monotonic())

    def beat(self) -> None:
        """Feel whether the loop was blocked."""
        self.shown.beat(self._clock.monotonic())

    def _keep_beating(self) -> None:
        """Feel the loop as long as a question is open."""
        asks = self.state.question is not None
        if asks and self._beat_timer is None:
            self.beat()
            self._beat_timer = self.set_interval(BEAT_SECONDS, self.beat)
        elif not asks and self._beat_timer is not None:
            self._beat_timer.stop()
            self._beat_timer = None
            self.beat()

    def _keep_pace(self) -> None:
        """Draw the stream as often as the pace says, and once a second while nobody looks."""
        if self._drain_timer is not None:
            self._drain_timer.stop()
        self.state.slowed_to = self._pace.per_second if self._pace.slowed else 0
        self.draws_per_second = self._pace.per_second if self._watched else 1
        self._drain_timer = self.set_interval(1 / self.draws_per_second, self.drain)

    def on_app_blur(self) -> None:
        """Draw the stream once a second while nobody looks."""
        self._watched = False
        self._keep_pace()

    def on_app_focus(self) -> None:
        """Draw at full pace again, and everything at once."""
        self._watched = True
        self._keep_pace()
        self.drain()
        self.refresh()

    async def on_event(self, event: events.Event) -> None:
        """Give every key to the controls, in the order in which they were pressed, before anything else sees it."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            if not self.app_focus:
                self.app_focus = True
                self.on_app_focus()
            self._presses.pressed()
            before = self.state.waiting.chosen_key, self.state.calls.chosen
            self.beat()
            # A key may have waited for the loop: it counts from when it was read.
            waited = max(0.0, time.monotonic() - event.time)
            self.controls.press(event.key, event.character, self._clock.monotonic() - waited)
            if self.state.is_away:
                self._take()
            if (self.state.waiting.chosen_key, self.state.calls.chosen) != before:
                self._look_again()
            self.repaint()
            self._refresh_parts("#stream")
        elif isinstance(event, events.Paste) and not event.is_forwarded:
            self.controls.paste(event.text)
            self.repaint()
        else:
            await super().on_event(event)

    def on_resize(self, event: events.Resize) -> None:
        """Choose what there is room for."""
        width, height = event.size.width, event.size.height
        root = self.screen
        root.set_class(width < _SMALLEST[0] or height < _SMALLEST[1], "-small")
        root.set_class(width >= _WIDE, "-wide")
        root.set_class(width >= _WIDEST, "-widest")
        root.set_class(height >= _TALL, "-tall")
        self._look_again()
        self.redraw()
        self.call_after_refresh(self.repaint)

    # drawing

    def stream_height(self) -> int:
        """Return how many rows are in view: of calls, or of what fills the screen instead."""
        part = "#stream" if self.state.place is Place.MAIN else "#full"
        return max(1, self.query_one(part).size.height)

    def shown_as_text(self, file: str) -> str:
        """Return what is shown as plain text; the records of a search, and what is meant to be pasted, as they are."""
        state = self.state
        if state.place in {Place.RECORDS, Place.SESSIONS} and file.endswith(".jsonl"):
            return "".join(f"{record.raw}\n" for record in reversed(state.records.items))
        if state.place is Place.RESULT and state.block:
            return state.block
        columns = CallColumns.fit(self.size.width, state.calls.widest_client, state.calls.widest_tool)
        calls = state.calls.window(self.stream_height())
        return self._views.as_text(self.size.width, [call_row(call, columns, self._zone) for call in calls])

    def redraw(self) -> None:
        """Paint everything, whatever the terminal may show already."""
        for screen in self.screen_stack:
            if isinstance(screen, PacedScreen):
                screen.redraw()

    def copy(self, text: str) -> None:
        """Send text to the terminal's clipboard (OSC 52)."""
        self.copy_to_clipboard(text)

    def repaint(self) -> None:
        """Draw everything but the stream; change the layout only where a part came, went or grew."""
        self._keep_beating()
        if not self.is_running or not self.is_mounted:
            return
        self.dress(self.state.entry)
        state, root = self.state, self.screen
        root.set_class(state.place is not Place.MAIN, "-full")
        width = self.size.width
        hint = len(self._views.hint(width, 0))
        self.query_one("#hint").set_class(bool(hint), "-shown")
        for name, rows in (("#hint", hint), ("#prompt", len(self._views.foot(width)))):
            part = self.query_one(name)
            if part.styles.height is None or part.styles.height.value != max(1, rows):
                part.styles.height = max(1, rows)
        for part in self.query(Lines):
            if part.display:
                part.refresh()
