"""Typed lines: the code, the command, the filter, the word, the name, the edit and the reason."""

from __future__ import annotations

from typing import Final

from cockpit.operator.act import Command
from cockpit.operator.acts import APPROVE_CLIENT, DENY_ORDER, LIMITS
from tui.acting import PLACES, Acting, Sends
from tui.asking import Asks, Entry
from tui.calls import FilterUnfit, filter_of
from tui.commands import LineUnfit, command_of
from tui.completing import completion
from tui.decisions import order_question, quit_question
from tui.finding import found_by
from tui.fixed_keys import Means, Where, meaning
from tui.line_edit import LineEdit
from tui.line_history import LineHistory
from tui.moves import Moves
from tui.order_edit import EditUnfit, edited
from tui.state import ScreenState, waiting_order
from tui.totp_prompt import command_with

_LONGEST_REASON: Final = 200
_COMPLETES: Final = frozenset({Means.COMPLETE, Means.COMPLETE_BACK})


class TypedLines:
    """Keys while a line is being typed, and what the line does once it is entered."""

    def __init__(self, state: ScreenState, sends: Sends, acting: Acting, moves: Moves, history: LineHistory) -> None:
        self._state = state
        self._sends = sends
        self._acting = acting
        self._moves = moves
        self._history = history

    def press(self, entry: Entry, key: str, character: str | None) -> None:
        """Take one key."""
        means = meaning(Where.LINE, key)
        if means is Means.DROP:
            self._state.entry = None
            self._state.turn_away()
        elif means is Means.ENTER:
            entry.note = ""
            self._submit(entry)
        elif means in {Means.OLDER, Means.NEWER} and entry.asks is Asks.COMMAND:
            self._recall(entry, -1 if means is Means.OLDER else 1)
        elif means in {Means.OLDER, Means.NEWER} and entry.asks is Asks.PALETTE:
            entry.place += -1 if means is Means.OLDER else 1
        elif means in _COMPLETES:
            if entry.asks is Asks.COMMAND:
                self._complete(entry, -1 if means is Means.COMPLETE_BACK else 1)
        elif key == "backspace" and not entry.edit.text:
            self._state.entry = None
        elif (changed := entry.edit.pressed(key)) is not None:
            entry.edit = changed
            if entry.asks is Asks.CODE:
                entry.note = ""
        elif character is not None and character.isprintable():
            entry.type(character)
        if means not in _COMPLETES and entry.asks is Asks.COMMAND:
            self._offer(entry)
        elif entry.asks is Asks.PALETTE:
            entry.place = min(max(0, entry.place), max(0, len(found_by(entry.edit.text, self._state.read_only)) - 1))

    def _submit(self, entry: Entry) -> None:
        text = entry.edit.text.strip()
        match entry.asks:
            case Asks.CODE:
                if text:
                    self._sends.look_for_client(text)
            case Asks.COMMAND:
                self._command(entry, text)
            case Asks.FILTER:
                self._filter(entry, text)
            case Asks.RECORDS:
                self._state.entry = None
                if complaint := self._acting.search(text):
                    entry.note, self._state.entry = complaint, entry
            case Asks.WORD:
                self._word(entry, text)
            case Asks.NAME:
                self._name(entry, text)
            case Asks.EDIT:
                self._edited(entry, text)
            case Asks.REASON:
                self._reason(entry, text)
            case Asks.PALETTE:
                self._take(entry, text)
            case Asks.TOTP:
                command = command_with(entry, text) if text else None
                if command is not None:
                    self._state.entry = None
                    self._acting.send_if_it_holds(command, entry.ground)

    def _command(self, entry: Entry, text: str) -> None:
        if text:
            self._history.add(text)
        self._state.entry = None
        if text in {"q", "quit"}:
            self._acting.ask(quit_question(self._state))
            return
        if not text:
            return
        if text == APPROVE_CLIENT.command and not self._state.read_only:
            self._acting.ask_code()
            return
        try:
            act, command = command_of(text)
        except LineUnfit as problem:
            entry.note = str(problem)
            self._state.entry = entry
            return
        if act.changes and self._state.read_only:
            self._acting.looks_only()
        elif any(argument.kind == "secret" for argument in act.arguments):
            entry.note = f"not here, where it can be read: cockpit {act.command}, on the command line"
            entry.edit = LineEdit()
            self._state.entry = entry
        elif act.name in PLACES and act is not LIMITS:
            self._moves.go(PLACES[act.name])
        elif act is APPROVE_CLIENT and len(command.arguments) == 1:
            self._sends.look_for_client(command.arguments["code"])
        else:
            self._acting.run(act, command)

    def _take(self, entry: Entry, text: str) -> None:
        """Run what the palette has found, or begin its line where it needs words."""
        found = found_by(text, self._state.read_only)
        if not found:
            entry.note = "nothing is called so"
            return
        act = found[min(entry.place, len(found) - 1)]
        if any(argument.required for argument in act.arguments):
            self._acting.type(f"{act.command} ")
        else:
            self._command(Entry(Asks.COMMAND, ":", LineEdit.of(act.command)), act.command)

    def _offer(self, entry: Entry) -> None:
        entry.offered_at = None
        entry.offers = completion(entry.edit.text, self._state).candidates if entry.edit.text else ()

    def _complete(self, entry: Entry, steps: int) -> None:
        """Complete as far as it is certain; pressed again, put one candidate after the other there."""
        entry.note = ""
        if entry.offered_at is None:
            entry.before_offers = entry.edit.text
        found = completion(entry.before_offers, self._state)
        if not found.candidates:
            return
        further = found.as_far_as_certain(entry.before_offers)
        if entry.offered_at is None and further != entry.before_offers:
            entry.edit = LineEdit.of(further)
            self._offer(entry)
            return
        at = entry.offered_at
        entry.offered_at = (
            (0 if steps > 0 else -1) % len(found.candidates) if at is None else (at + steps) % len(found.candidates)
        )
        entry.offers = found.candidates
        entry.edit = LineEdit.of(found.line(entry.offered_at).rstrip(" "))

    def _recall(self, entry: Entry, steps: int) -> None:
        lines = self._history.lines
        if not lines:
            return
        at = (len(lines) if entry.history_at is None else entry.history_at) + steps
        entry.history_at = min(max(0, at), len(lines))
        entry.edit = LineEdit.of(lines[entry.history_at] if entry.history_at < len(lines) else "")

    def _filter(self, entry: Entry, text: str) -> None:
        try:
            self._state.calls.narrow(filter_of(text))
            self._state.entry = None
        except FilterUnfit as problem:
            entry.note = str(problem)

    def _word(self, entry: Entry, text: str) -> None:
        if text == entry.word and entry.command is not None:
            self._state.entry = None
            self._sends.send(entry.command)
        else:
            entry.note = f"that isn't {entry.word}"

    def _name(self, entry: Entry, text: str) -> None:
        form = self._state.form
        self._state.entry = None
        if form is not None and form.ticket.request.request_id == entry.about:
            form.name = text
            if complaint := form.complaint():
                entry.note = complaint
                self._state.entry = entry if "name" in complaint else None

    def _reason(self, entry: Entry, text: str) -> None:
        if len(text) > _LONGEST_REASON:
            entry.note = f"at most {_LONGEST_REASON} letters"
            return
        self._state.entry = None
        if self._state.pending_order(entry.about) is None:
            self._acting.complain("That order no longer waits.")
        else:
            arguments = {"order_id": entry.about, "reason": text}
            self._sends.send(Command(DENY_ORDER.name, arguments if text else {"order_id": entry.about}))

    def _edited(self, entry: Entry, text: str) -> None:
        order = waiting_order(self._state.target)
        self._state.entry = None
        if order is None or order.order_id != entry.about:
            self._acting.complain("That order no longer waits.")
            return
        try:
            changed = edited(order.proposed or order.request, text)
        except EditUnfit as problem:
            entry.note = str(problem)
            self._state.entry = entry
            return
        if self._acting.is_hindered(version=True):
            entry.note, self._state.entry = "that order has only just changed; look, and press ⏎ again", entry
            return
        self._acting.ask(order_question(self._state, order, changed))
