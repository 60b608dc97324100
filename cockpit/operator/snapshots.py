"""What the screen shows, made from what every room has in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from cockpit.brokers.base import BrokerStatus
from cockpit.desk.arming import Arming
from cockpit.desk.connections import Connection
from cockpit.desk.groups import worth
from cockpit.desk.last_look import unready
from cockpit.desk.read_only import ReadOnlyClients
from cockpit.desk.rules import CHANGE_WAITS, WAITS
from cockpit.desk.surroundings import of_others
from cockpit.model.identity import Grant, Scope
from cockpit.model.orders import DONE, Order
from cockpit.model.text import Safe, safe
from cockpit.operator.counters import CallCounter
from cockpit.operator.holdings import Holdings
from cockpit.operator.letting_in import pending_of
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.view import (
    NOT_FROM_HERE,
    ClientView,
    ConnectionView,
    LimitUse,
    PendingOrder,
    PresenceView,
    Snapshot,
)
from cockpit.settings.approval import OperatorLost

_ORDERS_SHOWN: Final = 200
_ELSEWHERE: Final = Safe("Sent from elsewhere: nothing here changes or cancels it; that is done where it was placed.")


class Snapshots:
    """Makes snapshots of the rooms."""

    def __init__(self, rooms: OperatorRooms, url: str, counter: CallCounter, holdings: Holdings) -> None:
        self._rooms = rooms
        self._url = url
        self._counter = counter
        self._holdings = holdings
        self._read_only = ReadOnlyClients(rooms.settings.clients)

    def now(self, version: int, limits: tuple[LimitUse, ...], hint: Safe | None) -> Snapshot:
        """Return how everything stands; ``limits`` are what was last counted, ``hint`` a line to the operator."""
        rooms = self._rooms
        known = list(rooms.book.all())
        open_orders = sorted((one for one in known if one.state not in DONE), key=_made, reverse=True)
        today = rooms.clock.now().date()
        ended = sorted((one for one in known if one.state in DONE and one.changed_at.date() == today), key=_made)
        return Snapshot(
            version,
            rooms.clock.now(),
            self._url,
            rooms.switch.stands,
            tuple(_connection_view(one, one.broker.status(), rooms.arming) for one in rooms.connections),
            tuple(pending_of(one) for one in rooms.authority.waiting()),
            tuple(self._pending_order(one) for one in sorted(rooms.book.waiting(), key=_asked)),
            tuple(self._client_view(grant) for grant in rooms.authority.grants()),
            (*open_orders, *reversed(ended))[:_ORDERS_SHOWN],
            self._holdings.positions,
            self._holdings.balances,
            self._counter.counters(),
            self._counter.recent(),
            hint,
            notices=rooms.feed.notices,
            latches=rooms.oversight.latches.all(),
            presence=self._presence(),
            limits=limits,
            unheard=self._holdings.unheard,
            others=self._others(),
        )

    def _others(self) -> tuple[Order, ...]:
        """Return the open orders of others, as old as the comparison that found them."""
        shown: list[Order] = []
        for connection in self._rooms.connections:
            at = connection.heard.compared_at or self._rooms.clock.now()
            for one in self._rooms.decisions.reconciler.not_ours(connection.name):
                shown.append(replace(of_others(connection.name, one, at), client=NOT_FROM_HERE, reason=_ELSEWHERE))
        return tuple(shown[:_ORDERS_SHOWN])

    def _presence(self) -> PresenceView:
        presence = self._rooms.presence
        matters = presence.on_lost is OperatorLost.HALT or self._rooms.rulebook.approves
        return PresenceView(presence.present, presence.screens, presence.on_lost, presence.lets_rules_approve, matters)

    def _pending_order(self, order: Order) -> PendingOrder:
        legs = self._rooms.book.together(order)
        until = order.decide_by or order.changed_at
        return PendingOrder(order, _why(order), worth(legs), until, legs if len(legs) > 1 else ())

    def _client_view(self, grant: Grant) -> ClientView:
        authority, grant = self._rooms.authority, self._read_only.without_writes(grant)
        tally = self._counter.of(grant.client)
        return ClientView(
            grant.client,
            grant.client_id,
            grant.grant_id,
            grant.via,
            grant.host,
            tuple(scope for scope in Scope if scope in grant.scopes),
            grant.connection,
            grant.made_at,
            grant.expires_at,
            authority.touched(grant.grant_id),
            tally.calls,
            tally.denied,
            grant.suspended,
            self._rooms.shadows.of(grant.client),
            grant.made_by,
            authority.last_address(grant.grant_id),
            tuple((one.scope, one.until) for one in grant.timed),
        )


def _connection_view(connection: Connection, status: BrokerStatus, arming: Arming) -> ConnectionView:
    settings, quote, armed = connection.settings, connection.heard.quote, arming.armed(connection.name)
    why_not = unready(connection)
    return ConnectionView(
        connection.name,
        status.kind,
        settings.mode,
        status.account,
        status.link,
        status.latency_ms,
        settings.trade,
        safe(status.note),
        connection.heard.compared_at,
        None if quote is None else quote.data_type,
        "" if quote is None else safe(quote.source, 40),
        None if quote is None else quote.as_of,
        None if armed is None else armed.until,
        Safe("") if why_not is None else safe(why_not.message),
    )


def _why(order: Order) -> Safe:
    """Say why an order needs a human: the rule that caught it, or what else happened to it."""
    usual, why = (WAITS, "every order asks you")
    if order.proposed is not None:
        usual, why = (CHANGE_WAITS, "a change that raises risk")
        why = f"{why}; the rule {order.rule} asks" if order.rule else why
    why = why if order.reason in {usual, ""} else order.reason.removeprefix("Waits for the operator: ")
    return safe(f"{why}; shadow of {order.shadow_of}" if order.shadow_of else why)


def _made(order: Order) -> tuple[datetime, str]:
    return order.made_at, order.order_id


def _asked(order: Order) -> tuple[datetime, str]:
    return order.changed_at if order.proposed is not None else order.made_at, order.order_id
