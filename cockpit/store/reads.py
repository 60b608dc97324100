"""Audit records as they are looked up: by what is clear, newest or oldest first, with their seals opened."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cockpit.store.audit import AuditQuery, AuditRecord
from cockpit.store.chain import Sealer, clear_bytes
from cockpit.store.times import from_micros, to_micros

AuditRow = Sequence[Any]
"""A row of table audit without its digest: the clear columns, then the sealed detail and the hash."""
MOST: Final = 2**63 - 1

_COLUMNS: Final = "number, at, kind, client, tool, outcome, code, symbol, order_id, grant_id, duration_us, detail, hash"
_INDEXES: Final = {
    "order_id": ("audit_order", ""),
    "code": ("audit_code", ""),
    "symbol": ("audit_symbol", ""),
    "kind": ("audit_kind", "call"),
    "tool": ("audit_tool", None),
    "outcome": ("audit_outcome", None),
    "client": ("audit_client", None),
}
"""By column: its index, and the one value that the index leaves out. First those whose values tend to be rare."""
_SLIM: Final = frozenset({"order_id"})
"""Columns whose index doesn't hold the others: what is found there is told apart by reading the records."""
_READ: Final = 20
"""How many times as long reading a record takes as reading an entry of an index that holds all clear columns."""
_EQUAL: Final = (*_INDEXES, "grant_id")
_COUNTED: Final = (1_000, 100_000)
"""How far wanted values are counted: first so far, and only if that tells nothing, farther."""
_MANY: Final = 50_000
"""A span of time with more records than this is not narrowed to numbers: looking would cost more than it saves."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The one statement that finds what a query asks for; its last argument is the count."""

    sql: str
    args: tuple[object, ...]


def find_records(
    connection: sqlite3.Connection, query: AuditQuery, count: int, oldest_first: bool, sealer: Sealer | None
) -> list[AuditRecord]:
    """Return up to ``count`` records, the newest or the oldest that fit; always in ascending order.

    Without a sealer details stay closed.
    """
    plan = plan_of(connection, query, oldest_first)
    found = [record_of(row, sealer) for row in connection.execute(plan.sql, (*plan.args, count))]
    return found if oldest_first else found[::-1]


def slices(connection: sqlite3.Connection, query: AuditQuery, size: int) -> Iterator[list[AuditRow]]:
    """Yield all rows that fit, oldest first; no snapshot of the database is held between two slices."""
    terms, args = _terms(query)
    where = " AND ".join(["number > ?", *terms])
    sql = f"SELECT {_COLUMNS} FROM audit NOT INDEXED WHERE {where} ORDER BY number LIMIT ?"  # noqa: S608 - names are ours
    after = _beyond(query) - 1
    while rows := connection.execute(sql, (after, *args, size)).fetchall():
        yield rows
        after = rows[-1][0]


def plan_of(connection: sqlite3.Connection, query: AuditQuery, oldest_first: bool) -> Plan:
    """Choose the way to what is asked for, by looking how rare each wanted value is.

    Times become numbers first: each index by a value is in the chain's order, so a span of numbers is one piece of it.
    A clock that jumped back only makes that span wider; the times themselves are compared too.
    """
    low, high = _span(connection, query)
    leading = _leading(connection, query, low, high)
    order = "ASC" if oldest_first else "DESC"
    terms, args = _terms(query)
    if leading:
        terms += _usable(leading)
    where = " AND ".join(["number BETWEEN ? AND ?", *terms])
    index = _INDEXES[leading][0] if leading else "audit_clear"
    inner = f"SELECT number FROM audit INDEXED BY {index} WHERE {where} ORDER BY number {order} LIMIT ?"  # noqa: S608
    return Plan(
        f"SELECT {_COLUMNS} FROM audit WHERE number IN ({inner}) ORDER BY number {order}",  # noqa: S608
        (low, high, *args),
    )


