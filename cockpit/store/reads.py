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
    "symbol": ("audit_symbol", ""),
    "code": ("audit_code", ""),
    "kind": ("audit_kind", "call"),
    "outcome": ("audit_outcome", "ok"),
    "client": ("audit_client", None),
    "tool": ("audit_tool", None),
}
"""By column: its index, and the one value that the index leaves out."""
_EQUAL: Final = (*_INDEXES, "grant_id")
_FEW: Final = 2_000
"""So many records may be looked at one by one where they lie; more are told apart in the slim index first."""

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
    after = query.after
    while rows := connection.execute(sql, (after, *args, size)).fetchall():
        yield rows
        after = rows[-1][0]


def plan_of(connection: sqlite3.Connection, query: AuditQuery, oldest_first: bool) -> Plan:
    """Choose the way to what is asked for, by looking how rare each wanted value is.

    Times become numbers first: each index by a value is in the chain's order, so a span of numbers is one piece of it.
    A clock that jumped back only makes that span wider; the times themselves are compared too.
    """
    low, high = _span(connection, query)
    rarest = _rarest(connection, query, low, high)
    order = "ASC" if oldest_first else "DESC"
    terms, args = _terms(query)
    if rarest:
        terms += _usable(rarest)
    where = " AND ".join(["number BETWEEN ? AND ?", *terms])
    index = _INDEXES[rarest][0] if rarest else "audit_clear"
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
    low, high = query.after + 1, MOST
    if not terms:
        return low, high
    within = f"SELECT number FROM audit INDEXED BY audit_at WHERE {' AND '.join(terms)} LIMIT {_MANY}"  # noqa: S608
    found = connection.execute(f"SELECT min(number), max(number), count(*) FROM ({within})", args)  # noqa: S608
    first, last, count = found.fetchone()
    if not count:
        return 1, 0
    return (max(low, first), last) if count < _MANY else (low, high)


def _rarest(connection: sqlite3.Connection, query: AuditQuery, low: int, high: int) -> str:
    """Return the wanted column whose value stands in the fewest records, if it is in few; else an empty text."""
    rarest, fewest = "", _FEW
    for column, (index, left_out) in _INDEXES.items():
        wanted = getattr(query, column)
        if not wanted or wanted == left_out:
            continue
        terms = [f"{column} = ?", "number BETWEEN ? AND ?", *_usable(column)]
        inner = f"SELECT 1 FROM audit INDEXED BY {index} WHERE {' AND '.join(terms)} LIMIT {fewest}"  # noqa: S608
        (count,) = connection.execute(f"SELECT count(*) FROM ({inner})", (wanted, low, high)).fetchone()  # noqa: S608
        if count < fewest:
            rarest, fewest = column, count
        if not fewest:
            break
    return rarest


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
