"""A client's own records of the audit, whole and in order, for its own files."""

from __future__ import annotations

import json
from typing import Any, Final

import orjson
from pydantic import AwareDatetime, Field

from cockpit.desk.gate import Served
from cockpit.model.identity import Scope
from cockpit.model.text import counted, safe
from cockpit.store.audit import AuditQuery, AuditRecord
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.words import Outside

_MOST_BYTES: Final = 200_000
"""Of JSON Lines in one answer."""


class ExportArguments(Arguments):
    """Which of the own records."""

    after: int = Field(0, ge=0, lt=2**63, description="Only records with a higher number: next_after of the last page")
    since: AwareDatetime | None = Field(None, description="Only from then on (ISO 8601 with offset)")
    until: AwareDatetime | None = Field(None, description="Only before then")
    limit: int = Field(200, ge=1, le=1000, description="How many at most")


class ExportResult(Result):
    """One page of records."""

    records: int
    lines: Outside
    """JSON Lines, the oldest first; hash is the chain's, detail has the arguments as you sent them."""
    next_after: int | None
    """Give it as `after` to get the next page; null where this was the last."""
    says: str


@tool(
    "export_audit",
    scope=Scope.READ_AUDIT,
    title="Export own records",
    arguments=ExportArguments,
    result=ExportResult,
    toolset=Toolset.ORDERS,
)
async def export_audit(call: Call, asked: ExportArguments) -> Served[ExportResult]:
    """Your own calls as the host's audit recorded them, as JSON Lines, the oldest first, in pages of at most 1000 records
    and 200 kB. Repeat with `after` = `next_after` until that is null. Records of other clients are never in it.
    """
    query = AuditQuery(
        kind="call", client=call.admitted.grant.client, since=asked.since, until=asked.until, after=asked.after
    )
    found = await call.rooms.store.audit_search(query, asked.limit + 1, oldest_first=True)
    lines: list[str] = []
    size = 0
    for record in found[: asked.limit]:
        line = _line(record)
        size += len(line.encode()) + 1
        if lines and size > _MOST_BYTES:
            break
        lines.append(line)
    more = len(lines) < len(found)
    result = ExportResult(
        records=len(lines),
        lines="".join(f"{line}\n" for line in lines),
        next_after=found[len(lines) - 1].number if more else None,
        says=f"{counted(len(lines), 'record')}{'; there are more' if more else ''}.",
    )
    return Served(result, summary=safe(f"{len(lines)} records after {asked.after}"))


def _line(record: AuditRecord) -> str:
    said: dict[str, Any] = {
        "number": record.number,
        "at": record.at.isoformat(timespec="microseconds"),
        "tool": record.tool,
        "outcome": record.outcome,
        "code": record.code,
        "symbol": record.symbol,
        "order_id": record.order_id,
        "duration_ms": None if record.duration_us is None else record.duration_us / 1000,
        "hash": record.hash.hex(),
        "detail": record.detail if record.readable else None,
    }
    try:
        line = orjson.dumps(said).decode()
    except TypeError:  # integers beyond 64 bits and lone surrogates, as clients send them
        line = json.dumps(said)
    if len(line) <= _MOST_BYTES:
        return line
    return orjson.dumps({**said, "detail": {"left_out_characters": len(line)}}).decode()
