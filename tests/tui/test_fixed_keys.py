"""One table of keys: whatever a key does anywhere, it is that of an act or a fixed one; acts can be moved, others not."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

import pytest

from cockpit.model.events import CallFinished
from cockpit.model.identity import Scope
from cockpit.model.orders import AT_BROKER, OrderId, OrderState
from cockpit.operator.act import Act, Command
from cockpit.operator.acts import KILL
from tests.tui.fake_face import NOW, FakeClock, busy_face, client_ticket, order, order_ticket, troubled_face
from tui.asking import Asks, Entry, Question
from tui.calls import CallHistory
from tui.cells import Span
from tui.client_form import ClientForm
from tui.controls import Controls
from tui.fixed_keys import FIXED, OF_LINES, RESERVED, Where
from tui.key_map import KeyMap
from tui.records import Record, records_of
from tui.rows.help_rows import help_rows
from tui.scope_form import ScopeForm
from tui.screen_acts import APPLY, KNOWN, REDRAW
from tui.shown import Shown
from tui.state import Pane, Place, ScreenState

NAMED = ["up", "down", "left", "right", "home", "end", "pageup", "pagedown", "tab", "shift+tab", "enter", "escape"]
NAMED += [
    "space",
    "backspace",
    "delete",
    "insert",
    "colon",
    "slash",
    "question_mark",
    "semicolon",
    "comma",
    "full_stop",
]
NAMED += ["minus", "plus", "equals_sign", "at", "number_sign", "asterisk", "exclamation_mark", "underscore"]
EVERY_KEY = [
    *string.ascii_letters, *string.digits, *NAMED, *(f"f{number}" for number in range(1, 13)),
    *(f"ctrl+{letter}" for letter in string.ascii_lowercase), *(f"alt+{letter}" for letter in string.ascii_lowercase),
]  # fmt: skip
CHARACTERS = {"colon": ":", "slash": "/", "question_mark": "?", "space": " "}


@dataclass
class Told:
    """Notes what a key sets in motion."""

    done: list[object] = field(default_factory=list)

    def send(self, command: Command, ground: Question | None = None) -> None:
        self.done.append(command)

    def search(self, command: Command) -> None:
        self.done.append(command)

    def look_at_policy(self) -> None:
        self.done.append("policy")

    def look_to_close(self, command: Command) -> None:
        self.done.append(command)

    def look_at_order(self, order_id: OrderId) -> None:
        self.done.append(order_id)

    def look_for_client(self, code: str) -> None:
        self.done.append(code)

    def look_at_call(self, call: CallFinished) -> None:
        self.done.append(call.number)

    def write(self, file: str, text: str, *, force: bool, keep: bool = False) -> None:
        self.done.append(file)

    def leave(self) -> None:
        self.done.append("left")

    def stream_height(self) -> int:
        return 10

    def shown_as_text(self, file: str) -> str:
        return "text"

    def redraw(self) -> None:
        self.done.append("redrawn")

    def copy(self, text: str) -> None:
        self.done.append("copied")

    def choose_theme(self, name: str) -> str:
        return ""


class Rig:
    """The controls over a state, without a terminal; every key is pressed long after all was drawn."""

    def __init__(self, place: Place, pane: Pane = Pane.QUEUE, wanted: Mapping[str, str] | None = None) -> None:
        face = troubled_face()
        unknown = replace(order(7, "claude", "buy 1 ALFA"), state=OrderState.UNKNOWN, decide_by=None)
        works = replace(unknown, order_id=OrderId("o-works"), state=OrderState.WORKING)
        face.seen = replace(face.seen, orders=(*face.seen.orders, unknown, works), positions=busy_face().seen.positions)
        self.told, self.clock = Told(), FakeClock()
        self.state = ScreenState(face.seen, CallHistory(100))
        self.state.take(face.seen)
        self.state.calls.extend(face.seen.recent)
        self.state.waiting.move(1)
        self.shown = Shown(self.state)
        self.keys = KeyMap(wanted or {})
        self.controls = Controls(self.state, self.told, self.told, self.clock, self.keys, self.shown)
        self._enter(place, pane)
        self._draw()

    def _enter(self, place: Place, pane: Pane) -> None:
        state = self.state
        self.controls.go(place)
        state.pane = pane
        if place is Place.CLIENT:
            asking = state.snapshot.pending_clients[0]
            state.form = ClientForm("KWMRTB", client_ticket(asking))
        if place is Place.SCOPES:
            state.scopes = ScopeForm(state.snapshot.clients[0])
            state.scopes.chosen ^= {Scope.READ_RESEARCH}
        if place is Place.ORDER:
            waiting = state.snapshot.pending_orders[0]
            state.order_id, state.ticket = waiting.order.order_id, order_ticket(waiting)
        if place in {Place.RECORDS, Place.SESSIONS}:
            state.records.take(_records())
            state.records.move(1)
        if place is Place.RECORD:
            state.record = _records()[0]

    def _draw(self) -> None:
        self.shown.draw_cursor()
        self.shown.draw_question()
        frame = self.shown.take_frame()
        if frame is not None:
            self.shown.reached(frame, self.clock.monotonic())
        self.clock.pass_by(5)

    def looks(self) -> str:
        """Say all that a key may have changed: the state, what was set in motion, and the message."""
        state = self.state
        rows = [(rows.chosen_key, rows.top) for rows in (state.waiting, state.clients, state.orders, state.positions)]
        rows += [(state.latches.chosen_key, 0), (state.records.chosen_key, 0)]
        seen = [getattr(state, one.name) for one in fields(state) if one.name in _PLAIN]
        forms = [
            state.form and (state.form.row, state.form.chosen),
            state.scopes and (state.scopes.row, state.scopes.chosen),
        ]
        calls = state.calls.chosen, state.calls.following, state.calls.filter
        return repr((rows, seen, forms, calls, self.told.done))

    def press(self, key: str) -> bool:
        """Press a key; whether anything came of it."""
        before = self.looks()
        self.controls.press(key, CHARACTERS.get(key, key if len(key) == 1 else None), self.clock.monotonic())
        return self.looks() != before


_PLAIN = ("place", "back", "pane", "order_id", "question", "entry", "message", "offset", "result", "block")
PLACES = [(place, Pane.QUEUE) for place in Place] + [(Place.MAIN, Pane.STREAM)]


def _records() -> tuple[Record, ...]:
    row = {"number": 5, "at": NOW.isoformat(), "kind": "call", "client": "claude", "tool": "get_quote", "outcome": "ok"}
    return records_of([row, {**row, "number": 4, "order_id": "o-1"}])


def of_table(where: Where) -> set[str]:
    return {key for one in FIXED if one.where is where for key in one.keys}


def of_acts(keys: KeyMap) -> set[str]:
    return {key for key in EVERY_KEY if keys.is_bound(key) or keys.kills(key)}


@pytest.mark.parametrize(("place", "pane"), PLACES, ids=lambda one: one.value)
def test_whatever_a_key_does_in_a_place_is_an_acts_or_a_fixed_keys(place: Place, pane: Pane) -> None:
    found = {key for key in EVERY_KEY if Rig(place, pane).press(key)}
    known = of_table(Where.SCREEN) | of_acts(KeyMap({}))
    assert found <= known
    assert {"ctrl+k", "q", "colon", "ctrl+p"} <= found, "the rig sees what keys do"


def test_while_a_question_is_open_only_its_answers_count_and_the_ways_out() -> None:
    found = set[str]()
    for key in EVERY_KEY:
        rig = Rig(Place.MAIN)
        rig.state.question = Question("DO", (Span("it?"),), None, painted_at=0.0)
        if rig.press(key):
            found.add(key)
    assert found <= of_table(Where.QUESTION) | {KILL.key, REDRAW.key, "ctrl+q"}
    assert {"y", "n"} <= found


@pytest.mark.parametrize("asks", list(Asks), ids=lambda one: one.value)
def test_while_a_line_is_typed_no_key_does_anything_but_type_or_edit(asks: Asks) -> None:
    for key in EVERY_KEY:
        rig = Rig(Place.MAIN)
        rig.state.entry = Entry(asks, "X", about="o-1")
        rig.press(key)
        if key not in OF_LINES | {KILL.key, "ctrl+q"}:
            assert rig.told.done == (["redrawn"] if key == REDRAW.key else [])
            assert rig.state.entry is not None
            typed = CHARACTERS.get(key, key if len(key) == 1 else "")
            code = typed.upper() if typed.isalpha() else ""
            assert rig.state.entry.edit.text == (code if asks is Asks.CODE else typed)


ACTS_WITH_KEYS = [act for act in KNOWN.values() if act.key and act is not KILL]


def at_work(act: Act, keys: Mapping[str, str]) -> list[Rig]:
    """Return a rig for every place where the act has a key now."""
    rigs = [Rig(place, pane, keys) for place, pane in PLACES]
    for rig in rigs:
        if rig.state.place is Place.ORDERS:
            rig.state.orders.chosen_key = next(
                (
                    str(one.order_id) for one in rig.state.orders.items
                    if (one.state is OrderState.UNKNOWN) == (act.name == "order.resolve") and one.state in AT_BROKER
                ),
                None,
            )  # fmt: skip
            rig._draw()
    return [rig for rig in rigs if rig.keys.act_for(keys.get(act.name, act.key), rig.state) is act]


@pytest.mark.parametrize("act", ACTS_WITH_KEYS, ids=lambda act: act.name)
def test_every_key_of_an_act_can_be_moved_and_footer_and_help_say_so(act: Act) -> None:
    assert any(rig.press(act.key) for rig in at_work(act, {}))
    moved = at_work(act, {act.name: "f5"})
    assert moved, "there is a place where it works"
    for rig in moved:
        assert rig.keys.complaints == []
        assert rig.keys.act_for(act.key, rig.state) is not act
        shown = [hint.key for hint in rig.keys.hints(rig.state)]
        assert "f5" in shown or act.when.value == "always"
    assert any(rig.press("f5") for rig in moved)
    page = "\n".join("".join(span.text for span in line.spans) for line in help_rows(KeyMap({act.name: "f5"}), 80))
    assert " f5" in page


@pytest.mark.parametrize("act", [act for act in ACTS_WITH_KEYS if act.changes], ids=lambda act: act.name)
def test_a_screen_that_only_looks_has_no_key_that_changes_anything(act: Act) -> None:
    for rig in at_work(act, {}):
        rig.state.read_only = True
        assert rig.keys.act_for(act.key, rig.state) is not act
        before = list(rig.told.done)
        rig.press(act.key)
        assert rig.told.done == before or not any(isinstance(one, Command) for one in rig.told.done)
        assert rig.state.question is None
        assert all(hint.word not in {act.command, "approve", "deny"} for hint in rig.keys.hints(rig.state))


@pytest.mark.parametrize("key", sorted(RESERVED))
def test_a_fixed_key_is_no_acts(key: str) -> None:
    keys = KeyMap({"halt": key, "kill": key})
    assert len(keys.complaints) == 2
    assert not keys.kills(key)


@pytest.mark.parametrize("key", ["K", "1", "backspace", "ctrl+w"])
def test_no_key_that_types_is_the_kill_switch(key: str) -> None:
    keys = KeyMap({"kill": key})
    assert not keys.kills(key)
    assert "typed in lines" in keys.complaints[0]


def test_keys_that_would_mean_two_acts_on_one_row_are_told() -> None:
    keys = KeyMap({"order.resolve": "x", "screen.edit": "d", "latch.release": "x", "screen.scopes": "a"})
    assert [one.split(":")[1].split()[0] for one in keys.complaints] == ["'x'", "'d'", "'a'"]
    assert keys.act_for("x", Rig(Place.LIMITS, wanted={"latch.release": "x"}).state) is KNOWN["latch.release"]


def test_an_act_of_a_place_that_is_typed_elsewhere_says_that_there_is_nothing() -> None:
    rig = Rig(Place.LIMITS)
    rig.controls._acting.run(APPLY, Command(APPLY.name))
    assert rig.state.message is not None
    assert "nothing here to apply" in rig.state.message.text
