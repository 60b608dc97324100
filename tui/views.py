"""What each part of the screen shows: from the state and the time to lines, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final

from cockpit.model.clock import Clock
from cockpit.model.orders import OrderId
from cockpit.model.text import safe
from tui.asking import Message
from tui.cells import Line, Span, heading
from tui.key_map import KeyMap
from tui.rows.call_row import stream_title
from tui.rows.client_ticket import client_ticket_rows
from tui.rows.connection_rows import connection_rows
from tui.rows.help_rows import help_rows
from tui.rows.limit_rows import limit_rows
from tui.rows.lists import client_list_rows, holding_rows
from tui.rows.notice_rows import notice_rows
from tui.rows.order_list import order_list_rows
from tui.rows.order_ticket import order_ticket_rows
from tui.rows.prompt_rows import entry_rows, hint_rows, key_row, message_rows, question_rows
from tui.rows.record_rows import call_rows, record_list_rows, record_rows
from tui.rows.result_rows import result_rows
from tui.rows.scope_ticket import scope_ticket_rows
from tui.rows.session_rows import session_rows
from tui.rows.side_rows import side_rows
from tui.rows.status_row import status_marks, status_row
from tui.rows.waiting_row import currency_of, waiting_rows
from tui.shown import Shown
from tui.state import Pane, Place, ScreenState

_WHOLE: Final = 2_000
"""Rows of a place that is taken whole."""


def _away_words(state: ScreenState) -> str:
    presence = state.snapshot.presence
    if presence is not None and presence.rules_approve:
        return "You count as away; rules approve by themselves all the same, as settings say."
    if state.read_only:
        return "You count as away: rules approve nothing; keys on this screen don't count."
    return "You count as away: rules approve nothing until a key is pressed."


class Views:
    """Makers of lines, one for each part."""

    def __init__(self, state: ScreenState, keys: KeyMap, clock: Clock, zone: tzinfo | None, shown: Shown) -> None:
        self._state = state
        self._keys = keys
        self._clock = clock
        self._zone = zone
        self._shown = shown

    def status(self, width: int, height: int) -> Sequence[Line]:
        """Draw the first row."""
        state = self._state
        marks = status_marks(state)
        return [status_row(state.snapshot, marks, self._clock.now(), width, self._zone)]

    def queue(self, width: int, height: int) -> Sequence[Line]:
        """Draw what waits."""
        self._shown.draw_cursor()
        return self._queue(width, height)

    def _queue(self, width: int, height: int) -> Sequence[Line]:
        state = self._state
        active = state.pane is Pane.QUEUE
        return waiting_rows(state.waiting, state.snapshot, self._clock.now(), active, width, height)

    def stream_title(self, width: int, height: int) -> Sequence[Line]:
        """Draw the stream's title."""
        state = self._state
        active = state.pane is Pane.STREAM
        return [stream_title(state.calls, state.snapshot.counters, active, state.slowed_to, width)]

    def rule(self, width: int, height: int) -> Sequence[Line]:
        """Draw what parts the side from the rest."""
        return [Line((Span("│", "rule"),))] * height

    def side(self, width: int, height: int) -> Sequence[Line]:
        """Draw the chosen thing in detail."""
        state = self._state
        call = state.calls.chosen
        if state.pane is Pane.STREAM and call is not None:
            known = state.call is not None and state.call.number == call.number
            return (self.record(width) if known else call_rows(call, "", width, self._zone))[:height]
        return side_rows(state, self._clock.now(), width, height, self._zone)

    def hint(self, width: int, height: int) -> Sequence[Line]:
        """Draw the host's hint."""
        hint = self._state.snapshot.hint
        return hint_rows(hint, width) if hint else []

    def prompt(self, width: int, height: int) -> Sequence[Line]:
        """Draw the question, the typed line or the message."""
        self._shown.draw_question()
        return self.foot(width)

    def foot(self, width: int) -> Sequence[Line]:
        """Make the rows above the keys."""
        state = self._state
        if state.entry is not None:
            return entry_rows(state.entry, width, looks_only=state.read_only, enter=self._keys.enter)
        if state.question is not None:
            return question_rows(state.question, self._clock.now(), width)
        message = state.message or state.notice
        if message is None and state.is_away:
            message = Message(_away_words(state), "wait", 0)
        return message_rows(message, width)

    def keys(self, width: int, height: int) -> Sequence[Line]:
        """Draw the keys that are valid here."""
        return [key_row(self._keys.hints(self._state), width)]

    def full(self, width: int, height: int) -> Sequence[Line]:
        """Draw the place that fills the screen."""
        self._shown.draw_cursor()
        return self._full(width, height)

    def _full(self, width: int, height: int) -> Sequence[Line]:
        state, now = self._state, self._clock.now()
        match state.place:
            case Place.CLIENTS:
                return client_list_rows(state.clients, now, width, height)
            case Place.ORDERS:
                return order_list_rows(state.orders, state.snapshot, now, width, height, self._zone)
            case Place.CLIENT if state.form is not None:
                rows, at = client_ticket_rows(state.form, state.snapshot.connections, now, width, self._zone)
                state.offset = max(0, min(at - height + 2, len(rows) - height))
            case Place.SCOPES if state.scopes is not None:
                rows = scope_ticket_rows(state.scopes, state.alike(state.scopes.view), now, width)
            case Place.ORDER:
                rows = self._order(width)
            case Place.HOLDINGS:
                seen = state.snapshot
                return holding_rows(state.positions, seen.balances, now, width, height, seen.unheard)
            case Place.LIMITS:
                rows = limit_rows(state.latches, state.snapshot, state.policy, width, self._zone)
            case Place.NOTICES:
                rows = notice_rows(state.snapshot.notices, now, width, self._zone)
            case Place.RESULT:
                rows = result_rows(state.result, width, height)
            case Place.RECORDS:
                wanted, complaint = state.records_wanted, state.records_complaint
                return record_list_rows(state.records, wanted, complaint, "AUDIT", now, width, height, self._zone)
            case Place.SESSIONS:
                clients, complaint = state.snapshot.clients, state.records_complaint
                return session_rows(
                    clients, state.calls.rates, state.records, complaint, now, width, height, self._zone
                )
            case Place.CONNECTIONS:
                rows = connection_rows(state.snapshot, now, width, self._zone)
            case Place.RECORD:
                rows = self.record(width)
            case Place.HELP:
                rows = help_rows(self._keys, width, state)
            case _:
                rows = []
        return self._scrolled(rows, width, height)

    def record(self, width: int) -> list[Line]:
        """Draw the record at hand, or what the stream knows of the call whose record it is."""
        state = self._state
        if (record := state.record) is not None:
            order = state.order(OrderId(record.order_id)) if record.order_id else None
            return record_rows(record, () if order is None else order.checks, self._clock.now(), width, self._zone)
        if state.call is not None:
            return call_rows(state.call, state.record_complaint, width, self._zone)
        return []

    def as_text(self, width: int, stream: Sequence[Line]) -> str:
        """Say in plain text what is shown, whole even where it is longer than the screen."""
        state = self._state
        if state.place is Place.MAIN:
            queue = self._queue(width, len(state.waiting.items) + 2)
            lines = [*self.status(width, 1), *queue, *self.stream_title(width, 1), *stream]
        else:
            at = state.offset
            lines = [*self._full(width, _WHOLE)]
            state.offset = at
        rows = ["".join(span.text for span in line.spans).rstrip() for line in lines]
        kept = [row for place, row in enumerate(rows) if row or (place and rows[place - 1])]
        return "\n".join(safe(row, 2000) for row in kept).strip("\n") + "\n"

    def _order(self, width: int) -> list[Line]:
        state = self._state
        ticket = state.ticket
        if ticket is None or ticket.order.order_id != state.order_id:
            text = state.ticket_complaint or "looking up price and checks …"
            return [heading([Span(" ORDER", "title")], (), width), Line(), Line((Span(f"  {text}", "dim"),))]
        order = ticket.order
        connection = next((seen for seen in state.snapshot.connections if seen.name == order.connection), None)
        currency = currency_of(state.snapshot, order.connection)
        pending = state.pending_order(order.order_id)
        return order_ticket_rows(ticket, pending, connection, currency, self._clock.now(), width, self._zone)

    def _scrolled(self, rows: list[Line], width: int, height: int) -> list[Line]:
        """Cut a long text to its place; the last row tells that there is more."""
        state = self._state
        state.offset = min(state.offset, max(0, len(rows) - height))
        shown = rows[state.offset : state.offset + height]
        below = len(rows) - state.offset - height
        if below > 0 and shown:
            shown[-1] = heading([Span(f" {below + 1} more rows, j k", "wait")], (), width)
        return shown
