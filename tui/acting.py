"""What an act does here: at once where it takes risk away, after a question or a typed word where it adds some."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

from cockpit.model.clock import Clock
from cockpit.model.events import CallFinished
from cockpit.model.latches import Latch
from cockpit.model.orders import Order, OrderId
from cockpit.model.text import counted, safe
from cockpit.operator.act import Act, Command, Danger, When, danger_of
from cockpit.operator.acts import (
    APPROVE_CLIENT,
    APPROVE_ORDER,
    ARM,
    CANCEL,
    CLIENTS,
    CLOSE,
    DENY_CLIENT,
    DENY_ORDER,
    FLATTEN,
    KILL,
    LIMITS,
    ORDERS,
    PENDING,
    POSITIONS,
    RELEASE,
    RESOLVE,
    REVOKE,
    SCOPES,
    STATUS,
)
from cockpit.operator.view import ClientView, HeldPosition, PendingClient, PendingOrder
from tui.asking import Asks, Entry, Message, Question
from tui.client_form import ClientForm
from tui.closing import close_of, flatten_label
from tui.decisions import act_question, client_question, latch_question, order_question, scope_question, still_holds
from tui.fitting import fits_here
from tui.line_edit import LineEdit
from tui.moves import Around, Moves
from tui.order_edit import EditUnfit, edited
from tui.records import WantedUnfit, search_of
from tui.rows.session_rows import WANTED as CAME_AND_WENT
from tui.rule_proposal import page, proposal
from tui.scope_form import ScopeForm
from tui.screen_acts import (
    ALWAYS,
    APPLY,
    CHOOSE_SCOPES,
    CONNECTIONS,
    COPY,
    EDIT,
    NAME,
    NOTICES,
    OF_PLACES,
    PALETTE,
    REASON,
    RECORDS,
    REDRAW,
    SCREEN_ACTS,
    SESSIONS,
    THEME,
    WRITE,
)
from tui.shown import Shown
from tui.state import Pane, Place, ScreenState, named, waiting_order
from tui.words import order_words

SHORT_SECONDS: Final = 8.0
LONG_SECONDS: Final = 30.0
MOST_COPIED: Final = 74_000
"""Bytes that a terminal's clipboard takes by OSC 52, before they are written in base 64."""
PLACES: Final[Mapping[str, Place]] = {
    CLIENTS.name: Place.CLIENTS,
    ORDERS.name: Place.ORDERS,
    POSITIONS.name: Place.HOLDINGS,
    LIMITS.name: Place.LIMITS,
    STATUS.name: Place.MAIN,
    PENDING.name: Place.MAIN,
}
"""Acts that only show something, and where the screen shows it."""
_AT_ONCE: Final = (DENY_CLIENT, DENY_ORDER, CANCEL, REVOKE, APPLY)
"""What is done to a row by one key."""
_ON_A_ROW: Final = frozenset(When) - {When.ALWAYS, When.STOPPED, When.COMMAND_LINE}


class Sends(Protocol):
    """What the controls can set in motion; none of it waits."""

    def send(self, command: Command, ground: Question | None = None) -> None: ...

    def look_at_order(self, order_id: OrderId) -> None: ...

    def look_to_close(self, command: Command) -> None: ...

    def look_at_policy(self) -> None: ...

    def look_for_client(self, code: str) -> None: ...

    def search(self, command: Command) -> None: ...

    def look_at_call(self, call: CallFinished) -> None: ...

    def write(self, file: str, text: str, *, force: bool) -> None: ...


