"""Audit records as they are looked up: by what is clear, newest or oldest first, with their seals opened."""

from __future__ import annotations

import json
import sqlite3
from typing import Final

from cockpit.store.audit import AuditQuery, AuditRecord
from cockpit.store.chain import Sealer, clear_bytes
from cockpit.store.times import from_micros, to_micros

_COLUMNS: Final = "number, at, kind, client, tool, outcome, code, symbol, order_id, grant_id, duration_us, detail, hash"
_EQUAL: Final = ("kind", "client", "tool", "outcome", "code", "symbol", "order_id", "grant_id")


def find_records(
    connection: sqlite3.Connection, query: AuditQuery, count: int, oldest_first: bool, sealer: Sealer
) -> list[AuditRecord]:
    """Return up to ``count`` records, the newest or the oldest that fit; always in ascending order."""
    terms, args = ["number > ?"], [query.after]
    for column in _EQUAL:
        wanted = getattr(query, column)
        if wanted:
            # The second comparison lets SQLite use the index that leaves empty values out.
            terms.append(f"{column} = ? AND {column} <> ''")
            args.append(wanted)
    if query.since is not None:
        terms.append("at >= ?")
        args.append(to_micros(query.since))
    if query.until is not None:
        terms.append("at < ?")
        args.append(to_micros(query.until))
    order = "ASC" if oldest_first else "DESC"
    sql = f"SELECT {_COLUMNS} FROM audit WHERE {' AND '.join(terms)} ORDER BY number {order} LIMIT ?"  # noqa: S608 - names are ours
    found = [_record(row, sealer) for row in connection.execute(sql, (*args, count))]
    return found if oldest_first else found[::-1]


def _record(row: sqlite3.Row, sealer: Sealer) -> AuditRecord:
    number, at, *texts, duration, sealed, digest = row
    kind, client, tool, outcome, code, symbol, order_id, grant_id = texts
    detail = _opened(sealer.open(sealed, clear_bytes(tuple(row)[:11])))
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


def _opened(text: bytes | None) -> dict[str, object] | None:
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
