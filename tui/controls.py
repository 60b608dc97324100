"""What every key does: one synchronous door, so that keys act in the order in which they were pressed."""

from __future__ import annotations

from cockpit.model.clock import Clock
from cockpit.model.orders import Order, OrderId
from cockpit.operator.act import Command
from cockpit.operator.acts import DENY_CLIENT, DENY_ORDER
from cockpit.operator.view import PendingClient, PendingOrder, is_from_here
from tui.acting import Acting, Sends
from tui.asking import Asks, Entry, Question
from tui.client_form import NAME, ClientForm
from tui.closing import Closing, close_question
from tui.decisions import quit_question, still_holds
from tui.fixed_keys import Means, Where, meaning
from tui.key_map import KeyMap
from tui.line_edit import LineEdit
from tui.line_history import LineHistory
from tui.moves import Around, Moves
from tui.screen_acts import REDRAW
from tui.shown import Shown
from tui.state import Pane, Place, ScreenState, named
from tui.typed_lines import TypedLines

_DENIALS = (DENY_CLIENT, DENY_ORDER)


class Controls:
    """Keys, applied to the screen's state."""

    def __init__(
        self,
        state: ScreenState,
        sends: Sends,
        around: Around,
        clock: Clock,
        keys: KeyMap,
        shown: Shown,
        history: LineHistory | None = None,
    ) -> None:
        self.state = state
        self.keys = keys
        self._sends = sends
        self._clock = clock
        self._shown = shown
        self._moves = Moves(state, around)
        self._acting = Acting(state, sends, around, self._moves, clock, shown)
        self._typed = TypedLines(state, sends, self._acting, self._moves, history or LineHistory())
        self.say = self._acting.say
        self.complain = self._acting.complain
        self.hear = self._acting.hear
        self.go = self._moves.go
        self.escape = self._moves.escape

    def press(self, key: str, character: str | None, pressed_at: float) -> None:
        """Do what a key meant when it was pressed. The kill switch comes first, from wherever it is pressed."""
        self._shown.press(pressed_at)
        self._press(key, character)
        self._shown.pressed()

    def _press(self, key: str, character: str | None) -> None:
        state = self.state
        quits = meaning(Where.SCREEN, key) is Means.QUIT
        answers = state.entry is not None or state.question is not None
        if self.keys.kills(key):
            self._acting.looks_only() if state.read_only else self._acting.kill()
        elif self.keys.redraws(key) and not (state.entry is not None and _is_typed(key, character)):
            self._acting.do(REDRAW)
        elif quits and not (answers and (meaning(Where.LINE, key) or meaning(Where.QUESTION, key))):
            state.entry = None
            self._acting.ask(quit_question(state))
        elif state.entry is not None:
            self._typed.press(state.entry, key, character)
        elif state.question is not None:
            self._answer(state.question, key)
        else:
            self._act_or_move(key, character)

    def recheck(self) -> None:
        """Let go of what has lost its ground since it was shown: a question, a client's ticket, a message."""
        state = self.state
        asked = state.question
        if asked is not None and (gone := still_holds(state, asked, self._clock.now())):
            state.question = None
            self.complain(gone)
        if state.form is not None and state.place is Place.CLIENT:
            request = state.form.ticket.request.request_id
            if all(item.request_id != request for item in state.snapshot.pending_clients):
                self._left_behind("That client no longer waits; esc goes back.")
        if state.scopes is not None and state.place is Place.SCOPES:
            grant = state.scopes.view.grant_id
            if all(view.grant_id != grant for view in state.snapshot.clients):
                self._left_behind("That client is let in no longer.")
                self.complain("That client is let in no longer.")
        if state.entry is not None and (gone := self._acting.lost_ground(state.entry.ground)):
            state.entry.note = f"{gone} esc goes back"
        if state.message is not None and self._clock.monotonic() >= state.message.until:
            state.message = None
        if state.notice is not None and self._clock.monotonic() >= state.notice.until:
            state.notice = None

    def _left_behind(self, note: str) -> None:
        """Leave a place whose thing has gone. A line that is being typed stays: its next letters are no keys."""
        if self.state.entry is not None:
            self.state.entry.note = note
        self.state.question = None
        self.escape()

    def paste(self, text: str) -> None:
        """Take pasted text into the line that is being typed; anywhere else it is no key."""
        if (entry := self.state.entry) is not None:
            entry.type(text)

    def _answer(self, question: Question, key: str) -> None:
        means = meaning(Where.QUESTION, key)
        if means is Means.NO:
            self.state.question = None
            self.state.turn_away()
            self.say("Nothing was done.", "dim")
        elif means is Means.YES and self._shown.takes_yes(question):
            self._acting.say_yes(question)
        elif named(self.state.target) == question.about and self.keys.act_for(key, self.state) in _DENIALS:
            self.state.question = None
            self._act_or_move(key, None)

    def _act_or_move(self, key: str, character: str | None) -> None:
        state = self.state
        act, means = self.keys.act_for(key, state), meaning(Where.SCREEN, key, character)
        if act is not None:
            self._acting.do(act)
        elif means is not None:
            self._go_or_move(means)
        elif state.read_only:
            if self.keys.is_bound(key):
                self._acting.looks_only()
        elif self.keys.is_for_waiting(key) and state.place is Place.MAIN:
            self._acting.nothing_chosen()

    def _go_or_move(self, means: Means) -> None:
        state = self.state
        if means is Means.PROMPT:
            state.entry = Entry(Asks.COMMAND, ":")
        elif means is Means.HELP:
            self.go(Place.HELP)
        elif means is Means.SEARCH and state.place is Place.MAIN:
            text = state.calls.filter.text if state.calls.filter else ""
            state.entry = Entry(Asks.FILTER, "/", LineEdit.of(text))
        elif means is Means.SEARCH and state.place is Place.RECORDS:
            state.entry = Entry(Asks.RECORDS, "AUDIT", LineEdit.of(state.records_wanted))
        elif means is Means.LEAVE and state.place is Place.MAIN:
            self._acting.ask(quit_question(state))
        elif means in {Means.LEAVE, Means.BACK}:
            self.escape()
        elif means is Means.OPEN:
            self._open()
        else:
            self._moves.move(means)

    def _open(self) -> None:
        target = self.state.target
        if self._open_record():
            pass
        elif isinstance(target, PendingOrder):
            self._open_order(target.order)
        elif isinstance(target, Order) and self.state.place is Place.ORDERS:
            if is_from_here(target):
                self._open_order(target)
            else:
                self._acting.complain(target.reason)
        elif self.state.read_only:
            self._acting.looks_only()
        elif isinstance(target, PendingClient):
            self._acting.ask_code()
        elif self.state.scopes is not None and self.state.place is Place.SCOPES:
            self.state.scopes.change()
        elif isinstance(target, ClientForm):
            self._acting.edit() if target.at == NAME else target.change()
        elif self.state.place is Place.MAIN:
            self._acting.nothing_chosen()

    def _open_record(self) -> bool:
        """Open the chosen call or record, or from a record its order; False where there is none."""
        state = self.state
        call = state.calls.chosen
        if state.place is Place.MAIN and state.pane is Pane.STREAM and call is not None:
            self.go(Place.RECORD)
            self._sends.look_at_call(call)
        elif state.place in {Place.RECORDS, Place.SESSIONS} and (record := state.records.chosen) is not None:
            state.call, state.record = None, record
            self.go(Place.RECORD)
        elif state.place is Place.RECORD and state.record is not None and state.record.order_id:
            order_id = OrderId(state.record.order_id)
            if state.order_id != order_id:
                state.ticket, state.ticket_complaint = None, ""
            state.order_id = order_id
            self.go(Place.ORDER)
            self._sends.look_at_order(order_id)
        else:
            return False
        return True

    def _open_order(self, order: Order) -> None:
        if self.state.order_id != order.order_id:
            self.state.ticket, self.state.ticket_complaint = None, ""
        self.state.order_id = order.order_id
        self.go(Place.ORDER)
        self._sends.look_at_order(order.order_id)

    def open_client(self, form: ClientForm) -> None:
        """Show the request that a typed code has selected. Any other line that is typed by now stays.

        Under a question nothing moves: the request is let go of, and its code may be typed again.
        """
        if self.state.question is not None:
            self.complain("That client's request came while you were asked something; type its code again.")
            return
        if self.state.entry is not None and self.state.entry.asks is Asks.CODE:
            self.state.entry = None
        self.go(Place.CLIENT)
        self.state.form = form

    def ask_line(self, entry: Entry) -> bool:
        """Ask for a typed line, unless the operator types or answers something else by now."""
        if self.state.entry is not None or self.state.question is not None:
            return False
        self.state.message = None
        self.state.entry = entry
        return True

    def ask_to_close(self, closing: Closing, command: Command) -> None:
        """Ask whether to close a position as it was looked at, unless the operator does something else by now."""
        if self.state.entry is not None or self.state.question is not None:
            self.complain("Nothing was closed: you began something else meanwhile.")
        elif closing.refused:
            self.complain(f"✗ {closing.refused}")
        else:
            self._acting.ask(close_question(self.state, closing, command, self._clock.now()))


def _is_typed(key: str, character: str | None) -> bool:
    """Whether a key belongs to a line that is being typed."""
    return meaning(Where.LINE, key) is not None or bool(character and character.isprintable())
