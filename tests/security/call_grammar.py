"""What the fuzz of calls sends: good calls of every tool, made from its own schema, with something changed in most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from tools.catalogue import TOOLS

CLIENTS: Final = ("all", "market")
"""One client with every scope, one that may only look at prices."""

ORDER: Final = "$ORDER"
"""Stands for an order that there is at the moment when the request is sent."""

_SYMBOLS: Final = ("ALFA", "BRVO", "ALFA", "BRVO", "NOBODY", "alfa")
_DECIMALS: Final = ("1", "10", 100, 101.25, "100.5", "0.01", "3")
_KNOWN: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "symbol": st.sampled_from(_SYMBOLS),
    "underlying": st.sampled_from(_SYMBOLS),
    "order_id": st.sampled_from((ORDER, ORDER, "o-" + "0" * 26)),
    "idempotency_key": st.integers(0, 10**9).map("key-{:010}".format),
    "wait_seconds": st.sampled_from((0, 0.01)),
}

ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**70, -(2**63) - 1, 1e308, -1e-300, "", " ", "0", "-0", "-1", "NaN",
    "Infinity", "sNaN123", "1e999999999", "1e-999999999", "0.00000000000000000000000001", "9" * 400, "\u0661\u0662", "1_000",
    "0x10", "\x00", "\x1b]0;x\x07", "\r\nX-Injected: y", "\u202e", "\ufeff", "\ud800", "a\u0301" * 40, "a" * 5000,
    "' OR 1=1 --", "%s%n{0}", "../../etc/passwd", "2026-13-45T99:99:99Z", "0000-00-00", "9999-12-31T23:59:59.999999+23:59",
    "0001-01-01T00:00:00-23:59", "[]", [], {}, [None], [[[[]]]], {"": {"": []}}, {"$ref": "#"}, {"__proto__": 1}, [0] * 300,
)  # fmt: skip
"""Values that somebody's parser stumbles over."""

_ODD: Final = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from(ODD),
    st.text(max_size=8),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
)


