"""Answers for people: the sentence, and aligned tables of what ``--json`` would print."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cockpit.model.text import safe
from cockpit.operator.act import Act, Done

MAX_CELL: Final = 80
_AUDIT: Final = ("number", "at", "kind", "client", "tool", "outcome", "code", "symbol", "order_id")
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "orders": (
        *("order_id", "state", "client", "connection", "symbol", "side", "quantity", "limit_price", "filled"),
        *("average_price", "why", "decide_by"),
    ),
    "clients": (
        *("name", "request_id", "grant_id", "via", "host", "address", "asked", "scopes", "timed", "connection"),
        *("made_at", "made_by", "last_used", "last_address", "expires_at"),
    ),
    "key.list": (
        *("name", "begins", "scopes", "connection", "made_at", "made_by", "last_used", "last_address", "expires_at"),
        "suspended",
    ),
    "service.list": (
        *("name", "client_id", "scopes", "connection", "made_at", "made_by", "last_used", "last_address", "expires_at"),
    ),
    "audit.tail": _AUDIT,
    "audit.search": _AUDIT,
}
"""What people need of the longer lists, by act or by name of the list; ``--json`` has everything."""
_GAP: Final = "  "
_LONGEST_LINE: Final = 4096
"""Characters of a line: a signed token has some 800, and is shown once."""
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?\+00:00")


def in_words(act: Act, done: Done) -> str:
    """Say what was done, or show what was asked for."""
    said = "\n".join(safe(line, _LONGEST_LINE) for line in done.says.split("\n"))
    if act.changes:
        return "\n".join(part for part in (said, _secret(done)) if part)
    return "\n\n".join(part for part in (said, *_tables(act.name, done.data)) if part)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Align rows under their names: the given columns, or all in the order in which they first appear.

    A column in which nothing stands is left out.
    """
    found = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in columns if name in found] or found
    names = [name for name in names if any(row.get(name) not in (None, "", [], {}) for row in rows)] or names
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    right = [all(_is_number(row.get(name)) for row in rows) for name in names]
    heads = [safe(name.replace("_", " ").upper(), MAX_CELL) for name in names]
    widths = [max(len(line[at]) for line in (heads, *cells)) for at in range(len(names))]
    lines = (
        _GAP.join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        )
        for line in (heads, *cells)
    )
    return "\n".join(line.rstrip() for line in lines)


def _tables(about: str, data: object) -> list[str]:
    if isinstance(data, list):
        return [_rows(about, data)] if data else []
    if not isinstance(data, dict):
        return []
    plain = {name: value for name, value in data.items() if not isinstance(value, list)}
    parts = [_pairs(plain)] if plain else []
    for name, value in data.items():
        if isinstance(value, list) and value:
            parts.append(f"{name.replace('_', ' ').capitalize()}\n{_rows(name, value)}")
    return parts


def _rows(about: str, values: list[Any]) -> str:
    if all(isinstance(value, dict) for value in values):
        return table(values, COLUMNS.get(about, ()))
    return "\n".join(_cell(value) for value in values)


def _pairs(values: Mapping[str, Any]) -> str:
    width = max(len(name) for name in values)
    return "\n".join(f"{name.replace('_', ' ').ljust(width)}{_GAP}{_cell(value)}" for name, value in values.items())


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return safe(" ".join(_cell(part) for part in value) or "-", MAX_CELL)
    if isinstance(value, dict):
        return safe(", ".join(f"{name} {_cell(part)}" for name, part in value.items()) or "-", MAX_CELL)
    # A table is read, not parsed: a time in it has whole seconds.
    return safe(_MOMENT.sub(r"\1 \2Z", str(value)), MAX_CELL)


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return True
    return isinstance(value, str) and value.lstrip("-").replace(".", "", 1).isdigit()


def _secret(done: Done) -> str:
    """A key that was made just now is in the answer alone: it is shown here or nowhere."""
    key = done.data.get("key") if isinstance(done.data, dict) else None
    return safe(key, 500) if isinstance(key, str) and key not in done.says else ""
