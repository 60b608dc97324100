"""Good arguments of every tool, made from its input schema, and all the places in them that take text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from tools.catalogue import TOOLS

Place = tuple[str | int, ...]
"""Where a text stands in the arguments of a tool: names and numbers of members, from outside in."""

_KNOWN: Final[Mapping[str, Any]] = {
    "symbol": "ALFA",
    "symbols": ["ALFA", "BRVO"],
    "underlying": "ALFA",
    "side": "buy",
    "quantity": "5",
    "order_type": "limit",
    "limit_price": "400",
    "price": "400",
    "stop_price": None,
    "trail_amount": None,
    "trail_percent": None,
    "time_in_force": "gtc",
    "take_profit_price": "430",
    "stop_loss_price": "380",
    "stop_loss_limit_price": None,
    "text": "ALFA",
    "query": "ALFA",
    "code": "TOP_PERC_GAIN",
    "base": "EUR",
    "counter": "USD",
    "article_id": "BZ$0c1",
    "wait_seconds": 0,
    "timeout_seconds": 0,
    "seen_state": "working",
}
_keys: Final = itertools.count(1)


def good(tool: str) -> dict[str, Any]:
    """Return arguments of a tool with all of its members, as far as a value is known for them."""
    schema = TOOLS[tool].arguments.model_json_schema()
    return _good(schema, schema.get("$defs", {}), "", 0)


def texts(tool: str) -> Iterator[Place]:
    """Go through every place in the arguments of a tool that takes text."""
    schema = TOOLS[tool].arguments.model_json_schema()
    yield from _texts(schema, schema.get("$defs", {}), (), 0)


def put(arguments: Any, place: Place, value: str) -> Any:
    """Return the arguments with another text at a place; what is on the way to it is made."""
    if not place:
        return value
    step, rest = place[0], place[1:]
    if isinstance(step, int):
        items: list[Any] = list(arguments) if isinstance(arguments, list) else []
        items += [None] * (step + 1 - len(items))
        items[step] = put(items[step], rest, value)
        return items
    members: dict[str, Any] = dict(arguments) if isinstance(arguments, dict) else {}
    members[step] = put(members.get(step), rest, value)
    return members


def _good(schema: Mapping[str, Any], defs: Mapping[str, Any], name: str, depth: int) -> Any:
    if name == "idempotency_key":
        return f"the-key-{next(_keys):08}"
    if name in _KNOWN:
        return deepcopy(_KNOWN[name])
    if "$ref" in schema:
        return _good(defs[schema["$ref"].rpartition("/")[2]], defs, name, depth)
    if "anyOf" in schema:
        return _good(schema["anyOf"][0], defs, name, depth)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            members = schema.get("properties", {})
            needed = set(schema.get("required", ()))
            wanted = {key for key in members if key in needed or _KNOWN.get(key) is not None}
            return {key: _good(members[key], defs, key, depth + 1) for key in members if key in wanted}
        case "array":
            return [_good(schema["items"], defs, "", depth + 1) for _ in range(max(1, schema.get("minItems", 0)))]
        case "integer" | "number":
            return max(1, int(schema.get("minimum", 1)))
        case "boolean":
            return False
        case "null":
            return None
        case _ if schema.get("format") == "date-time":
            return "2026-11-20T11:00:00Z"
        case _ if schema.get("format") == "date":
            return "2026-12-18"
        case _:
            return "1"


def _texts(schema: Mapping[str, Any], defs: Mapping[str, Any], place: Place, depth: int) -> Iterator[Place]:
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        found = dict.fromkeys(one for each in schema["anyOf"] for one in _texts(each, defs, place, depth))
        yield from found
        return
    match schema.get("type"):
        case "object":
            for name, member in schema.get("properties", {}).items():
                yield from _texts(member, defs, (*place, name), depth + 1)
        case "array":
            yield from _texts(schema["items"], defs, (*place, 0), depth + 1)
        case "integer" | "number" | "boolean" | "null":
            pass
        case _:
            yield place
