"""Text from outside can neither steer the terminal nor become a link nor leave its column."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment

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
    call,
    client_ticket,
    order_ticket,
    pending_client,
    pending_order,
)
from tests.tui.screens import Seat, seated
from tui.cells import Line, Span
from tui.palette import Palette
from tui.rows.call_row import CallColumns, call_row
from tui.widgets.lines import strip_of

EVIL = "\x1b]52;c;aGk=\x07\x1b[31m\x9b2J\r\u202eevil\u2066[@click=app.bell]x[/]漢字"
STEERING = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0x200B)}


def hostile_face() -> FakeFace:
    """Everything that comes from outside is hostile, even where the edge should have cleaned it."""
    raw = cast(Safe, EVIL)
    face = busy_face()
    client = replace(pending_client(), claimed_name=raw, host=raw, address=raw)
    waiting = pending_order(1, EVIL, "buy 1 ALFA 5", "5", 60, EVIL)
    waiting = replace(
        waiting,
        why=raw,
        order=replace(waiting.order, reason=raw, request=replace(waiting.order.request, symbol=EVIL)),
    )
    views = tuple(replace(view, client=ClientName(EVIL), host=raw) for view in face.seen.clients)
    connections = tuple(replace(seen, note=raw, account=EVIL, name="paper") for seen in face.seen.connections)
    events = tuple(replace(call(number), client=ClientName(EVIL), tool=raw, summary=raw) for number in range(20))
    face.seen = replace(
        face.seen,
        pending_clients=(client,),
        pending_orders=(waiting,),
        clients=views,
        connections=connections,
        recent=events,
        hint=raw,
        orders=(waiting.order,),
    )
    face.client_tickets = {"KWMRTB": replace(client_ticket(client), warnings=(raw,), redirect_uri=raw)}
    ticket = order_ticket(waiting)
    bad = replace(ticket.checks[0], ok=False, code=EVIL, limit=EVIL, value=EVIL, message=EVIL)
    face.order_tickets = {waiting.order.order_id: replace(ticket, checks=(bad,))}
    face.answers["halt"] = refuse("INTERNAL", EVIL)
    face.answers["reduce"] = Done(EVIL)
    face.answers["host.logs"] = Done(f"{EVIL}\n{EVIL}")
    record = {"number": 1, "at": NOW.isoformat(), "kind": EVIL, "client": EVIL, "tool": EVIL, "outcome": EVIL}
    details = {"code": EVIL, "order_id": EVIL, "detail": {EVIL: EVIL, "arguments": {EVIL: [EVIL]}, "says": EVIL}}
    face.answers["audit.search"] = Done("one", [{**record, **details}])
    face.answers["audit.tail"] = Done("two", [{"tool": EVIL}, {"tool": EVIL}])
    return face


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


@pytest.mark.parametrize("keys", PLACES, ids=lambda keys: "".join(keys) or "main")
@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_hostile_text_reaches_no_cell_of_any_place(keys: tuple[str, ...], size: tuple[int, int]) -> None:
    async with seated(hostile_face(), size, ScreenSettings()) as seat:
        names = {":": "colon", " ": "space"}
        await seat.press(*(names.get(key, key) for key in keys))
        await seat.settle()
        assert_harmless(seat)
        assert all(cell_len(row) <= size[0] for row in seat.rows())
        assert "\\x1b" in seat.text or keys == ("p",)


async def test_a_hostile_paste_changes_nothing_but_the_line() -> None:
    async with seated(busy_face()) as seat:
        from textual import events

        seat.app.post_message(events.Paste("y\x1b[2Jd"))
        await seat.pilot.pause()
        await seat.press("colon")
        seat.app.post_message(events.Paste(EVIL))
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
