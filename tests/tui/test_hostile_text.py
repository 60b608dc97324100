"""Text from outside can neither steer the terminal nor become a link nor leave its column."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len as rich_cells
from rich.segment import Segment
from wcwidth import wcwidth

from cockpit.model.events import CallFinished, Outcome
from cockpit.model.identity import ClientName
from cockpit.model.refusals import refuse
from cockpit.model.screen import ScreenSettings
from cockpit.model.text import Safe, safe
from cockpit.operator.act import Done
from tests.tui.fake_face import (
    NOW,
    FakeFace,
    busy_face,
    client_ticket,
    order_ticket,
    troubled_face,
)
from tests.tui.screens import Seat, seated
from tui.cells import Line, Span
from tui.palette import Palette
from tui.rows.call_row import CallColumns, call_row
from tui.widgets.lines import strip_of
from tui.widths import cell_len, drawn

ESCAPES = "\x1b]52;c;aGk=\x07\x1b[31m\x9b2J\r\u202eevil\u2066[@click=app.bell]x[/]漢字"
EVIL: dict[str, str] = {
    "escapes": ESCAPES,
    "strings": "\x1b]8;;https://x.example\x1b\\link\x1b]8;;\x1b\\\x1bPq\x1b\\\x1b_app\x1b\\\x1b]0;mine\x07\x90\x9d\x9f\x9c",
    "moves": "a\b\b\b\x7f\r\n\t\v\f\x1b[H\x1b[2K\x1b[1A\x1bc\x1b7\x1b8\x0e\x0f",
    "hidden": "u\u200bv\u200d\u2060\ufeff\u00ad\u115f\u3164\uffa0\u034f\u180e\ufe0f\U000e0041\U000e0101",
    "turned": "\u202eabc\u202c\u2066def\u2069\u061c\u200f",
    "heaped": "Z" + "\u0301\u0489\u20dd" * 60,
    "wide": "漢字かな한글👩\u200d🚀Ａ" * 6,
    "long": "\x1b" + "W" * 900,
    "answers": " APPROVE  buy 1 ALFA at market?  y yes  n no  ▸ ^k KILL \x1b[7m",
}
STEERING = {
    chr(code)
    for code in (*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x034F, 0x061C, 0x115F, 0x180E, *range(0x200B, 0x2010),
                 *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, 0xFE0F, 0xFEFF, 0xFFA0, 0xE0041, 0xE0101)
}  # fmt: skip
OURS = frozenset({"order_id", "request_id", "grant_id"})
"""Fields of text that nobody else ever writes. Any other, and any that is new, is poisoned."""
T = TypeVar("T")


def poisoned(value: T, evil: str) -> T:
    """Put hostile text into every field of text, however deep, even where the edge should have cleaned it."""
    made: Any = value
    if isinstance(value, tuple):
        made = tuple(poisoned(one, evil) for one in value)
    elif is_dataclass(value) and not isinstance(value, type):
        now = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        made = type(value)(**{name: one if name in OURS else poisoned(one, evil) for name, one in now.items()})
    elif isinstance(value, str) and not isinstance(value, Enum):
        made = evil
    return made


def texts_in(value: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Name every field of text."""
    if isinstance(value, tuple):
        for one in value:
            yield from texts_in(one, where)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from texts_in(getattr(value, field.name), f"{type(value).__name__}.{field.name}")
    elif isinstance(value, str) and not isinstance(value, Enum):
        yield where, value


def hostile_face(evil: str = ESCAPES) -> FakeFace:
    """Everything that could come from outside is hostile."""
    face = troubled_face()
    face.seen = replace(face.seen, hint=cast(Safe, evil))
    tickets = {"KWMRTB": client_ticket(face.seen.pending_clients[0])}
    looks = {one.order.order_id: order_ticket(one) for one in face.seen.pending_orders}
    face.seen = poisoned(face.seen, evil)
    face.client_tickets = {code: poisoned(one, evil) for code, one in tickets.items()}
    face.client_tickets["KWMRTB"] = replace(face.client_tickets["KWMRTB"], warnings=(cast(Safe, evil),))
    face.order_tickets = {name: poisoned(one, evil) for name, one in looks.items()}
    face.answers["halt"] = refuse("INTERNAL", evil)
    face.answers["reduce"] = Done(evil)
    face.answers["host.logs"] = Done(f"{evil}\n{evil}")
    record = {"number": 1, "at": NOW.isoformat(), "kind": evil, "client": evil, "tool": evil, "outcome": evil}
    details = {"code": evil, "order_id": evil, "detail": {evil: evil, "arguments": {evil: [evil]}, "says": evil}}
    face.answers["audit.search"] = Done("one", [{**record, **details}])
    face.answers["audit.tail"] = Done("two", [{"tool": evil}, {"tool": evil}])
    return face


