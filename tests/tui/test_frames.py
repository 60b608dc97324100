"""Only what differs goes to the terminal, and what the terminal shows is what was drawn all the same."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from textual._compositor import CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen

from cockpit.model.screen import ScreenSettings
from cockpit.model.text import Safe
from cockpit.operator.face import Subscription
from tests.tui.fake_face import FakeFace, busy_face, call, calls
from tests.tui.screens import Seat, seated
from tui.cells import Line
from tui.frames import TRUSTED_OVER_SSH_SECONDS, TRUSTED_SECONDS, Changes, Everything, Piece, Scroll, is_even
from tui.widgets.lines import Lines, Maker
from tui.widgets.stream import Stream

CONSOLE = Console(color_system="truecolor", force_terminal=True)


class Wire:
    """A terminal that gets every frame as the driver would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.Stream(self.screen)
        self.frames: list[CompositorUpdate] = []
        self.text = ""
        self.layouts = 0
        layout = Screen._refresh_layout

        def display(app: App[Any], screen: Screen[Any], update: CompositorUpdate | None) -> None:
            if update is not None:
                self.frames.append(update)
                sent = update.render_segments(CONSOLE).replace("\n", "\r\n")
                self.text += sent
                self._stream.feed(sent)

        def laid_out(screen: Screen[Any], *arguments: Any, **named: Any) -> None:
            self.layouts += 1
            layout(screen, *arguments, **named)

        monkeypatch.setattr(App, "_display", display)
        monkeypatch.setattr(Screen, "_refresh_layout", laid_out)

    @contextmanager
    def hears(self) -> Iterator[None]:
        """Forget what was sent before."""
        self.frames, self.text, self.layouts = [], "", 0
        yield

    @property
    def cells(self) -> list[list[tuple[str, str, str, bool]]]:
        shown = self.screen.buffer
        return [
            [
                (cell.data, cell.fg, cell.bg, cell.bold)
                for cell in (shown[y][x] for x in range(self.screen.columns))
                if cell.data
            ]
            for y in range(self.screen.lines)
        ]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> Wire:
    return Wire(monkeypatch, size)


def drawn(seat: Seat) -> list[list[tuple[str, str, str, bool]]]:
    """Return the cells that the screen's widgets drew, as a terminal would hold them."""
    rows = []
    for strip in seat.app.screen._compositor.render_strips():
        row = []
        for text, style, _ in strip:
            assert style is not None
            row += [(sign, _colour(style, ink=True), _colour(style, ink=False), bool(style.bold)) for sign in text]
        rows.append(row)
    return rows


def _colour(style: Style, *, ink: bool) -> str:
    colour = style.color if ink else style.bgcolor
    assert colour is not None
    return colour.get_truecolor().hex.removeprefix("#")


async def tick(seat: Seat, seconds: float = 1.0) -> None:
    """Let a second pass, and the stream be drawn."""
    seat.clock.pass_by(seconds)
    seat.app.second_passed()
    seat.app.drain()
    await seat.pilot.pause()


SIZES = [(80, 24), (160, 45)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(2))
async def test_whatever_happens_the_terminal_shows_what_was_drawn(wire: Wire, size: tuple[int, int], seed: int) -> None:
    chance = random.Random(seed)
    async with seated(busy_face(), size) as seat:
        number = 60
        for _ in range(40):
            match chance.randrange(5):
                case 0:
                    await seat.press(
                        chance.choice(["j", "k", "tab", "c", "o", "escape", "enter", "question_mark", "G"])
                    )
                case 1:
                    await tick(seat, chance.choice([0.3, 1, 7]))
                case 2:
                    first = seat.face.seen.pending_orders
                    seat.face.show(pending_orders=first[1:] or busy_face().seen.pending_orders)
                case 3:
                    width, height = chance.choice([(80, 24), (81, 25), (120, 36), (160, 45), (70, 16)])
                    wire.screen.resize(height, width)
                    await seat.pilot.resize_terminal(width, height)
                    await seat.pilot.pause()
                case _:
                    for _ in range(chance.choice([1, 2, 3, 40])):
                        number += 1
                        seat.face.publish(call(number, seat.clock.now()))
                    await tick(seat, 0.1)
            await seat.pilot.pause()
            assert wire.cells == drawn(seat)
        assert any(isinstance(frame, Changes) for frame in wire.frames)


