"""What every key and every typed line does: one synchronous door, so that keys act in the order they were pressed."""

from __future__ import annotations

from typing import Protocol

from cockpit.model.clock import Clock
from cockpit.model.orders import Order, OrderId
from cockpit.operator.acts import (
    APPROVE_CLIENT,
    APPROVE_ORDER,
    CANCEL,
    CLIENTS,
    DENY_CLIENT,
    DENY_ORDER,
    KILL,
    ORDERS,
    PENDING,
    POSITIONS,
    REVOKE,
    SCOPES,
    STATUS,
    Act,
    Command,
    Danger,
)
from cockpit.operator.view import ClientView, PendingClient, PendingOrder
from tui.asking import Asks, Entry, Message, Question
from tui.calls import FilterUnfit, filter_of
from tui.client_form import NAME, ClientForm
from tui.commands import LineUnfit, command_of, completed
from tui.decisions import act_question, client_question, order_question, quit_question, still_holds
from tui.key_map import KeyMap
from tui.line_edit import LineEdit
from tui.order_edit import EditUnfit, edited
from tui.state import Pane, Place, ScreenState

_SHORT_SECONDS = 8.0
_LONG_SECONDS = 30.0
_PLACES = {
    CLIENTS.name: Place.CLIENTS,
    ORDERS.name: Place.ORDERS,
    POSITIONS.name: Place.HOLDINGS,
    STATUS.name: Place.MAIN,
    PENDING.name: Place.MAIN,
}
_TEXTS = frozenset({Place.HOLDINGS, Place.RESULT, Place.HELP, Place.ORDER})
_REMEMBERED = 100


class Sends(Protocol):
    """What the controls can set in motion; none of it waits."""

    def send(self, command: Command) -> None: ...

    def look_at_order(self, order_id: OrderId) -> None: ...

    def look_for_client(self, code: str) -> None: ...


class Around(Protocol):
    """What the controls need of the screen around them."""

    def leave(self) -> None: ...

    def stream_height(self) -> int: ...