def test_every_field_of_text_that_a_screen_shows_is_hostile_here() -> None:
    seen = [*texts_in(hostile_face().seen)]
    assert {where.rpartition(".")[2] for where, text in seen if text != ESCAPES} <= OURS
    assert len({where for where, _ in seen}) > 40


def assert_harmless(seat: Seat) -> None:
    for strip in seat.app.screen._compositor.render_strips():
        for segment in strip:
            assert not STEERING & set(segment.text), repr(segment.text)
            assert segment.control is None
            assert segment.style is None or not (segment.style.meta.get("@click") or segment.style.link)


PLACES = [
    (),
    ("a",),
    ("j", "a"),
    ("enter",),
    ("j", "enter"),
    ("c",),
    ("o",),
    ("o", "enter"),
    ("p",),
    (*":halt", "enter"),
    (*":reduce", "enter"),
    (*":audit tail", "enter"),
    (*":approve KWMRTB", "enter"),
    (*":approve KWMRTB", "enter", "a"),
    ("n",),
    ("question_mark",),
    ("A",),
    ("D",),
    ("Y",),
    ("u",),
    ("u", "enter"),
    ("h",),
    ("b",),
    ("L",),
    ("c", "j", "s"),
    ("tab", "k"),
    ("tab", "k", "enter"),
    (*":revoke ", "tab"),
]


async def go(seat: Seat, keys: tuple[str, ...]) -> None:
    names = {":": "colon", " ": "space"}
    await seat.press(*(names.get(key, key) for key in keys))
    await seat.settle()


@pytest.mark.parametrize("keys", PLACES, ids=lambda keys: "".join(keys) or "main")
@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_hostile_text_reaches_no_cell_of_any_place(keys: tuple[str, ...], size: tuple[int, int]) -> None:
    async with seated(hostile_face(), size, ScreenSettings()) as seat:
        await go(seat, keys)
        assert_harmless(seat)
        assert all(cell_len(row) <= size[0] for row in seat.rows())


@pytest.mark.parametrize("kind", EVIL)
async def test_no_kind_of_hostile_text_reaches_a_cell(kind: str) -> None:
    async with seated(hostile_face(EVIL[kind]), (120, 36), ScreenSettings()) as seat:
        for keys in ((), ("enter",), ("c",), ("o",), ("u", "enter"), ("h",), ("b",), ("l",)):
            await go(seat, keys)
            assert_harmless(seat)
            assert all(cell_len(row) <= 120 for row in seat.rows())
            await seat.press("escape", "escape")


@pytest.mark.parametrize("kind", EVIL)
@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_nothing_pushes_the_question_away_or_takes_its_colours(kind: str, size: tuple[int, int]) -> None:
    # As the edge lets it through: bounded, and what steers or hides made visible.
    async with seated(hostile_face(safe(EVIL[kind], 40)), size, ScreenSettings()) as seat:
        await go(seat, ("a",))
        rows = seat.rows()
        foot = seat.app.query_one("#prompt").region
        assert rows[-1].startswith(" ^k KILL")
        assert foot.bottom == size[1] - 1
        assert rows[foot.y].startswith((" APPROVE", " ● LIVE MONEY "))
        assert "y yes" in rows[foot.bottom - 1]
        chip = seat.app.palette.style("ask")
        for y, strip in enumerate(seat.app.screen._compositor.render_strips()):
            for segment in strip:
                if segment.style is not None and segment.style.bgcolor == chip.bgcolor and segment.text.strip():
                    assert y == foot.y, "only the question wears its colours"


async def test_a_hostile_paste_changes_nothing_but_the_line() -> None:
    async with seated(busy_face()) as seat:
        from textual import events

        seat.app.post_message(events.Paste("y\x1b[2Jd"))
        await seat.pilot.pause()
        await seat.press("colon")
        seat.app.post_message(events.Paste(ESCAPES))
        await seat.pilot.pause()
        assert_harmless(seat)
        assert seat.sent == []


class _Looks:
    ascii_only = False
    palette = Palette({})