@pytest.mark.parametrize("size", [(80, 24)])
async def test_in_a_narrow_window_the_calls_are_moved_and_only_the_new_one_is_painted(
    wire: Wire, size: tuple[int, int]
) -> None:
    async with seated(busy_face(), size) as seat:
        await tick(seat)
        with wire.hears():
            seat.face.publish(call(61, seat.clock.now()))
            seat.app.drain()
            await seat.pilot.pause()
        assert [frame.scroll for frame in wire.frames if isinstance(frame, Changes)] == [Scroll(8, 21, 1)]
        assert len(wire.text) < 400
        assert wire.cells == drawn(seat)


@pytest.mark.parametrize("size", SIZES)
async def test_a_second_in_which_only_time_passes_costs_a_few_hundred_bytes_and_no_layout(
    wire: Wire, size: tuple[int, int]
) -> None:
    async with seated(busy_face(), size) as seat:
        await tick(seat)
        with wire.hears():
            for _ in range(10):
                await tick(seat)
        assert 10 * 20 < len(wire.text) < 10 * 700
        assert wire.layouts == 0
        assert not any(isinstance(frame, LayoutUpdate) for frame in wire.frames)


@pytest.mark.parametrize("size", [(160, 45)])
async def test_a_thousand_calls_cost_a_painting_for_each_drawing_and_no_layout(
    wire: Wire, size: tuple[int, int]
) -> None:
    async with seated(busy_face(), size) as seat:
        await tick(seat)
        assert seat.app._drain_timer is not None
        seat.app._drain_timer.stop()
        with wire.hears():
            for frame in range(8):
                for number in range(125):
                    seat.face.publish(call(100 + 125 * frame + number, seat.clock.now()))
                    if number % 25 == 0:
                        await seat.pilot.pause()
                seat.app.drain()
                await seat.pilot.pause()
        # The ticks of a quarter and of a whole second go on meanwhile, for as long as this takes.
        streams = [frame for frame in wire.frames if isinstance(frame, Changes) and len(frame.rows) > 20]
        assert len(streams) == 8
        assert wire.layouts == 0
        assert seat.app.state.calls.newest == 1099


@pytest.mark.parametrize("size", [(160, 45)])
async def test_while_only_calls_come_nothing_else_is_drawn(wire: Wire, size: tuple[int, int]) -> None:
    async with seated(busy_face(), size) as seat:
        await tick(seat)
        made: list[str] = []
        for part in seat.app.query(Lines):
            make, name = part._make, str(part.id)

            def counted(width: int, height: int, make: Maker = make, name: str = name) -> Sequence[Line]:
                made.append(name)
                return make(width, height)

            part._make = counted
        seat.face.publish(call(61, seat.clock.now()))
        made.clear()
        seat.app._drain(cast(Subscription, seat.face.subscriptions[0]))
        await seat.pilot.pause()
        assert set(made) == {"stream-title"}


@pytest.mark.parametrize("size", [(80, 24)])
async def test_what_something_else_wrote_to_the_terminal_is_gone_within_a_minute(
    wire: Wire, size: tuple[int, int]
) -> None:
    async with seated(busy_face(), size) as seat:
        await tick(seat)
        wire._stream.feed("\x1b[1;1HBroadcast message\x1b[2;1Hfrom root")
        await tick(seat)
        assert wire.cells != drawn(seat)
        await tick(seat, TRUSTED_SECONDS)
        assert wire.cells == drawn(seat)


@pytest.mark.parametrize("size", [(80, 24)])
async def test_a_picture_of_the_screen_changes_nothing_in_what_counts_as_painted(
    wire: Wire, size: tuple[int, int]
) -> None:
    async with seated(busy_face(), size) as seat:
        await tick(seat)
        seat.clock.pass_by(5)
        seat.picture()
        await tick(seat, 0.1)
        assert wire.cells == drawn(seat)


