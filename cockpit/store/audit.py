"""What the audit says about each thing that happened: the entry as written, and the record as read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

import orjson

from cockpit.model.money import plain
from cockpit.model.text import safe
from cockpit.store.times import to_micros

VOID: Final = "void"
"""The kind of a record that fills the number of an entry whose unit was not written."""
LARGEST_DETAIL: Final = 262_144
"""Bytes of JSON; a larger detail is replaced by a note of its size."""
_LONGEST: Final = 200
_LONGEST_DURATION: Final = 2**62

Clear = tuple[int, int, str, str, str, str, str, str, str, str, int | None]
"""The clear columns in the table's order: number, at, kind, client, tool … duration_us."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened, as its room tells it. Clear columns are made safe and cut at 200 characters."""

    at: datetime
    kind: str
    """"call", "client", "order", "switch", "key" or "host"."""
    client: str = ""
    tool: str = ""
    """The tool's name; for other kinds the act or the event."""
    outcome: str = ""
    code: str = ""
    symbol: str = ""
    order_id: str = ""
    grant_id: str = ""
    duration_us: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict, repr=False)
    """JSON values (also Decimal, datetime, enums and sets), sealed at rest."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry as it stands in the chain."""

    number: int
    at: datetime
    kind: str
    client: str
    tool: str
    outcome: str
    code: str
    symbol: str
    order_id: str
    grant_id: str
    duration_us: int | None
    detail: Mapping[str, object] = field(repr=False)
    readable: bool
    """False when the seal doesn't open with the key at hand; detail is empty then."""
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """Whether the chain is whole."""

    records: int
    """How many records were found good, counted from the first."""
    ok: bool
    first_bad: int | None
    """The number of the first record that is missing or doesn't fit."""
    reason: str = ""
    """Empty, or one sentence about what was found."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which records are wanted; an empty field asks for nothing. Times are compared as since <= at < until."""

    kind: str = ""
    client: str = ""
    tool: str = ""
    outcome: str = ""
    code: str = ""
    symbol: str = ""
    order_id: str = ""
    grant_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    after: int = 0
    """Only records with a higher number: for paging from the oldest."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that has its number, but neither seal nor hash yet."""

    clear: Clear
    detail: bytes = field(repr=False)

    @property
    def number(self) -> int:
        return self.clear[0]


def draft(entry: AuditEntry, number: int) -> Draft:
    """Fix an entry's columns and the canonical bytes of its detail, so that no later change reaches the chain."""
    duration = entry.duration_us
    kind, client, tool, outcome, code, symbol, order_id, grant_id = _safe_all(
        (
            entry.kind,
            entry.client,
            entry.tool,
            entry.outcome,
            entry.code,
            entry.symbol,
            entry.order_id,
            entry.grant_id,
        )
    )
    return Draft(
        (
            number,
            to_micros(entry.at),
            kind,
            client,
            tool,
            outcome,
            code,
            symbol,
            order_id,
            grant_id,
            None if duration is None else min(max(0, int(duration)), _LONGEST_DURATION),
        ),
        canonical(entry.detail),
    )


def _safe_all(texts: tuple[str, ...]) -> list[str]:
    """Make each text safe; one look at all of them together is enough for nearly all."""
    together = "".join(texts)
    if len(together) <= _LONGEST and together.isascii() and together.isprintable():
        return [text[:] for text in texts]  # which makes text alone of a member of an enumeration
    return [safe(text, _LONGEST) for text in texts]


def void(lost: Draft, why: str) -> Draft:
    """Fill the number of an entry whose unit was not written, saying so and what it would have been."""
    number, at, kind, client, tool, outcome, code, symbol, order_id, grant_id, duration = lost.clear
    said = canonical({"instead_of": {"kind": kind, "outcome": outcome}, "why": why})
    return Draft((number, at, VOID, client, tool, why, code, symbol, order_id, grant_id, duration), said)


def canonical(detail: Mapping[str, object]) -> bytes:
    """Return the one JSON text of a detail: keys sorted, no spaces. Whatever a client sent, it never raises."""
    try:
        text = orjson.dumps(detail, default=_plain_value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = _unusual(detail)
    if len(text) > LARGEST_DETAIL:
        return orjson.dumps({"left_out_bytes": len(text)})
    return text


def _unusual(detail: Mapping[str, object]) -> bytes:
    """Write what orjson can't: integers beyond 64 bits, lone surrogates, deep nesting; clients send all of these."""
    try:
        return json.dumps(detail, default=str, sort_keys=True, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return orjson.dumps({"left_out": type(error).__name__})


def _plain_value(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value) if value.is_finite() else str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return sorted(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")
