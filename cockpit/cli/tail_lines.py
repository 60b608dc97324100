"""Events in words: one plain line each, for screen readers and pipes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cockpit.model.events import (
    CallFinished,
    ClientAsked,
    ClientAskEnded,
    Event,
    GrantChanged,
    GrantEnded,
    LatchChanged,
    LinkChanged,
    Notice,
    OrderChanged,
    RequestsTurnedAway,
    SwitchMoved,
)
from cockpit.model.identity import scope_text
from cockpit.model.money import plain
from cockpit.model.orders import Order
from cockpit.model.text import safe
from cockpit.operator.remote.codec import tagged
from cockpit.operator.view import PendingClient, PendingOrder, Snapshot

LONGEST: Final = 1000
"""Characters of a line."""


def line_of(event: Event, seen: Snapshot) -> str:
    """Say what happened in a line; ``seen`` is a snapshot that shows it already."""
    return safe(f"{_time(event.at)} {_said(event, seen)}", LONGEST)


def waiting_lines(seen: Snapshot) -> Iterator[str]:
    """Say what waits for the operator now, and how each is decided on."""
    for client in seen.pending_clients:
        yield safe(f"{_time(client.asked_at)} {_asks(client)}", LONGEST)
    for waiting in seen.pending_orders:
        yield safe(f"{_time(waiting.order.changed_at)} {_waits(waiting.order, waiting)}", LONGEST)


def missed_line(count: int, at: datetime) -> str:
    """Say that events were dropped because nobody read fast enough."""
    return f"{_time(at)} missed {count} events; `cockpit audit tail` has the calls and decisions among them"


def json_of(event: Event) -> dict[str, object]:
    """Return an event as ``--json`` writes it: its name, and its fields."""
    ((name, value),) = tagged(event).items()
    return {"event": name, "is": value}


def waiting_json(seen: Snapshot) -> Iterator[dict[str, object]]:
    """Return what waits for the operator as ``--json`` writes it."""
    for one in (*seen.pending_clients, *seen.pending_orders):
        yield {"event": "Waits", "is": one}


def _said(event: Event, seen: Snapshot) -> str:
    match event:
        case CallFinished():
            code = f" {event.code}" if event.code else ""
            what = f" {event.summary}" if event.summary else ""
            return f"call {event.client} {event.tool} {event.outcome}{code}{what} {event.duration_ms:.0f} ms"
        case OrderChanged():
            waiting = next((one for one in seen.pending_orders if one.order.order_id == event.order.order_id), None)
            return _waits(event.order, waiting) if event.order.waits else _order(event.order)
        case ClientAsked():
            client = next((one for one in seen.pending_clients if one.request_id == event.request_id), None)
            return f"client request {event.request_id} asks" if client is None else _asks(client)
        case ClientAskEnded():
            return f"client request {event.request_id} ended: {event.how}"
        case GrantChanged():
            scopes = next((one.scopes for one in seen.clients if one.grant_id == event.grant_id), ())
            return f"client {event.client} may now: {scope_text(frozenset(scopes)) or 'nothing'}"
        case GrantEnded():
            return f"client {event.client} ended: {event.reason}"
        case SwitchMoved():
            reason = f": {event.switch.reason}" if event.switch.reason else ""
            return f"trading {event.switch.state}{reason}"
        case LinkChanged():
            return f"connection {event.connection} {event.link}{f': {event.reason}' if event.reason else ''}"
        case LatchChanged():
            how = f"latched: {event.latch.reason}. Decide: cockpit release {event.latch.latch_id}"
            return f"limit {event.latch.latch_id} {how if event.is_set else 'released'}"
        case Notice():
            return f"{'NOTICE' if event.bad else 'notice'} {event.text}"
        case RequestsTurnedAway():
            return f"turned away {event.count} requests without authority"
    return type(event).__name__


def _order(order: Order) -> str:
    filled = f", {plain(order.filled)} filled" if order.filled else ""
    at = "" if order.average_price is None else f" at {plain(round(order.average_price, 6))}"
    reason = f": {order.reason}" if order.reason else ""
    return f"order {order.client} {order.request.words()} {order.state}{filled}{at} {order.order_id}{reason}"


def _waits(order: Order, waiting: PendingOrder | None) -> str:
    wanted = order.proposed or order.request
    instead = f" instead of {order.request.words()}" if order.proposed is not None else ""
    why = f" because {waiting.why}" if waiting is not None and waiting.why else ""
    until = f" until {_time(order.decide_by)}" if order.decide_by is not None else ""
    return (
        f"WAITS order {order.client} on {order.connection}: {wanted.words()}{instead}{why}{until}. Decide: "
        f"cockpit approve-order {order.order_id} --version {order.version}, or cockpit deny-order {order.order_id}"
    )


def _asks(client: PendingClient) -> str:
    return (
        f"WAITS client at {client.host}, claims to be {client.claimed_name}, from {client.address}, asks for "
        f"{scope_text(frozenset(client.asked)) or 'nothing'} until {_time(client.decide_by)}. Decide: cockpit approve "
        f"CODE, with the code that its browser shows, or cockpit deny {client.request_id}"
    )


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S}Z"
