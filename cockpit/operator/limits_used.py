"""How far each limit is used up now, on every connection and for every client, from memory alone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from decimal import Decimal
from typing import Final

from cockpit.desk.connections import Connection
from cockpit.desk.oversight import LimitLeft
from cockpit.model.identity import ClientName
from cockpit.operator.rooms import OperatorRooms
from cockpit.operator.view import HeldPosition, LimitUse

_OF_CLIENTS: Final = frozenset({"max_daily_orders", "max_daily_notional"})
"""Limits that each client has for itself; the others are shared by all clients of a connection."""


def limits_used(
    rooms: OperatorRooms, positions: Sequence[HeldPosition], unheard: Container[str]
) -> tuple[LimitUse, ...]:
    """Return each connection's limits, then those of each client that is bound to it.

    Of positions, where nobody knows what is held (``unheard``), nothing is said.
    """
    grants = rooms.authority.grants()
    uses: list[LimitUse] = []
    for connection in rooms.connections:
        open_orders = sum(1 for one in rooms.book.open() if one.connection == connection.name)
        shared = rooms.oversight.left(connection, "", open_orders).limits
        uses += _uses(connection, "", (row for row in shared if row.name not in _OF_CLIENTS))
        if connection.name not in unheard:
            uses += _largest_position(rooms, connection, positions)
        for client in sorted({grant.client for grant in grants if grant.connection == connection.name}):
            own = rooms.oversight.left(connection, client, open_orders).limits
            uses += _uses(connection, client, (row for row in own if row.name in _OF_CLIENTS))
    return tuple(uses)


def _uses(connection: Connection, client: str, rows: Iterable[LimitLeft]) -> list[LimitUse]:
    return [
        LimitUse(connection.name, ClientName(client), row.name, Decimal(row.limit), Decimal(row.used)) for row in rows
    ]


def _largest_position(
    rooms: OperatorRooms, connection: Connection, positions: Sequence[HeldPosition]
) -> list[LimitUse]:
    held = [one.position for one in positions if one.connection == connection.name]
    largest = max(held, key=lambda position: abs(position.quantity), default=None)
    most = rooms.oversight.limits.policy(connection).max_position
    used, symbol = (Decimal(0), "") if largest is None else (abs(largest.quantity), largest.symbol)
    return [LimitUse(connection.name, ClientName(""), "max_position", most, used, symbol)]
