"""What is kept of each sending, so that an order which the broker doesn't show afterwards can be judged."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from cockpit.model.money import plain
from cockpit.model.orders import OrderId
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write

SELECT_SENT: Final = "SELECT at, held, acknowledged FROM sent WHERE order_id = ?"


@dataclass(frozen=True, slots=True)
class Sent:
    """One sending."""

    at: datetime
    held: Decimal
    """What the account held of the instrument just before; below zero where it was short."""
    acknowledged: bool
    """Whether the broker ever said that it has the order: then it can't have been lost on the way."""


def insert_sent(order_id: OrderId, at: datetime, held: Decimal) -> Write:
    """Write a sending, in the unit that makes the intent durable."""
    return Write(
        "INSERT OR REPLACE INTO sent (order_id, at, held) VALUES (?, ?, ?)", (order_id, to_micros(at), plain(held))
    )


def mark_acknowledged(order_id: OrderId) -> Write:
    """Write that the broker has the order."""
    return Write("UPDATE sent SET acknowledged = 1 WHERE order_id = ?", (order_id,))


def sent_of(row: sqlite3.Row) -> Sent:
    """Read a sending."""
    return Sent(from_micros(row["at"]), Decimal(row["held"]), bool(row["acknowledged"]))
