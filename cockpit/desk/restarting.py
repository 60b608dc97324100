"""Orders that waited while the host stopped and started: they go on waiting, but no old look approves them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from cockpit.desk.book import Book
from cockpit.desk.entries import order_entry
from cockpit.model.clock import Clock
from cockpit.model.text import Safe
from cockpit.store.writes import StoreBusy, StoreUnavailable

RESTARTED: Final = Safe("The host restarted while it waited.")


async def mark_waiting(book: Book, clock: Clock) -> int:
    """Give every waiting order, and every waiting change, a new version that says so; return how many there are.

    Called once, before anybody can decide. A disk that takes nothing doesn't keep the host from starting.
    """
    waiting = [*book.waiting(), *book.unconfirmed()]
    for order in waiting:
        async with book.alone(order.order_id):
            after = replace(order, version=order.version + 1, reason=RESTARTED, changed_at=clock.now())
            entry = order_entry(after, "order.waited_over_restart", "")
            with suppress(StoreUnavailable, StoreBusy):
                await book.move(order, after, [entry], even_if_not_durable=True)
    return len(waiting)