class Acting:
    """Acts, questions and messages, applied to the screen's state."""

    def __init__(
        self, state: ScreenState, sends: Sends, around: Around, moves: Moves, clock: Clock, shown: Shown
    ) -> None:
        self._state = state
        self._sends = sends
        self._around = around
        self._moves = moves
        self._clock = clock
        self._shown = shown

    def say(self, text: str, role: str = "", seconds: float = SHORT_SECONDS) -> None:
        """Show a message in the row above the keys."""
        self._state.message = Message(text, role, self._clock.monotonic() + seconds)

    def complain(self, text: str) -> None:
        """Show what went wrong, for longer."""
        self.say(text, "bad", LONG_SECONDS)

    def hear(self, text: str, *, bad: bool) -> None:
        """Show what the host has to say: behind the answer to a key, where there is one, for as long as that takes."""
        now, message = self._clock.monotonic(), self._state.message
        self._state.notice = Message(text, "bad" if bad else "", now + (LONG_SECONDS if bad else SHORT_SECONDS))
        if message is not None:
            self._state.message = replace(message, until=min(message.until, now + SHORT_SECONDS))

    def lost_ground(self, question: Question | None) -> str:
        """Say why what was asked no longer holds; nothing while it does."""
        return "" if question is None else still_holds(self._state, question, self._clock.now())

    def send_if_it_holds(self, command: Command, ground: Question | None) -> None:
        """Send what a question was answered with, unless it has lost its ground meanwhile."""
        if gone := self.lost_ground(ground):
            self.complain(gone)
        else:
            self._sends.send(command, ground)

    def kill(self) -> None:
        """Stop everything at once."""
        self._let_go()
        self.say("Stopping everything …", "bad")
        self._sends.send(Command(KILL.name, {"reason": "operator pressed the kill key"}))

    def _let_go(self) -> None:
        """Drop what is asked, typed and looked up: a kill comes before all of it."""
        self._state.question = self._state.entry = None
        self._state.kills += 1
        self._state.turn_away()

    def nothing_chosen(self) -> None:
        """A key that needs a row was pressed without one: choose the oldest, and do nothing to it."""
        if self._state.pane is Pane.STREAM:
            self.say("Keys act on what is chosen here: tab goes to the queue.", "dim")
        elif self._state.waiting.items and self._state.waiting.chosen is None:
            self._state.waiting.move(1)
            self._shown.not_meant()
            self.say("Chosen: the oldest. Press the key again to act on it.", "dim", 3.0)

    def looks_only(self) -> None:
        """Say that this screen changes nothing."""
        self.say("This screen is read-only.", "wait")

    def is_hindered(self, *, version: bool = False, at_once: bool = True) -> bool:
        """Whether the key at hand was pressed on another row than it would act on, or on other terms; then say so."""
        hindered = self._shown.hinders(version=version, at_once=at_once)
        if hindered:
            self.say(hindered, "dim")
        return bool(hindered)

    def edit(self) -> None:
        """Begin to type the name of the client at hand, or less of the order."""
        target = self._state.target
        if isinstance(target, ClientForm):
            self._state.entry = Entry(Asks.NAME, "NAME of this client", LineEdit.of(target.name), about=named(target))
        elif (order := waiting_order(target)) is not None:
            words = order_words(order.proposed or order.request)
            self._state.entry = Entry(Asks.EDIT, f"EDIT {words}", about=named(target))

    def ask_reason(self) -> None:
        """Ask why the order at hand is rejected; it is bound to that order, whatever is chosen later."""
        target = self._state.target
        if isinstance(target, Order | PendingOrder):
            order = target if isinstance(target, Order) else target.order
            words = order_words(order.proposed or order.request)
            self._state.entry = Entry(Asks.REASON, f"WHY NOT {words}", about=str(order.order_id))

    def do(self, act: Act) -> None:
        """Carry out an act that a key means for what is at hand."""
        state, target = self._state, self._state.target
        on_a_row = act.when in _ON_A_ROW and act is not ALWAYS
        if on_a_row and self.is_hindered(version=act in (APPROVE_ORDER, EDIT), at_once=act in _AT_ONCE):
            pass
        elif act.name in PLACES:
            self._moves.go(PLACES[act.name])
            if act is LIMITS:
                self._sends.look_at_policy()
        elif act.name in SCREEN_ACTS:
            self._own(act, {})
        elif act is APPROVE_CLIENT and isinstance(target, ClientForm):
            self.ask(client_question(state, target)) if not target.complaint() else self.complain(target.complaint())
        elif act is APPROVE_CLIENT:
            self.ask_code()
        elif act is APPROVE_ORDER and isinstance(target, Order | PendingOrder):
            self.ask(order_question(state, target if isinstance(target, Order) else target.order))
        elif act is DENY_CLIENT and isinstance(target, ClientForm | PendingClient):
            request = target.ticket.request if isinstance(target, ClientForm) else target
            self._sends.send(Command(act.name, {"code": request.request_id}))
            if isinstance(target, ClientForm):
                self._moves.escape()
        elif act in (DENY_ORDER, CANCEL) and isinstance(target, Order | PendingOrder):
            order = target if isinstance(target, Order) else target.order
            self._sends.send(Command(act.name, {"order_id": str(order.order_id)}))
        elif act is REVOKE and isinstance(target, ClientView):
            self._sends.send(Command(act.name, {"client": str(target.client)}))
        elif act is RELEASE and isinstance(target, Latch):
            self.ask(latch_question(target))
        elif act is RESOLVE and isinstance(target, Order):
            self.type(f"{act.command} {target.order_id} ")
        elif act is CLOSE and isinstance(target, HeldPosition):
            self._sends.look_to_close(close_of(target))
        elif any(argument.required for argument in act.arguments):
            self.type(f"{act.command} ")
        else:
            self.run(act, Command(act.name))

    def _own(self, act: Act, given: Mapping[str, str]) -> None:
        """Do what the screen does by itself."""
        if act is PALETTE:
            self._state.entry = Entry(Asks.PALETTE, "FIND")
        elif act is RECORDS:
            self.search(given.get("wanted", "" if self._state.place is Place.SESSIONS else self._state.records_wanted))
        elif act is SESSIONS:
            self._moves.go(Place.SESSIONS)
            self._state.records.forget()
            self._sends.search(search_of(CAME_AND_WENT))
        elif act in (CONNECTIONS, NOTICES):
            self._moves.go(Place.CONNECTIONS if act is CONNECTIONS else Place.NOTICES)
        elif act in OF_PLACES:
            self._of_place(act)
        elif act is ALWAYS:
            self._propose()
        elif act is COPY:
            self._copy()
        elif act is REDRAW:
            self._around.redraw()
        elif act is THEME:
            self._choose_theme(given["theme"])
        elif act is WRITE:
            self._sends.write(given["file"], self._around.shown_as_text(given["file"]), force="force" in given)

    def _choose_theme(self, name: str) -> None:
        if words := self._around.choose_theme(name):
            self.say(words, "ok")
        else:
            self.complain(f"No theme is called “{safe(name, 40)}”; tab behind :theme names them all.")

    def _of_place(self, act: Act) -> None:
        """Do what is done to the thing at hand, or say that there is none."""
        state, target = self._state, self._state.target
        if not fits_here(act, state):
            self.complain(f"There is nothing here to {act.command}.")
        elif act in (EDIT, NAME):
            self.edit()
        elif act is REASON:
            self.ask_reason()
        elif act is APPLY and state.scopes is not None:
            self.change_scopes(state.scopes)
        elif act is CHOOSE_SCOPES and isinstance(target, ClientView):
            self._moves.go(Place.SCOPES)
            state.scopes = ScopeForm(target)

    def search(self, wanted: str) -> str:
        """Show what a search of the audit finds; return what is wrong with the words, or nothing."""
        try:
            command = search_of(wanted)
        except WantedUnfit as problem:
            self.complain(str(problem))
            return str(problem)
        self._state.records_wanted = wanted
        self._moves.go(Place.RECORDS)
        self._sends.search(command)
        return ""

    def change_scopes(self, form: ScopeForm) -> None:
        """Narrow a client at once; ask with the whole difference where something is added."""
        command = form.command()
        if not form.difference:
            self.say("Nothing would change: space toggles what the row says.", "dim")
        elif danger_of(SCOPES, command.arguments) is Danger.SAFE:
            self._sends.send(command)
            self._moves.escape()
        else:
            self.ask(scope_question(self._state, form))

    def _propose(self) -> None:
        """Show the rule that would have approved the order at hand."""
        state, target = self._state, self._state.target
        if not isinstance(target, Order | PendingOrder):
            self.complain("Choose an order first: the rule is made from it.")
            return
        order = target if isinstance(target, Order) else target.order
        pending = state.pending_order(order.order_id)
        ticket = state.ticket if state.ticket is not None and state.ticket.order.order_id == order.order_id else None
        notional = ticket.notional if ticket is not None and ticket.notional is not None else None
        block = proposal(order, ticket, notional or (pending.notional if pending else None))
        state.result, state.block = page(order, block), "\n".join(block) + "\n"
        self._moves.go(Place.RESULT)

    def _copy(self) -> None:
        """Send what is shown to the terminal's clipboard, and say what was sent."""
        text = self._around.shown_as_text("")
        cut = text.encode()[:MOST_COPIED].decode("utf-8", "ignore")
        self._around.copy(cut)
        rows = len(cut.splitlines())
        more = "" if cut == text else f"; cut off at {MOST_COPIED:,} bytes, :write FILE takes all of it"
        first = next((row.strip() for row in cut.splitlines() if row.strip()), "")
        kept = "; tmux keeps it, unless set-clipboard is on" if os.environ.get("TMUX") else ""
        sent = f"{counted(rows, 'row')}, {len(cut):,} characters, “{first[:40]}”"
        self.say(f"Sent to the terminal for its clipboard: {sent}{more}{kept}.", "ok")

    def type(self, text: str) -> None:
        """Begin a line behind the colon."""
        self._state.entry = Entry(Asks.COMMAND, ":", LineEdit.of(text))

    def run(self, act: Act, command: Command) -> None:
        """Send an act that was typed, asking first as its danger says; what only takes away is never asked."""
        danger = danger_of(act, command.arguments)
        if act.name in SCREEN_ACTS:
            self._own(act, command.arguments)
        elif act is KILL:
            self._let_go()
            self._sends.send(command)
        elif danger is Danger.TYPED:
            self._ask_word(act, command)
        elif act is CLOSE:
            self._sends.look_to_close(command)
        elif act is APPROVE_ORDER:
            self._approve_typed(command)
        elif danger is Danger.TWO_STEPS:
            self.ask(act_question(self._state, act, command))
        else:
            self._sends.send(command)

    def _ask_word(self, act: Act, command: Command) -> None:
        label = f"TYPE {act.word} to {act.help[0].lower()}{act.help[1:]}"
        if act is FLATTEN:
            label = flatten_label(self._state, command)
        elif act is ARM and (unfit := self._unarmable(command.arguments["connection"])):
            self.complain(unfit)
            return
        elif act is ARM:
            label = f"LIVE MONEY: TYPE ARM to let orders open on {safe(command.arguments['connection'], 32)}"
        if label:
            self._state.entry = Entry(Asks.WORD, label, command=command, word=act.word)
        else:
            self.complain(f"There is more than one connection; name one: {act.command} NAME")

    def _unarmable(self, name: str) -> str:
        """Say why no word is asked for to arm a connection; nothing where its money is real."""
        names = [one.name for one in self._state.snapshot.connections]
        if name not in names:
            return f"No connection is called “{safe(name, 32)}”: {', '.join(names)}."
        return (
            ""
            if self._state.is_live(name)
            else f"{name} is on paper: there is nothing to arm, orders open as they are."
        )

    def _approve_typed(self, command: Command) -> None:
        """Ask about a waiting order that was named by its id, in the same words as for a key."""
        given = command.arguments
        pending = self._state.pending_order(given["order_id"])
        if pending is None:
            self.complain("No order of that id waits.")
            return
        if "version" in given and given["version"] != str(pending.order.version):
            self.complain(f"That order stands at version {pending.order.version}, not {given['version']}; look again.")
            return
        edit = given.get("quantity", "") + (f" @ {given['limit']}" if "limit" in given else "")
        try:
            changed = edited(pending.order.proposed or pending.order.request, edit) if edit else None
        except EditUnfit as problem:
            self.complain(str(problem))
            return
        self.ask(order_question(self._state, pending.order, changed))

    def ask(self, question: Question) -> None:
        """Ask inline."""
        self._state.message = None
        self._state.question = question

    def ask_code(self) -> None:
        """Ask for the code that a client's browser shows."""
        self._state.entry = Entry(Asks.CODE, "CODE that the browser shows")

    def say_yes(self, question: Question) -> None:
        """Do what was asked about, if it still is as the words said."""
        self._state.question = None
        if gone := self.lost_ground(question):
            self.complain(gone)
        elif question.command is None:
            self._around.leave()
        else:
            self._sends.send(question.command, question)
            if self._state.place is Place.SCOPES:
                self._moves.escape()
            if isinstance(self._state.target, ClientForm):
                self._moves.escape()
