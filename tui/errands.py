"""What the screen asks of the face: commands and looks, each in a task of its own, so that no key ever waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final, Protocol, TypeVar

from cockpit.model.clock import Clock
from cockpit.model.events import CallFinished
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Mender, Refusal, refuse
from cockpit.model.text import counted, safe
from cockpit.operator.act import Command, Done
from cockpit.operator.acts import ACTS, EXPIRE, LOGS, SCOPES
from cockpit.operator.face import Face
from cockpit.operator.view import PendingOrder
from tui.asking import Asks, Entry, Question
from tui.client_form import ClientForm
from tui.closing import Closing, closing_of, look_at
from tui.decisions import still_holds
from tui.policy import looks_for, policy_of
from tui.records import Record, records_of, search_for
from tui.rows.result_rows import texts_of
from tui.state import Pane, Place, ScreenState
from tui.text_file import write_text
from tui.totp_prompt import AGAIN, code_for, finish_of

LOG = logging.getLogger(__name__)

_TICKET_SECONDS = 2.0
_PARTING_SECONDS = 2.0
_SENTENCE = (SCOPES, EXPIRE)
"""Acts whose sentence says it all; the authorities beside it are for programs."""

T = TypeVar("T")


_MENDED: Final = {
    Mender.CLIENT: " The client has to mend it.",
    Mender.BROKER: " The broker has to mend it.",
    Mender.HOST: " The host has to mend it; its log (L) may say more.",
}


class Told(Protocol):
    """Who is told how an errand went."""

    def say(self, text: str, role: str = "") -> None: ...

    def complain(self, text: str) -> None: ...

    def go(self, place: Place) -> None: ...

    def open_client(self, form: ClientForm) -> None: ...

    def ask_line(self, entry: Entry) -> bool: ...

    def ask_to_close(self, closing: Closing, command: Command) -> None: ...


class Errands:
    """Runs commands and looks. A command is carried through even when the screen ends meanwhile."""

    def __init__(self, face: Face, state: ScreenState, clock: Clock, changed: Callable[[], None]) -> None:
        self._face = face
        self._state = state
        self._clock = clock
        self._changed = changed
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = False
        self._looked_for: tuple[OrderId, int] | None = None
        """The order and the version of the last look that was made for a change."""
        self._looked_at = float("-inf")
        self.told: Told | None = None

    def send(self, command: Command, ground: Question | None = None) -> None:
        """Send a command; a screen that only looks sends none that changes anything.

        ``ground``: the question that it answers. Where that no longer holds once a code is due, no code is asked for;
        nor after a kill.
        """
        if self._state.read_only and ACTS[command.act].changes:
            LOG.error("a read-only screen tried %s", command.act)
        else:
            self._start(self._send(command, ground))

    def look_at_order(self, order_id: OrderId) -> None:
        """Price and check an order for its ticket."""
        self._state.order_id = order_id
        self._start(self._look(order_id))

    def keep_looking_at(self, order_id: OrderId, version: int | None, *, once_more: bool) -> None:
        """Look at an order that isn't looked at yet, at once at a new version, or once more when the last look is old."""
        ticket = self._state.ticket
        same = ticket is not None and ticket.order.order_id == order_id and self._state.order_id == order_id
        fresh = self._clock.monotonic() - self._looked_at < _TICKET_SECONDS
        changed = version is not None and (order_id, version) != self._looked_for
        if self._looking or not (changed or (once_more and not fresh)):
            return
        self._looked_for = (order_id, version or 0)
        if not same:
            self._state.ticket, self._state.ticket_complaint = None, ""
        self.look_at_order(order_id)

    def keep_in_view(self, *, wide: bool, once_more: bool) -> None:
        """Keep the ticket in view fresh: the open one, or on a wide screen that of the chosen order beside the queue."""
        state = self._state
        chosen = state.waiting.chosen
        call = state.calls.chosen
        if state.place is Place.MAIN and wide and state.pane is Pane.STREAM and call is not None:
            self.look_at_call(call)
        if state.place is Place.ORDER and state.order_id is not None:
            order = state.order(state.order_id)
            self.keep_looking_at(state.order_id, None if order is None else order.version, once_more=once_more)
        elif state.place is Place.MAIN and wide and isinstance(chosen, PendingOrder):
            self.keep_looking_at(chosen.order.order_id, chosen.order.version, once_more=once_more)

    def look_at_policy(self) -> None:
        """Ask for every limit and rule, for the place that shows them."""
        self._start(self._look_at_policy())

    def look_to_close(self, command: Command) -> None:
        """Look at what closing a position would send, and ask about it."""
        self._state.close_sought = command
        self._start(self._look_to_close(command))

    def look_for_client(self, code: str) -> None:
        """Select the request whose browser shows the code."""
        self._state.code_sought = code
        self._start(self._find(code))

    def search(self, command: Command) -> None:
        """Search the audit for what the list of records shows."""
        self._start(self._search(command))

    def look_at_call(self, call: CallFinished) -> None:
        """Find the record of a call."""
        state = self._state
        if state.call is not None and state.call.number == call.number:
            return
        state.call, state.record, state.record_complaint = call, None, ""
        self._start(self._look_at_call(call))

    def write(self, file: str, text: str, *, force: bool) -> None:
        """Write what is shown to a file of the operator's."""
        self._start(self._write(file, text, force=force))

    async def finish(self) -> None:
        """Give what is under way a moment to come to its end."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_PARTING_SECONDS)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, command: Command, ground: Question | None) -> None:
        kills = self._state.kills
        answer = await _guarded(self._face.run(command), command.act)
        if self.told is None:
            return
        act = ACTS[command.act]
        if isinstance(answer, Refusal):
            gone = "" if ground is None else still_holds(self._state, ground, self._clock.now())
            again = answer.code in AGAIN and not gone and kills == self._state.kills
            if not again or not self.told.ask_line(code_for(command, answer, ground)):
                self.told.complain(gone or _words(answer))
        elif texts := texts_of(act.command, answer, sentence=act in _SENTENCE):
            self._state.result, self._state.block = texts, _link_of(answer)
            self.told.go(Place.RESULT)
            if act is LOGS:
                self._state.offset = len(texts)  # the newest are last
            if act.finished_by:
                self.told.ask_line(finish_of(act))
        else:
            self.told.say(answer.says, "ok")
        if self._state.place is Place.LIMITS:
            self.look_at_policy()
        self._changed()

    async def _look(self, order_id: OrderId) -> None:
        self._looking = True
        try:
            ticket = await _guarded(self._face.order_ticket(order_id), "order ticket")
        finally:
            self._looking = False
            self._looked_at = self._clock.monotonic()
        if self._state.order_id != order_id:
            return
        if isinstance(ticket, Refusal):
            self._state.ticket_complaint = _words(ticket)
        else:
            self._state.ticket, self._state.ticket_complaint = ticket, ""
            # What is decided on as a group has one ticket: that of its first order.
            self._state.order_id = ticket.order.order_id
        self._changed()

    async def _look_at_policy(self) -> None:
        answers: list[tuple[str, Command, Done]] = []
        complaint = ""
        for client, command in looks_for(self._state.snapshot):
            answer = await _guarded(self._face.run(command), command.act)
            if isinstance(answer, Refusal):
                complaint = _words(answer)
            else:
                answers.append((client, command, answer))
        self._state.policy = policy_of(answers, complaint)
        self._changed()

    async def _look_to_close(self, command: Command) -> None:
        answer = await _guarded(self._face.run(look_at(command)), "look at a position")
        if self.told is None or self._state.close_sought is not command:
            return
        self._state.close_sought = None
        closing = None if isinstance(answer, Refusal) else closing_of(answer.data)
        if isinstance(answer, Refusal):
            by_hand = answer.who_can_fix is Mender.CLIENT
            self.told.complain(f"✗ {answer.code}: {answer.message}" if by_hand else _words(answer))
        elif closing is None:
            self.told.complain("That position could not be looked at.")
        else:
            self.told.ask_to_close(closing, command)
        self._changed()

    async def _search(self, command: Command) -> None:
        answer = await _guarded(self._face.run(command), command.act)
        state = self._state
        if isinstance(answer, Refusal):
            state.records_complaint = _words(answer)
            found: tuple[Record, ...] = ()
        else:
            state.records_complaint, found = "", records_of(answer.data)
        state.records.forget()
        state.records.take(found)
        state.records.move(1)
        self._changed()

    async def _look_at_call(self, call: CallFinished) -> None:
        answer = await _guarded(self._face.run(search_for(call)), "a call's record")
        state = self._state
        if state.call is None or state.call.number != call.number:
            return
        if isinstance(answer, Refusal):
            state.record_complaint = _words(answer)
        else:
            state.record = next((one for one in records_of(answer.data) if one.number == call.number), None)
            state.record_complaint = "" if state.record else "Its record isn't found."
        self._changed()

    async def _write(self, file: str, text: str, *, force: bool) -> None:
        complaint = await asyncio.to_thread(write_text, file, text, force=force)
        if self.told is not None:
            if complaint:
                self.told.complain(complaint)
            else:
                self.told.say(f"{counted(len(text.splitlines()), 'row')} written to {safe(file, 120)}.", "ok")
        self._changed()

    async def _find(self, code: str) -> None:
        ticket = await _guarded(self._face.client_ticket(code), "client ticket")
        state = self._state
        if self.told is None or state.code_sought != code:
            return
        state.code_sought = ""
        if not isinstance(ticket, Refusal):
            self.told.open_client(ClientForm(code, ticket))
        elif state.entry is not None and state.entry.asks is Asks.CODE:
            state.entry.note = _words(ticket)
        else:
            self.told.complain(_words(ticket))
        self._changed()


async def _guarded(work: Awaitable[T | Refusal], what: str) -> T | Refusal:
    """Wait for the face; what nobody planned is logged and shown as a refusal, and the screen lives on."""
    try:
        return await work
    except Exception:
        LOG.exception("%s failed", what)
        return refuse("INTERNAL")


def _link_of(answer: Done) -> str:
    """Return the link that an answer is about, which is copied alone; nothing where there is none."""
    link = answer.data.get("link") if isinstance(answer.data, dict) else None
    return f"{safe(link, 2000)}\n" if isinstance(link, str) else ""


def _words(refusal: Refusal) -> str:
    """Say a refusal: its code, what is wrong, and who can mend it where that isn't whoever reads it."""
    return f"✗ {refusal.code}: {refusal.message}{_MENDED.get(refusal.who_can_fix, '')}"