class Controls:
    """Keys and typed lines, applied to the screen's state."""

    def __init__(self, state: ScreenState, sends: Sends, around: Around, clock: Clock, keys: KeyMap) -> None:
        self.state = state
        self.keys = keys
        self._sends = sends
        self._around = around
        self._clock = clock

    # what can be said

    def say(self, text: str, role: str = "", seconds: float = _SHORT_SECONDS) -> None:
        """Show a message in the row above the keys."""
        self.state.message = Message(text, role, self._clock.monotonic() + seconds)

    def complain(self, text: str) -> None:
        """Show what went wrong, for longer."""
        self.say(text, "bad", _LONG_SECONDS)

    # keys

    def press(self, key: str, character: str | None) -> None:
        """Do what a key means now. The kill switch comes first, from wherever it is pressed."""
        state = self.state
        if self.keys.kills(key):
            self.kill()
        elif key == "ctrl+q" or (key == "ctrl+c" and not (state.entry or state.question)):
            state.entry = None
            self._ask(quit_question(state))
        elif state.entry is not None:
            self._type(state.entry, key, character)
        elif state.question is not None:
            self._answer(state.question, key)
        else:
            self._act_or_move(key, character)

    def paste(self, text: str) -> None:
        """Take pasted text into the line that is being typed; anywhere else it is no key."""
        if (entry := self.state.entry) is not None:
            entry.edit = entry.edit.typed(text)

    def kill(self) -> None:
        """Stop everything at once."""
        self.state.question = self.state.entry = None
        self.say("Stopping everything …", "bad")
        self._sends.send(Command(KILL.name, {"reason": "operator pressed the kill key"}))

    def _answer(self, question: Question, key: str) -> None:
        if key in {"n", "escape", "q", "ctrl+c"}:
            self.state.question = None
            self.say("Nothing was done.", "dim")
        elif key == "y" and question.takes_yes(self._clock.monotonic()):
            self.state.question = None
            if gone := still_holds(self.state, question):
                self.complain(gone)
            elif question.command is None:
                self._around.leave()
            else:
                self._sends.send(question.command)
                if isinstance(self.state.target, ClientForm):
                    self.escape()
        elif (act := self.keys.act_for(key, self.state)) in (DENY_CLIENT, DENY_ORDER) and act is not None:
            self.state.question = None
            self._do(act)

    def _act_or_move(self, key: str, character: str | None) -> None:
        state = self.state
        act = self.keys.act_for(key, state)
        if act is not None:
            self._do(act)
        elif key == "colon" or character == ":":
            state.entry = Entry(Asks.COMMAND, ":")
        elif key == "question_mark" or character == "?":
            self.go(Place.HELP)
        elif (key == "slash" or character == "/") and state.place is Place.MAIN:
            text = state.calls.filter.text if state.calls.filter else ""
            state.entry = Entry(Asks.FILTER, "/", LineEdit.of(text))
        elif key in {"q", "escape"}:
            self.escape() if key == "escape" or state.place is not Place.MAIN else self._ask(quit_question(state))
        elif key == "enter":
            self._open()
        elif key == "e":
            self._edit()
        elif key == "s" and isinstance(state.target, ClientView):
            state.entry = Entry(
                Asks.COMMAND, ":", LineEdit.of(f"{SCOPES.command} {_quoted(state.target.client)} --add ")
            )
        elif not self._move(key) and self.keys.is_bound(key) and state.place is Place.MAIN:
            self._nothing_chosen()

    def _nothing_chosen(self) -> None:
        """A key that needs a row was pressed without one: choose the oldest, and do nothing to it."""
        if self.state.waiting.items and self.state.waiting.chosen is None:
            self.state.waiting.move(1)
            self.say("Chosen: the oldest. Press the key again to act on it.", "dim")

    def _move(self, key: str) -> bool:
        state = self.state
        page = max(1, self._around.stream_height() - 1)
        steps = {"down": 1, "j": 1, "up": -1, "k": -1}.get(key)
        pages = {"pagedown": page, "ctrl+d": page // 2, "pageup": -page, "ctrl+u": -(page // 2)}.get(key)
        if key == "tab" and state.place is Place.MAIN:
            state.pane = Pane.STREAM if state.pane is Pane.QUEUE else Pane.QUEUE
        elif key in {"G", "f", "end"}:
            self._to_end()
        elif key in {"g", "home"}:
            self._by(-100_000)
        elif steps is not None:
            self._by(steps)
        elif pages is not None:
            if state.place is Place.MAIN:
                state.calls.scroll(pages, self._around.stream_height())
            else:
                self._by(pages)
        elif isinstance(state.target, ClientForm) and key in {"space", "left", "right"}:
            state.target.change(-1 if key == "left" else 1)
        else:
            return False
        return True

    def _by(self, steps: int) -> None:
        state = self.state
        match state.place:
            case Place.MAIN if state.pane is Pane.QUEUE:
                state.waiting.move(steps)
            case Place.MAIN:
                state.calls.scroll(steps, self._around.stream_height())
            case Place.CLIENTS:
                state.clients.move(steps)
            case Place.ORDERS:
                state.orders.move(steps)
            case Place.CLIENT if state.form is not None:
                state.form.move(steps)
            case place if place in _TEXTS:
                state.offset = max(0, state.offset + steps)

    def _to_end(self) -> None:
        if self.state.place is Place.MAIN:
            self.state.calls.follow()
        else:
            self._by(100_000)

    # places

    def go(self, place: Place) -> None:
        """Show a place from its beginning."""
        state = self.state
        if place is not state.place:
            state.back = state.place if place is Place.ORDER or place is Place.HELP else Place.MAIN
        if place is Place.CLIENTS:
            state.clients.forget()
            state.clients.take(state.snapshot.clients)
            state.clients.move(1)
        elif place is Place.ORDERS:
            state.orders.forget()
            state.orders.take(state.snapshot.orders)
            state.orders.move(1)
        state.place = place
        state.offset = 0

    def escape(self) -> None:
        """Go back one step: out of a place, then to the end of the stream, then out of the filter."""
        state = self.state
        if state.place is not Place.MAIN:
            state.place, state.back = state.back, Place.MAIN
            state.offset = 0
            state.form = None
        elif not state.calls.following:
            state.calls.follow()
        elif state.calls.filter is not None:
            state.calls.narrow(None)
        else:
            state.pane = Pane.QUEUE

    def _open(self) -> None:
        target = self.state.target
        if isinstance(target, PendingOrder):
            self._open_order(target.order)
        elif isinstance(target, Order) and self.state.place is Place.ORDERS:
            self._open_order(target)
        elif isinstance(target, PendingClient):
            self._ask_code()
        elif isinstance(target, ClientForm):
            self._edit() if target.at == NAME else target.change()
        elif self.state.place is Place.MAIN:
            self._nothing_chosen()

    def _open_order(self, order: Order) -> None:
        if self.state.order_id != order.order_id:
            self.state.ticket, self.state.ticket_complaint = None, ""
        self.state.order_id = order.order_id
        self.go(Place.ORDER)
        self._sends.look_at_order(order.order_id)

    def open_client(self, form: ClientForm) -> None:
        """Show the request that a typed code has selected."""
        self.state.entry = None
        self.go(Place.CLIENT)
        self.state.form = form

    def _ask_code(self) -> None:
        self.state.entry = Entry(Asks.CODE, "CODE that the browser shows")

    def _edit(self) -> None:
        target = self.state.target
        if isinstance(target, ClientForm):
            self.state.entry = Entry(Asks.NAME, "NAME of this client", LineEdit.of(target.name))
        elif isinstance(target, Order) and target.waits:
            self.state.entry = Entry(Asks.EDIT, "EDIT")

    # acts

    def _do(self, act: Act) -> None:
        """Carry out an act that a key means for what is at hand."""
        state, target = self.state, self.state.target
        if state.place is Place.MAIN and state.waiting.too_fresh(self._clock.monotonic()) and act.name not in _PLACES:
            self.say("That row has only just come; press again.", "dim")
        elif act.name in _PLACES:
            self.go(_PLACES[act.name])
        elif act is APPROVE_CLIENT and isinstance(target, ClientForm):
            self._ask(client_question(state, target)) if not target.complaint() else self.complain(target.complaint())
        elif act is APPROVE_CLIENT:
            self._ask_code()
        elif act is APPROVE_ORDER and isinstance(target, Order | PendingOrder):
            self._ask(order_question(state, target if isinstance(target, Order) else target.order))
        elif act is DENY_CLIENT and isinstance(target, ClientForm | PendingClient):
            request = target.ticket.request if isinstance(target, ClientForm) else target
            self._sends.send(Command(act.name, {"code": request.request_id}))
            if isinstance(target, ClientForm):
                self.escape()
        elif act in (DENY_ORDER, CANCEL) and isinstance(target, Order | PendingOrder):
            order = target if isinstance(target, Order) else target.order
            self._sends.send(Command(act.name, {"order_id": str(order.order_id)}))
        elif act is REVOKE and isinstance(target, ClientView):
            self._sends.send(Command(act.name, {"client": str(target.client)}))
        else:
            self._run(act, Command(act.name))

    def _run(self, act: Act, command: Command) -> None:
        """Send an act that was typed, asking first as its danger says; what only takes away is never asked."""
        widens = act is not SCOPES or "add" in command.arguments
        if act is KILL:
            self.state.entry = self.state.question = None
            self._sends.send(command)
        elif act.danger is Danger.TYPED:
            self.state.entry = Entry(
                Asks.WORD, f"TYPE {act.word} to {act.help[0].lower()}{act.help[1:]}", command=command, word=act.word
            )
        elif act.danger is Danger.TWO_STEPS and widens:
            self._ask(act_question(act, command))
        else:
            self._sends.send(command)

    def _ask(self, question: Question) -> None:
        self.state.message = None
        self.state.question = question

    # typed lines

    def _type(self, entry: Entry, key: str, character: str | None) -> None:
        if key in {"escape", "ctrl+c"}:
            self.state.entry, self.state.code_sought = None, ""
        elif key == "enter":
            entry.note = ""
            self._submit(entry)
        elif key in {"up", "down"} and entry.asks is Asks.COMMAND:
            self._recall(entry, -1 if key == "up" else 1)
        elif key == "tab":
            if entry.asks is Asks.COMMAND:
                entry.edit = LineEdit.of(completed(entry.edit.text))
        elif key == "backspace" and not entry.edit.text:
            self.state.entry = None
        elif (changed := entry.edit.pressed(key)) is not None:
            entry.edit = changed
        elif character is not None and character.isprintable():
            entry.edit = entry.edit.typed(character)

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
            case Asks.WORD:
                self._word(entry, text)
            case Asks.NAME:
                self._name(entry, text)
            case Asks.EDIT:
                self._edited(entry, text)

    def _command(self, entry: Entry, text: str) -> None:
        if text:
            self.state.typed[:] = [*[line for line in self.state.typed if line != text], text][-_REMEMBERED:]
        self.state.entry = None
        if text in {"q", "quit"}:
            self._ask(quit_question(self.state))
            return
        if text == APPROVE_CLIENT.command or not text:
            if text:
                self._ask_code()
            return
        try:
            act, command = command_of(text)
        except LineUnfit as problem:
            entry.note = str(problem)
            self.state.entry = entry
            return
        if act.name in _PLACES:
            self.go(_PLACES[act.name])
        elif act is APPROVE_CLIENT and len(command.arguments) == 1:
            self._sends.look_for_client(command.arguments["code"])
        else:
            self._run(act, command)

    def _recall(self, entry: Entry, steps: int) -> None:
        lines = self.state.typed
        if not lines:
            return
        at = (len(lines) if entry.history_at is None else entry.history_at) + steps
        entry.history_at = min(max(0, at), len(lines))
        entry.edit = LineEdit.of(lines[entry.history_at] if entry.history_at < len(lines) else "")

    def _filter(self, entry: Entry, text: str) -> None:
        try:
            self.state.calls.narrow(filter_of(text))
            self.state.entry = None
        except FilterUnfit as problem:
            entry.note = str(problem)

    def _word(self, entry: Entry, text: str) -> None:
        if text == entry.word and entry.command is not None:
            self.state.entry = None
            self._sends.send(entry.command)
        else:
            entry.note = f"that isn't {entry.word}"

    def _name(self, entry: Entry, text: str) -> None:
        form = self.state.form
        self.state.entry = None
        if form is not None:
            form.name = text
            if complaint := form.complaint():
                entry.note = complaint
                self.state.entry = entry if "name" in complaint else None

    def _edited(self, entry: Entry, text: str) -> None:
        target = self.state.target
        self.state.entry = None
        if not isinstance(target, Order) or not target.waits:
            self.complain("That order no longer waits.")
            return
        try:
            changed = edited(target.proposed or target.request, text)
        except EditUnfit as problem:
            entry.note = str(problem)
            self.state.entry = entry
            return
        self._ask(order_question(self.state, target, changed))


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
