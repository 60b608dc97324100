"""Where a paper account outlives the process: its events, and snapshots so that few have to be read again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Final

from cockpit.brokers.paper.book import PaperOrder, State
from cockpit.brokers.paper.engine import Step, apply
from cockpit.brokers.paper.events import PaperEvent
from cockpit.brokers.paper.records import (
    event_kind,
    event_text,
    order_text,
    prepare,
    read_event,
    read_execution,
    read_order,
    read_state,
    state_text,
)
from cockpit.brokers.paper.rules import Rules
from cockpit.model.money import plain
from cockpit.model.orders import DONE, Execution, OrderRef
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import Write

EVENTS_A_SNAPSHOT: Final = 200
KEPT: Final = 1000
"""Ended orders that stay in memory at a snapshot; older ones are in the database alone."""

_EVENT: Final = "INSERT INTO paper_events (connection, number, at, kind, body) VALUES (?, ?, ?, ?, ?)"
_NEW_ORDER: Final = (
    "INSERT INTO paper_orders (changed_by, place, ended, body, connection, reference) VALUES (?, ?, ?, ?, ?, ?)"
)
_OLD_ORDER: Final = (
    "UPDATE paper_orders SET changed_by = ?, place = ?, ended = ?, body = ? WHERE connection = ? AND reference = ?"
)
_EXECUTION: Final = (
    "INSERT INTO paper_executions"
    " (connection, reference, number, execution_id, symbol, side, quantity, price, fee, at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SNAPSHOT: Final = (
    "INSERT INTO paper_snapshots (connection, number, body) VALUES (?, ?, ?)"
    " ON CONFLICT (connection) DO UPDATE SET number = excluded.number, body = excluded.body"
)
_POINT: Final = (
    "INSERT INTO paper_equity (connection, at, equity) VALUES (?, ?, ?)"
    " ON CONFLICT (connection, at) DO UPDATE SET equity = excluded.equity"
)
_ENDED: Final = (
    "SELECT reference, body FROM paper_orders WHERE connection = ? AND ended = 1 AND changed_by <= ?"
    " ORDER BY changed_by DESC, place DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Point:
    """What the account was worth at a moment."""

    at: datetime
    equity: Decimal


@dataclass(frozen=True, slots=True)
class Applied:
    """An event, and what it led to."""

    event: PaperEvent
    step: Step


async def opened(store: Store, connection: str, cash: Decimal, now: datetime) -> datetime:
    """Open an account with ``cash`` unless there is one; return when it was opened."""
    await store.commit(
        [
            Write(
                "INSERT OR IGNORE INTO paper_accounts (connection, opened_at, cash) VALUES (?, ?, ?)",
                (connection, to_micros(now), plain(cash)),
            ),
            Write(
                "INSERT INTO paper_equity (connection, at, equity) SELECT connection, opened_at, cash"
                " FROM paper_accounts WHERE connection = ? AND connection NOT IN (SELECT connection FROM paper_equity)",
                (connection,),
            ),
        ]
    )
    rows = await store.rows("SELECT opened_at FROM paper_accounts WHERE connection = ?", (connection,))
    return from_micros(rows[0]["opened_at"])


class Journal:
    """The durable side of one account. What it returns and what the database holds are always the same account."""

    def __init__(self, store: Store, connection: str, rules: Rules) -> None:
        self._store = store
        self._connection = connection
        self._rules = rules

    async def load(self) -> State:
        """Return the account as it was left."""
        prepare()
        state = await self._snapshot()
        rows = await self._store.rows(
            "SELECT kind, body FROM paper_events WHERE connection = ? AND number > ? ORDER BY number",
            (self._connection, state.number),
        )
        for row in rows:
            state = apply(self._rules, state, read_event(row["kind"], row["body"])).state
        return state

    async def write(self, state: State, applied: Sequence[Applied], points: Sequence[Point] = ()) -> State:
        """Make events durable that were applied to ``state`` in turn, and what the account was worth meanwhile.

        Returns the account after them. Raises what `Store.commit` raises; nothing is written then.
        """
        writes: list[Write] = []
        before = state
        for each in applied:
            writes.extend(self._writes(before, each))
            before = each.step.state
        after = before
        if after.number // EVENTS_A_SNAPSHOT != state.number // EVENTS_A_SNAPSHOT:
            after = forgotten(after)
            writes.append(Write(_SNAPSHOT, (self._connection, after.number, state_text(after))))
        writes.extend(Write(_POINT, (self._connection, to_micros(each.at), plain(each.equity))) for each in points)
        await self._store.commit(writes)
        return after

    async def executions(self, since: datetime) -> tuple[Execution, ...]:
        """Return every fill since then, oldest first."""
        rows = await self._store.rows(
            "SELECT * FROM paper_executions WHERE connection = ? AND at >= ? ORDER BY at, reference, number",
            (self._connection, to_micros(since)),
        )
        return tuple(read_execution(row) for row in rows)

    async def points(self, since: datetime, count: int) -> tuple[Point, ...]:
        """Return up to ``count`` recorded worths since then, the newest, oldest first."""
        rows = await self._store.rows(
            "SELECT at, equity FROM paper_equity WHERE connection = ? AND at >= ? ORDER BY at DESC LIMIT ?",
            (self._connection, to_micros(since), count),
        )
        return tuple(Point(from_micros(row["at"]), Decimal(row["equity"])) for row in reversed(rows))

    async def last_point(self) -> datetime:
        """Return when the account's worth was last recorded: at its opening, if not since."""
        rows = await self._store.rows(
            "SELECT max(at) AS at FROM paper_equity WHERE connection = ?", (self._connection,)
        )
        return from_micros(rows[0]["at"])

    def _writes(self, before: State, applied: Applied) -> Iterator[Write]:
        event, step = applied.event, applied.step
        number = step.state.number
        yield Write(_EVENT, (self._connection, number, to_micros(event.at), event_kind(event), event_text(event)))
        for place, order in enumerate(step.changed):
            known = before.open.get(order.reference)
            yield Write(
                _NEW_ORDER if known is None else _OLD_ORDER,
                (number, place, int(order.state in DONE), order_text(order), self._connection, order.reference),
                expect=1,
            )
            yield from self._executions(order, 0 if known is None else len(known.executions))

    def _executions(self, order: PaperOrder, written: int) -> Iterator[Write]:
        for number, execution in enumerate(order.executions[written:], written + 1):
            yield Write(
                _EXECUTION,
                (
                    self._connection,
                    order.reference,
                    number,
                    execution.execution_id,
                    execution.symbol,
                    execution.side,
                    plain(execution.quantity),
                    plain(execution.price),
                    plain(execution.fee),
                    to_micros(execution.at),
                ),
            )

    async def _snapshot(self) -> State:
        rows = await self._store.rows("SELECT body FROM paper_snapshots WHERE connection = ?", (self._connection,))
        if rows:
            state = read_state(rows[0]["body"])
            return replace(state, ended=await self._ended(state.number))
        accounts = await self._store.rows("SELECT cash FROM paper_accounts WHERE connection = ?", (self._connection,))
        return State.opened(Decimal(accounts[0]["cash"]))

    async def _ended(self, number: int) -> dict[OrderRef, PaperOrder]:
        newest = (self._connection, number, KEPT)
        executions: defaultdict[str, list[Execution]] = defaultdict(list)
        for row in await self._store.rows(
            f"SELECT * FROM paper_executions WHERE connection = ? AND reference IN (SELECT reference FROM ({_ENDED}))"  # noqa: S608 - text of ours alone
            " ORDER BY reference, number",
            (self._connection, *newest),
        ):
            executions[row["reference"]].append(read_execution(row))
        orders = await self._store.rows(_ENDED, newest)
        return {
            OrderRef(row["reference"]): read_order(row["body"], tuple(executions[row["reference"]]))
            for row in reversed(orders)
        }


def forgotten(state: State) -> State:
    """Return the account with its newest ended orders alone."""
    surplus = len(state.ended) - KEPT
    return state if surplus <= 0 else replace(state, ended=dict(islice(state.ended.items(), surplus, None)))