@settings(max_examples=200)
@given(st.text(max_size=60), st.text(max_size=60), st.integers(20, 200))
def test_a_calls_row_is_as_wide_as_the_screen_whatever_it_says(who: str, what: str, width: int) -> None:
    event = CallFinished(NOW, 1, ClientName(safe(who, 40)), safe(what), Outcome.DENIED, "X", 3, safe(what))
    strip = strip_of(call_row(event, CallColumns.fit(width, 18, 20)), width, _Looks())
    assert strip.cell_length == width
    assert not STEERING & set("".join(segment.text for segment in strip))


@given(st.text(max_size=40), st.integers(1, 60))
def test_the_last_gate_before_the_terminal_lets_nothing_steer(text: str, width: int) -> None:
    strip = strip_of(Line((Span(text),)), width, _Looks())
    drawn = [segment for segment in strip if isinstance(segment, Segment)]
    assert not STEERING & set("".join(segment.text for segment in drawn))
    assert strip.cell_length == width


def test_every_character_that_is_drawn_as_it_is_takes_the_same_cells_in_every_table() -> None:
    kept = [sign for sign in map(chr, range(sys.maxunicode + 1)) if drawn(sign) == sign]
    assert len(kept) > 100_000
    for sign in kept:
        cells = rich_cells(sign)
        assert wcwidth(sign) == cells, hex(ord(sign))
        assert (cells == 0) is (unicodedata.category(sign) in {"Mn", "Me"}), hex(ord(sign))


# Characters that tmux was seen to count otherwise than this screen.
SEEN = [*range(0x2630, 0x2638), *range(0x268A, 0x2690), *range(0x3248, 0x3250), *range(0x1D300, 0x1D357)]
SEEN += [*range(0x1D360, 0x1D377), *range(0x1F3FB, 0x1F400)]
MARKS = [code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Mc"]


def test_characters_whose_width_is_disputed_are_drawn_as_escapes() -> None:
    assert len(MARKS) > 400
    for code in (*SEEN, *MARKS, 0x1F1E6, 0x1161, 0x94D, 0xE000, 0x1F8FF):
        escape = f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
        assert drawn(chr(code)) == escape
        assert cell_len(chr(code)) == len(escape)


@given(st.text(max_size=40))
def test_what_is_drawn_is_drawn_the_same_again(text: str) -> None:
    assert drawn(drawn(text)) == drawn(text)
    assert rich_cells(drawn(text)) == cell_len(text)


@pytest.mark.parametrize("words", ["漢字 かな", "Việt Nam", "ที่", "Ελλάδα", "Жук", "🚀"])
def test_words_that_every_terminal_counts_alike_stay_as_they_are(words: str) -> None:
    assert drawn(words) == words


@pytest.mark.parametrize("sign", ["\u0903", "\u0940", "\U0001f3fb", "\u1161"])
@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_marks_that_a_terminal_may_count_as_cells_push_nothing_out_of_the_question(
    sign: str, size: tuple[int, int]
) -> None:
    async with seated(hostile_face(safe("a" + sign * 150)), size, ScreenSettings()) as seat:
        assert not any(sign in row for row in seat.rows())
        await go(seat, ("a",))
        rows = seat.rows()
        foot = seat.app.query_one("#prompt").region
        assert not any(sign in row for row in rows)
        assert rows[foot.y].startswith((" APPROVE", " ● LIVE MONEY "))
        assert "y yes" in rows[foot.bottom - 1]


def test_a_calls_outcome_stays_in_its_column_beside_marks_without_width() -> None:
    plain, marked = (
        CallFinished(NOW, 1, ClientName(safe(who)), safe(who), Outcome.DENIED, "RATE", 3, safe(who))
        for who in ("a" * 180, "\u0903" * 180)
    )
    rows = [
        "".join(part.text for part in strip_of(call_row(one, CallColumns.fit(80, 18, 20)), 80, _Looks()))
        for one in (plain, marked)
    ]
    assert rows[0].index("denied") == rows[1].index("denied")


def test_marks_that_are_heaped_on_a_letter_become_visible_and_words_of_any_script_stay() -> None:
    assert safe("Z" + "\u0301" * 5) == "Z" + "\u0301" * 3 + "\\u0301" * 2
    for words in ("Việt Nam", "Vie\u0323\u0302t", "हिन्दी", "ที่นี่", "Ελλάδα"):
        assert safe(words) == words
