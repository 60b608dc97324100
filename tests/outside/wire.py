"""How the broker outside and its adapter write to each other: one JSON object a line."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter

from cockpit.model.accounts import Balances, Position
from cockpit.model.orders import (
    Acknowledged,
    BrokerFact,
    BrokerOrder,
    Cancelled,
    Executed,
    Expired,
    OrderRequest,
    Rejected,
    Replaced,
    ReplaceRefused,
)
from cockpit.model.quotes import Quote

Line = dict[str, Any]

_FACTS: Final = {
    kind.__name__: kind for kind in (Acknowledged, Executed, Replaced, ReplaceRefused, Cancelled, Expired, Rejected)
}
_LIMIT: Final = 16 * 1024 * 1024


async def dial(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, limit=_LIMIT)


async def read(reader: asyncio.StreamReader) -> Line | None:
    """Return the next line, or None at the end of the connection."""
    try:
        line = await reader.readline()
    except (ConnectionError, ValueError):
        return None
    return json.loads(line) if line.endswith(b"\n") else None


def write(writer: asyncio.StreamWriter, line: Line) -> None:
    if not writer.is_closing():
        writer.write(json.dumps(line).encode() + b"\n")


def write_value(value: object) -> Any:
    return _adapter(type(value)).dump_python(value, mode="json")


def read_value(kind: type, value: Any) -> Any:
    return _adapter(kind).validate_python(value)


def write_fact(fact: BrokerFact) -> Line:
    return {"kind": type(fact).__name__, **write_value(fact)}


def read_fact(line: Line) -> BrokerFact:
    return read_value(_FACTS[line["kind"]], {name: value for name, value in line.items() if name != "kind"})


def prepare() -> None:
    """Build readers and writers now, so that no order waits for it."""
    for kind in (*_FACTS.values(), OrderRequest, BrokerOrder, Balances, Position, Quote):
        _adapter(kind)


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
