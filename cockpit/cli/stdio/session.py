"""What a program of the handshake era has agreed on with a cockpit, kept so that the next cockpit can be told the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from cockpit.cli.stdio.answers import ends_well
from cockpit.cli.stdio.messages import INITIALIZED, Line

SESSION_HEADER: Final = "Mcp-Session-Id"
VERSION_HEADER: Final = "MCP-Protocol-Version"
_WATCH: Final = "resources/subscribe"
_LEAVE: Final = "resources/unsubscribe"
_LEVEL: Final = "logging/setLevel"
OF_A_SESSION: Final = frozenset({_WATCH, _LEAVE, _LEVEL})
"""What does nothing without a session, and may be said twice."""
_LISTS: Final = ("tools", "prompts", "resources")
_INITIALIZED: Final = orjson.dumps({"jsonrpc": "2.0", "method": INITIALIZED})


class Session:
    """One program's handshake, and what it has asked for since that outlives the request."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        """What its messages carry; another object for each session at the cockpit."""
        self._hello = b""
        self._version: object = None
        self._kept: dict[tuple[str, str], bytes] = {}
        self._changes: tuple[str, ...] = ()

    @property
    def hello(self) -> bytes:
        """What the program began with."""
        return self._hello

    def begin(self, hello: bytes, headers: Mapping[str, str], said: bytes) -> None:
        """Note what the program's own handshake agreed on."""
        result = _result(said)
        self._hello, self._version = hello, result.get("protocolVersion")
        self._kept = {}
        self._take(headers, result)

    def renew(self, headers: Mapping[str, str], said: bytes) -> bool:
        """Go on in a new session; False where the cockpit agrees on something else than the program knows of."""
        result = _result(said)
        if SESSION_HEADER not in headers or result.get("protocolVersion") != self._version:
            return False
        self._take(headers, result)
        return True

    def note(self, message: Line, said: bytes) -> None:
        """Note what was granted that the next session has to be asked for again."""
        if message.method not in OF_A_SESSION or not ends_well(said):
            return
        uri = str(message.params.get("uri", ""))
        if message.method == _LEAVE:
            self._kept.pop((_WATCH, uri), None)
        else:
            self._kept[message.method, uri] = message.body

    def drop(self, body: bytes) -> None:
        """Forget what the new session didn't grant."""
        self._kept = {key: kept for key, kept in self._kept.items() if kept != body}

    def to_repeat(self) -> tuple[bytes, ...]:
        """Return what a new session has to be told."""
        return _INITIALIZED, *self._kept.values()

    def missed(self) -> list[bytes]:
        """Return what tells the program that anything may have changed meanwhile."""
        changed = [(f"notifications/{name}/list_changed", {}) for name in self._changes]
        updated = [("notifications/resources/updated", {"uri": uri}) for method, uri in self._kept if method == _WATCH]
        return [_notification(method, params) for method, params in (*changed, *updated)]

    def _take(self, headers: Mapping[str, str], result: Mapping[str, Any]) -> None:
        self.headers = {VERSION_HEADER: self._version} if isinstance(self._version, str) else {}
        if SESSION_HEADER in headers:
            self.headers[SESSION_HEADER] = headers[SESSION_HEADER]
        can = result.get("capabilities")
        can = can if isinstance(can, dict) else {}
        lists = {name: can.get(name) for name in _LISTS}
        self._changes = tuple(name for name, of in lists.items() if isinstance(of, dict) and of.get("listChanged"))


def _result(said: bytes) -> Mapping[str, Any]:
    body = orjson.loads(said)
    result = body.get("result") if isinstance(body, dict) else None
    return result if isinstance(result, dict) else {}


def _notification(method: str, params: Mapping[str, str]) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})
