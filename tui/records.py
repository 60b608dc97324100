"""Records of the audit as the screen takes them in, what is asked for in words, and one record as the detail of a call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cockpit.model.events import CallFinished
from cockpit.model.text import Safe, safe
from cockpit.operator.act import Command
from cockpit.operator.acts import AUDIT_SEARCH

_COLUMNS: Final = {
    "client": "client",
    "tool": "tool",
    "state": "outcome",
    "outcome": "outcome",
    "code": "code",
    "symbol": "symbol",
    "order": "order",
    "kind": "kind",
    "since": "since",
    "until": "until",
    "count": "count",
}
_AROUND: Final = timedelta(milliseconds=1)
"""Around the time of a call, which its record has too: so few records are read, however busy the client is."""
_LONGEST: Final = 400
_MOST_FACTS: Final = 200
_DEEPEST: Final = 4


class WantedUnfit(ValueError):
    """What is wanted can't be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the audit, as the operator may read it."""

    number: int
    at: datetime
    kind: Safe
    client: Safe
    tool: Safe
    outcome: Safe
    code: Safe
    symbol: Safe
    order_id: Safe
    duration_ms: float | None
    facts: tuple[tuple[Safe, Safe], ...]
    """Its detail: name and value, those of tables with their way, as in ``arguments.symbol``."""
    raw: str
    """The whole record as one line of JSON."""


def search_of(wanted: str) -> Command:
    """Return the search for words such as ``client:x state:denied since:2h``. WantedUnfit says what is wrong."""
    arguments: dict[str, str] = {}
    for word in wanted.split():
        name, colon, value = word.partition(":")
        if not colon or name not in _COLUMNS:
            raise WantedUnfit(f"no column {name!r}: use {' '.join(_COLUMNS)}")
        if value:
            arguments[_COLUMNS[name]] = value
    return Command(AUDIT_SEARCH.name, arguments)


def search_for(call: CallFinished) -> Command:
    """Return the search that finds a call's record by what the stream shows of it."""
    since, until = call.at - _AROUND, call.at + _AROUND
    times = {"since": since.isoformat(), "until": until.isoformat()}
    return Command(
        AUDIT_SEARCH.name,
        {"client": str(call.client), "tool": str(call.tool), "kind": "call", "count": "1000", **times},
    )


def records_of(data: object) -> tuple[Record, ...]:
    """Read the answer of a search, the newest first; what isn't a record is left out."""
    rows = data if isinstance(data, Sequence) and not isinstance(data, str) else ()
    return tuple(_record(row) for row in reversed(rows) if isinstance(row, Mapping) and "number" in row)


def _record(row: Mapping[str, Any]) -> Record:
    def text(name: str) -> Safe:
        return safe(str(row.get(name) or ""), _LONGEST)

    took = row.get("duration_ms")
    return Record(
        int(row["number"]),
        datetime.fromisoformat(str(row["at"])).astimezone(UTC),
        text("kind"),
        text("client"),
        text("tool"),
        text("outcome"),
        text("code"),
        text("symbol"),
        text("order_id"),
        float(took) if isinstance(took, int | float) else None,
        tuple(_facts("", row.get("detail"), 0))[:_MOST_FACTS],
        json.dumps(row, ensure_ascii=True, default=str),
    )


def _facts(way: str, value: object, depth: int) -> list[tuple[Safe, Safe]]:
    if isinstance(value, Mapping) and depth < _DEEPEST:
        inside = [
            fact
            for name, one in value.items()
            for fact in _facts(f"{way}.{name}" if way else str(name), one, depth + 1)
        ]
        return inside or ([(safe(way, 60), safe("nothing"))] if way else [])
    if value is None or value == "":
        return []
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return [(safe(way or "detail", 60), safe(said, _LONGEST))]