@pytest.mark.parametrize("size", [(160, 45)])
async def test_a_part_with_text_of_doubtful_width_is_painted_whole_with_all_that_follows(
    wire: Wire, size: tuple[int, int]
) -> None:
    face = busy_face()
    face.seen = replace(face.seen, recent=())
    async with seated(face, size) as seat:
        await tick(seat)
        doubtful = replace(call(100, seat.clock.now()), summary=cast(Safe, "\u6f22\u5b57"))
        seat.face.publish(doubtful)
        seat.app.drain()
        await seat.pilot.pause()
        with wire.hears():
            seat.app.query_one("#side").refresh()
            await seat.pilot.pause()
        top = seat.app.query_one("#stream").region.y
        (row,) = (pieces for frame in wire.frames if isinstance(frame, Changes) for y, pieces in frame.rows if y == top)
        assert row[0].x == seat.app.query_one("#side").region.x


def beside(wire: Wire) -> list[str]:
    """Return what the terminal shows from the side's column on."""
    return ["".join(wire.screen.buffer[y][x].data for x in range(SIDE, 160)) for y in range(45)]


def drawn_beside(seat: Seat) -> list[str]:
    return [
        "".join(segment.text for segment in strip.crop(SIDE)) for strip in seat.app.screen._compositor.render_strips()
    ]


SIDE = 107