def _of(schema: Mapping[str, Any], defs: Mapping[str, Any], name: str = "") -> st.SearchStrategy[Any]:
    """Return what the schema of one argument takes, as far as the schema says it."""
    if name in _KNOWN:
        return _KNOWN[name]
    if "$ref" in schema:
        return _of(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in schema:
        return st.one_of([_of(one, defs) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    match schema.get("type"):
        case "object":
            members = {key: _of(one, defs, key) for key, one in schema.get("properties", {}).items()}
            needed = set(schema.get("required", ()))
            return st.fixed_dictionaries(
                {key: one for key, one in members.items() if key in needed},
                optional={key: one for key, one in members.items() if key not in needed},
            )
        case "array":
            least = schema.get("minItems", 0)
            return st.lists(
                _of(schema["items"], defs), min_size=least, max_size=min(schema.get("maxItems", 4), least + 2)
            )
        case "integer" | "number":
            least = int(schema.get("minimum", 0))
            return st.integers(least, min(int(schema.get("maximum", least + 20)), least + 20))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "string" if schema.get("format") == "date-time":
            return st.sampled_from(("2026-11-20T11:00:00Z", "2026-11-20T13:00:00+02:00"))
        case "string" if schema.get("format") == "date":
            return st.sampled_from(("2026-11-20", "2026-12-18"))
        case "string":
            return st.sampled_from(("ALFA", "a note", "x" * 40, "alfa"))
        case _:
            return st.sampled_from(_DECIMALS)


@dataclass(frozen=True)
class Change:
    """One thing that is done to good JSON: what stands at a place is dropped, replaced, or gets a neighbour."""

    how: str
    place: tuple[int, ...]
    """Which member at each level, counted round and round."""
    name: str
    value: Any


@dataclass(frozen=True)
class Sent:
    """One request, before what is real at the moment is put in."""

    who: str
    era: str
    """``modern``, ``legacy``, ``session`` or ``none``."""
    method: str
    tool: str
    arguments: Any
    changes: tuple[Change, ...]
    """Of the arguments."""
    body_changes: tuple[Change, ...]
    headers: tuple[tuple[str, str], ...]
    """Put in place of the good ones of their names; ``+`` before a name puts it beside, without a value drops it."""
    verb: str
    junk: tuple[str, int, bytes]
    """What is done to the bytes at last, where, and with which."""


_NAMES: Final = (
    "symbol",
    "id",
    "method",
    "params",
    "name",
    "arguments",
    "_meta",
    "jsonrpc",
    "x",
    "",
    "\u00e9",
    "__class__",
)
_CHANGE: Final = st.builds(
    Change,
    st.sampled_from(("drop", "set", "set", "set", "add")),
    st.lists(st.integers(0, 30), min_size=1, max_size=3).map(tuple),
    st.sampled_from(_NAMES),
    _ODD,
)


def _sometimes(one: st.SearchStrategy[Any], *, of: int, most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    """Return none in most of so many cases."""
    some = st.lists(one, min_size=1, max_size=most).map(tuple)
    # Numbers at the ends of a range are drawn more often than others.
    return st.integers(1, of).flatmap(lambda number: some if number == of // 2 + 1 else st.just(()))


_JUNK: Final = st.tuples(
    st.sampled_from(("cut", "put", "over")), st.integers(0, 400), st.binary(min_size=1, max_size=4)
)


_HEADER: Final = st.one_of(
    st.tuples(
        st.sampled_from(
            ("Accept", "Content-Type", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id",
             "Last-Event-ID", "Authorization", "Mcp-Param-Symbol", "+Mcp-Name", "+Mcp-Method", "+MCP-Protocol-Version",
             "+Authorization", "+Accept", "+Mcp-Session-Id")
        ),
        st.sampled_from(
            ("", "x", "*/*", "text/html", "application/json", "text/event-stream", "application/json;q=0", "tools/call",
             "2026-07-28", "2025-11-25", "2024-11-05", "1900-01-01", "place_order", "=?base64?QUxGQQ==?=", "=?base64?%%?=",
             "Bearer", "Bearer x", "Basic YTpi", "Bearer " + "a" * 6000, "\xff\xfe", "1-0", "0-99999999999999999999", "-")
        ),
    ),
    st.sampled_from(
        (("Origin", "https://evil.example"), ("Origin", "null"), ("Content-Encoding", "gzip"),
         ("Content-Encoding", "deflate"), ("Content-Type", "application/json; charset=utf-16"), ("Expect", "100-continue"),
         ("X-Forwarded-For", "203.0.113.9"), ("Cookie", "a=b; =; ;;"), ("Range", "bytes=0-1"), ("traceparent", "00-x-y-z"),
         ("Upgrade", "websocket"), ("Accept-Encoding", "identity;q=0"), ("X-HTTP-Method-Override", "DELETE"))
    ),
)  # fmt: skip

_OTHER_METHODS: Final = (
    "tools/list", "ping", "initialize", "server/discover", "resources/list", "resources/read", "resources/templates/list",
    "resources/subscribe", "resources/unsubscribe", "prompts/list", "prompts/get", "completion/complete",
    "logging/setLevel", "tasks/get", "roots/list", "sampling/createMessage", "notifications/cancelled",
    "notifications/initialized", "tools/call/", "TOOLS/CALL", "rpc.discover", "",
)  # fmt: skip


_SCHEMAS: Final = {name: tool.arguments.model_json_schema() for name, tool in TOOLS.items()}
_TERMS: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "symbol": st.sampled_from(("ALFA", "BRVO")),
    "side": st.sampled_from(("buy", "sell")),
    "quantity": st.sampled_from(("1", "3", 2)),
    "order_type": st.just("market"),
}
"""Terms that are wanted together: an order of which one is missing says little."""


def _arguments(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    any_of_them = _of(schema, schema.get("$defs", {}))
    members = schema.get("properties", {})
    if not members.keys() >= _TERMS.keys():
        return any_of_them
    needed = [name for name in schema.get("required", ()) if name not in _TERMS]
    others = {name: _of(members[name], schema.get("$defs", {}), name) for name in needed}
    return st.one_of(any_of_them, st.fixed_dictionaries({**_TERMS, **others}))


_ARGUMENTS: Final = {name: _arguments(schema) for name, schema in _SCHEMAS.items()}


@st.composite
def _sent(draw: st.DrawFn) -> Sent:
    tool = draw(st.sampled_from(tuple(TOOLS)))
    is_call = not draw(_sometimes(st.none(), of=10))
    return Sent(
        draw(st.sampled_from(("all", "all", "all", "market"))),
        draw(st.sampled_from(("modern", "modern", "legacy", "session", "none"))),
        "tools/call" if is_call else draw(st.sampled_from(_OTHER_METHODS)),
        (*map(str, draw(_sometimes(_ODD, of=25, most=1))), tool)[0],
        draw(_ARGUMENTS[tool]),
        draw(_sometimes(_CHANGE, of=2, most=3)),
        draw(_sometimes(_CHANGE, of=12)),
        draw(_sometimes(_HEADER, of=6)),
        draw(st.sampled_from(("POST",) * 60 + ("HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "GET"))),
        (*draw(_sometimes(_JUNK, of=25, most=1)), ("", 0, b""))[0],
    )


SENT: Final = _sent()


def changed(value: Any, changes: tuple[Change, ...]) -> Any:
    """Return JSON after the changes; what was given isn't touched."""
    for change in changes:
        value = _at(value, change.place, change)
    return value


def _at(value: Any, place: tuple[int, ...], change: Change) -> Any:
    if not isinstance(value, dict | list) or not value:
        return change.value if change.how == "set" else value
    names = list(value) if isinstance(value, dict) else list(range(len(value)))
    name, new = names[place[0] % len(names)], value.copy()
    if len(place) > 1 and isinstance(value[name], dict | list):
        new[name] = _at(value[name], place[1:], change)
    elif change.how == "drop":
        del new[name]
    elif change.how == "set":
        new[name] = change.value
    elif isinstance(new, dict):
        new[change.name] = change.value
    else:
        new.append(change.value)
    return new


def mangled(body: bytes, junk: tuple[str, int, bytes]) -> bytes:
    """Return the bytes after the last change."""
    how, at, with_what = junk
    at %= len(body) + 1
    match how:
        case "cut":
            return body[:at]
        case "put":
            return body[:at] + with_what + body[at:]
        case "over":
            return body[:at] + with_what + body[at + len(with_what) :]
        case _:
            return body