def record_of(row: AuditRow, sealer: Sealer | None) -> AuditRecord:
    """Return a row as a record, opened where there is a sealer."""
    number, at, *texts, duration, sealed, digest = row
    kind, client, tool, outcome, code, symbol, order_id, grant_id = texts
    detail = None if sealer is None else _opened(sealer.open(sealed, clear_bytes(tuple(row)[:11])))  # type: ignore[arg-type]
    return AuditRecord(
        number=number,
        at=from_micros(at),
        kind=kind,
        client=client,
        tool=tool,
        outcome=outcome,
        code=code,
        symbol=symbol,
        order_id=order_id,
        grant_id=grant_id,
        duration_us=duration,
        detail=detail or {},
        readable=detail is not None,
        hash=digest,
    )


def _span(connection: sqlite3.Connection, query: AuditQuery) -> tuple[int, int]:
    """Return the numbers between which everything that fits must lie."""
    terms, args = _times(query)
    low, high = _beyond(query), MOST
    if not terms:
        return low, high
    within = f"SELECT number FROM audit INDEXED BY audit_at WHERE {' AND '.join(terms)} LIMIT {_MANY}"  # noqa: S608
    found = connection.execute(f"SELECT min(number), max(number), count(*) FROM ({within})", args)  # noqa: S608
    first, last, count = found.fetchone()
    if not count:
        return 1, 0
    return (max(low, first), last) if count < _MANY else (low, high)


def _beyond(query: AuditQuery) -> int:
    """Return the first number that a query may find; SQLite's integers end with the last number that there can be."""
    return min(max(query.after, 0), MOST - 1) + 1


def _leading(connection: sqlite3.Connection, query: AuditQuery, low: int, high: int) -> str:
    """Return the wanted column by whose index the search costs least; an empty text where no value is wanted."""
    wanted = [column for column, (_, left_out) in _INDEXES.items() if getattr(query, column) not in {"", left_out}]
    if len(wanted) < 2:
        return "".join(wanted)
    for bound in _COUNTED:
        costs = {column: _cost(connection, query, column, low, high, bound) for column in wanted}
        cheapest = min(costs, key=lambda column: costs[column])
        if costs[cheapest] < bound:
            return cheapest
    return next(column for column in wanted if column not in _SLIM)


def _cost(connection: sqlite3.Connection, query: AuditQuery, column: str, low: int, high: int, bound: int) -> int:
    """Return how many entries of an index have to be read at most, as far as ``bound`` of them."""
    weight = _READ if column in _SLIM else 1
    terms = [f"{column} = ?", "number BETWEEN ? AND ?", *_usable(column)]
    where = " AND ".join(terms)
    inner = f"SELECT 1 FROM audit INDEXED BY {_INDEXES[column][0]} WHERE {where} LIMIT {bound // weight}"  # noqa: S608
    (count,) = connection.execute(f"SELECT count(*) FROM ({inner})", (getattr(query, column), low, high)).fetchone()  # noqa: S608
    return count * weight


def _usable(column: str) -> list[str]:
    """Return what SQLite has to be told to use an index that leaves one value out."""
    left_out = _INDEXES[column][1]
    return [] if left_out is None else [f"{column} <> '{left_out}'"]


def _terms(query: AuditQuery) -> tuple[list[str], list[object]]:
    terms, args = _times(query)
    for column in _EQUAL:
        wanted = getattr(query, column)
        if wanted:
            terms.append(f"{column} = ?")
            args.append(wanted)
    return terms, args


def _times(query: AuditQuery) -> tuple[list[str], list[object]]:
    terms: list[str] = []
    args: list[object] = []
    if query.since is not None:
        terms.append("at >= ?")
        args.append(to_micros(query.since))
    if query.until is not None:
        terms.append("at < ?")
        args.append(to_micros(query.until))
    return terms, args


def _opened(text: bytes | None) -> dict[str, object] | None:
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