@pytest.mark.parametrize("size", [(160, 45)])
@pytest.mark.parametrize(("sign", "seen_as"), [("\u0416", 2), ("\u6f22", 1), ("\u0416", 0)])
async def test_a_terminal_that_sees_other_widths_than_we_do_shows_what_is_beside_them_in_its_place(
    wire: Wire, size: tuple[int, int], sign: str, seen_as: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    width_of = pyte.screens.wcwidth
    monkeypatch.setattr(pyte.screens, "wcwidth", lambda one: seen_as if one == sign else width_of(one))
    async with seated(busy_face(), size) as seat:
        assert seat.app.query_one("#side").region.x <= SIDE
        await tick(seat)
        for number in range(100, 140):
            stood = beside(wire)
            seat.face.publish(replace(call(number, seat.clock.now()), summary=cast(Safe, sign * 30)))
            seat.app.drain()
            await seat.pilot.pause()
            # Only what counts calls may be another than was painted last.
            rows = zip(beside(wire), stood, drawn_beside(seat), strict=True)
            assert all(row in {before, wanted} for row, before, wanted in rows)
        with wire.hears():
            seat.app.redraw()
            await seat.pilot.pause()
        assert any(isinstance(frame, Everything) for frame in wire.frames)
        assert beside(wire) == drawn_beside(seat)


@pytest.mark.parametrize("size", [(160, 45)])
async def test_what_a_text_of_doubtful_width_leaves_free_shows_nothing_of_before(
    wire: Wire, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    width_of = pyte.screens.wcwidth
    monkeypatch.setattr(pyte.screens, "wcwidth", lambda one: 1 if one == "\u6f22" else width_of(one))
    async with seated(busy_face(), size) as seat:
        wire._stream.feed("\r\n".join(["", *["#" * 160] * 44]))
        seat.face.publish(replace(call(100, seat.clock.now()), summary=cast(Safe, "\u6f22" * 10)))
        seat.app.redraw()
        await tick(seat, 0.1)
        assert not any("#" in row for row in wire.screen.display)


@pytest.mark.parametrize("size", [(160, 45)])
@pytest.mark.parametrize("told", [[(60, 12), (160, 45)], [(160, 45)], [(100, 45), (160, 30), (160, 45)]])
async def test_a_window_that_was_smaller_for_a_moment_is_whole_again(
    wire: Wire, size: tuple[int, int], told: list[tuple[int, int]]
) -> None:
    async with seated(busy_face(), size) as seat:
        await tick(seat)
        wire.screen.resize(12, 60)
        wire.screen.resize(45, 160)
        for one in told:
            seat.app.post_message(Resize(Size(*one), Size(*one)))
        end = time.monotonic() + 20
        while wire.cells != drawn(seat) and time.monotonic() < end:
            await tick(seat)
        assert wire.cells == drawn(seat)


@pytest.mark.parametrize("size", [(160, 45)])
async def test_what_was_cleared_comes_back_once_it_is_trusted_no_longer_also_where_nothing_happens(
    wire: Wire, size: tuple[int, int]
) -> None:
    async with seated(busy_face(), size) as seat:
        await tick(seat)
        wire._stream.feed("\x1b[2J")
        await tick(seat)
        assert wire.cells != drawn(seat)
        await tick(seat, TRUSTED_SECONDS)
        assert wire.cells == drawn(seat)


@pytest.mark.parametrize("size", [(80, 24)])
@pytest.mark.parametrize("before", [(), ("a",), ("colon", "h"), ("o",), ("question_mark",)])
async def test_a_key_paints_everything_anew_wherever_it_is_pressed_and_does_nothing_else(
    wire: Wire, size: tuple[int, int], before: tuple[str, ...]
) -> None:
    async with seated(busy_face(), size) as seat:
        await seat.press(*before)
        state = seat.app.state
        stood = state.place, state.question, state.entry and state.entry.edit
        wire._stream.feed("\x1b[2J\x1b[31;44m\x1b[3;9r")
        await seat.press("ctrl+l")
        assert (state.place, state.question, state.entry and state.entry.edit) == stood
        assert wire.cells == drawn(seat)
        assert seat.sent == []


@pytest.mark.parametrize("size", [(80, 24)])
async def test_over_ssh_what_was_painted_is_trusted_for_longer(
    wire: Wire, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 5 192.0.2.2 22")
    async with seated(busy_face(), size) as seat:
        await tick(seat)
        with wire.hears():
            await tick(seat, TRUSTED_SECONDS)
        assert not any(isinstance(frame, Everything) for frame in wire.frames)
        with wire.hears():
            await tick(seat, TRUSTED_OVER_SSH_SECONDS)
        assert any(isinstance(frame, Everything) for frame in wire.frames)


@given(st.text(max_size=20))
def test_text_that_counts_as_even_takes_a_cell_for_each_character(text: str) -> None:
    assert not is_even(text) or cell_len(text) == len(text)


@pytest.mark.parametrize("text", ["\u25fd", "e\u0301", "\u6f22", "\u200b", "\u00ad", "\U0001f600", "\u2764\ufe0f"])
def test_text_whose_width_terminals_disagree_about_is_not_even(text: str) -> None:
    assert not is_even(text)


def test_colours_and_weights_are_said_only_where_they_change() -> None:
    bold = Style.parse("bold #111111 on #222222")
    plain = Style.parse("#111111 on #222222")
    other = Style.parse("#333333 on #222222")
    pieces = [
        Piece(0, "a", plain),
        Piece(1, "b", plain),
        Piece(2, "c", other),
        Piece(3, "d", bold),
        Piece(9, "e", plain),
    ]
    said = Changes(None, [(4, pieces)]).render_segments(CONSOLE)
    assert said == (
        "\x1b[5;1H\x1b[38;2;17;17;17;48;2;34;34;34mab\x1b[38;2;51;51;51mc\x1b[1;38;2;17;17;17md"
        "\x1b[5;10H\x1b[0;38;2;17;17;17;48;2;34;34;34me\x1b[0m"
    )


async def test_rows_of_the_stream_are_kept_only_as_far_as_they_may_be_seen_again() -> None:
    async with seated(FakeFace(busy_face().seen), (80, 24), ScreenSettings(history=50_000)) as seat:
        history = seat.app.state.calls
        stream = seat.app.query_one(Stream)
        for first in range(100, 60_100, 1000):
            history.extend(calls(1000, first))
        assert len(history.window(1_000_000)) == 50_000
        for _ in range(300):
            history.scroll(-20, stream.size.height)
            stream.render_lines(stream.size.region)
        assert len(stream._cache) <= 2048 + stream.size.height
