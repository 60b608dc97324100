"""Odd calls of every tool to a whole cockpit: none breaks it, none is told how it is built, each is in the audit.

python -m tests.security.call_fuzz 50000
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cockpit.model.identity import Scope
from cockpit.model.text import safe
from cockpit.store.audit import AuditQuery
from server.transport.wire import Message, read_message
from tests.oauth.outside import ManualClock
from tests.security.call_grammar import ORDER, SENT, Sent, changed, mangled
from tests.security.line import Heard, Line
from tests.security.site import Site, open_site

AT_ONCE: Final = 20
_LINES: Final = 5
_CALL: Final = "tools/call"
_LATEST: Final = {"modern": "2026-07-28", "legacy": "2025-11-25", "session": "2025-11-25"}
_ENVELOPE: Final = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "fuzz", "version": "1"},
}
_INSIDE: Final = (
    b"Traceback", b'File \\"', b'.py"', b".py:", b"site-packages", b"errors.pydantic", b"validation error", b"object at 0x",
    b"sqlite", b"InvalidOperation", b"KeyError", b"TypeError", b"ValueError", b"AttributeError", b"RecursionError",
)  # fmt: skip
"""What tells a client how the host is built, or that something was raised that nobody planned."""
_OFFERED: Final = {"prompts/get", "resources/read", "completion/complete"}
"""What is recorded like a call and is none."""
_INTERNAL: Final = -32603
_SETTINGS: Final = """
[budget]
calls_per_second = 100_000
burst = 1_000_000
orders_per_minute = 10_000
order_burst = 1000
[connections.paper]
toolsets = ["all"]
[[approval.rules]]
name = "all"
do = "approve"
when = { max_notional = 100000 }
"""
_SECONDS_OF_A_BATCH: Final = 7
"""How far the clock goes on, so that no budget is used up."""


class CallFuzz:
    """One cockpit, two clients with keys, and what was answered."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.keys: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.orders: list[str] = []
        self.lines = [Line(site.port) for _ in range(_LINES)]
        self.answered: Counter[str] = Counter()
        """Calls that were answered by the tools or the gate, by the tool's name."""
        self.refused: Counter[tuple[str, str]] = Counter()
        """Those of them that were refused, by tool and code."""
        self.limited = 0
        self.seen: Counter[int] = Counter()
        self._before = 0
        self._number = 0

    async def prepare(self) -> None:
        """Let two clients in, and let each begin a session."""
        self.keys = {
            "all": await self.site.key("all", frozenset(Scope)),
            "market": await self.site.key("market", frozenset({Scope.READ_MARKET})),
        }
        hello = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "fuzz", "version": "1"},
        }
        for who, key in self.keys.items():
            answer = await self.site.mcp(key, "initialize", hello)
            self.sessions[who] = answer.headers["Mcp-Session-Id"]
        records = await self.site.store.audit_tail(1)
        self._before = records[-1].number if records else 0

    async def play(self, batch: list[Sent]) -> None:
        """Send a batch over all lines at once, and look at every answer."""
        try:
            async with asyncio.TaskGroup() as group:
                for at, line in enumerate(self.lines):
                    group.create_task(self._on(line, batch[at::_LINES]))
        except BaseException:
            for line in self.lines:
                await line.hang_up()
            raise
        self.site.clock.go(_SECONDS_OF_A_BATCH)

    async def _on(self, line: Line, some: list[Sent]) -> None:
        for sent in some:
            headers, body = self.written(sent)
            heard = await line.ask(sent.verb, "/mcp", headers, body)
            try:
                self.judge(sent, body, heard)
            except (AssertionError, ValueError) as error:
                error.add_note(f"{sent.verb} {headers}\n{body!r}\n{heard}")
                raise

    def written(self, sent: Sent) -> tuple[list[tuple[str, str]], bytes]:
        """Return headers and body of a request."""
        self._number += 1
        params: dict[str, Any] = {
            "name": sent.tool,
            "arguments": self._real(sent, changed(sent.arguments, sent.changes)),
        }
        if sent.method == "initialize":
            params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
        good = {
            "Authorization": f"Bearer {self.keys[sent.who]}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        if sent.era in _LATEST:
            good["MCP-Protocol-Version"] = _LATEST[sent.era]
        if sent.era == "modern":
            good |= {"Mcp-Method": sent.method, "Mcp-Name": json.dumps(sent.tool)[1:-1]}
            params["_meta"] = _ENVELOPE
        if sent.era == "session" and sent.verb == "POST":
            good["Mcp-Session-Id"] = self.sessions[sent.who]
        body = {"jsonrpc": "2.0", "id": self._number, "method": sent.method, "params": params}
        pairs = [(name, value) for name, value in good.items()]
        for name, value in sent.headers:
            if name.startswith("+"):
                pairs.append((name[1:], value))
                continue
            pairs = [pair for pair in pairs if pair[0] != name]
            if value:
                pairs.append((name, value))
        pairs = [(name, value) for name, value in pairs if not set(value) & {"\r", "\n", "\0"}]
        return pairs, mangled(json.dumps(changed(body, sent.body_changes)).encode(), sent.junk)

    def _real(self, sent: Sent, arguments: Any) -> Any:
        """Put a real order in; not where somebody would wait for it."""
        order = self.orders[self._number % len(self.orders)] if self.orders and sent.tool != "wait_for_order" else ""
        if isinstance(arguments, dict) and arguments.get("order_id") == ORDER:
            return arguments | {"order_id": order or "o-" + "0" * 26}
        return arguments

    def judge(self, sent: Sent, body: bytes, heard: Heard) -> None:
        """Look at one answer, and remember which call it tells of."""
        status, headers, said = heard
        self.seen[status] += 1
        assert status < 500
        told = said.replace(json.dumps(sent.tool).encode(), b"")
        for inside in _INSIDE:
            assert inside not in told, inside
        answer = _message(headers, said)
        if answer is None:
            return
        error = answer.get("error")
        if isinstance(error, dict) and "code" in error:
            assert error["code"] != _INTERNAL
        message = read_message(body)
        if isinstance(message, Message) and message.method == _CALL and message.request_id == answer.get("id"):
            name = (message.params or {}).get("name")
            self._remember(name if isinstance(name, str) else "", answer)

    def _remember(self, name: str, answer: dict[str, Any]) -> None:
        tool = safe(name, 64)
        if "result" in answer:
            result = answer["result"]
            structured = result.get("structuredContent") or {}
            code = structured.get("code", "") if result.get("isError") else ""
            if isinstance(order := structured.get("order_id"), str) and not code:
                self.orders = [*self.orders[-49:], order]
        else:
            error = answer["error"]
            data = error.get("data") if isinstance(error, dict) else None
            code = data.get("code", "") if isinstance(data, dict) and "who_can_fix" in data else "BAD_ARGUMENTS"
        assert code != "INTERNAL"
        if code == "RATE_LIMITED":
            self.limited += 1
            return
        self.answered[tool] += 1
        if code:
            self.refused[tool, code] += 1

    async def look_up(self) -> int:
        """Compare what was answered with the audit; return how many calls both tell of."""
        kept: Counter[str] = Counter()
        codes: Counter[tuple[str, str]] = Counter()
        after, limited = self._before, 0
        while page := await self.site.store.audit_search(AuditQuery(kind="call", after=after), 1000, oldest_first=True):
            after = page[-1].number
            for record in page:
                if record.tool in _OFFERED:
                    continue
                if record.code == "RATE_LIMITED":
                    limited += 1  # one record a second stands for all
                    continue
                kept[record.tool] += 1
                codes[record.tool, record.code] += 1
        assert kept == self.answered, (kept - self.answered, self.answered - kept)
        assert not self.refused - codes, self.refused - codes
        assert bool(limited) == bool(self.limited)
        assert (await self.site.store.audit_verify()).ok
        return kept.total()


def _message(headers: dict[str, str], said: bytes) -> dict[str, Any] | None:
    """Return the JSON-RPC answer, the last one of a stream; None where there is none, as in the door's own answers."""
    kind = headers.get("content-type", "")
    if kind.startswith("text/event-stream"):
        said = said.rstrip().rpartition(b"data: ")[2]
    elif not kind.startswith("application/json") or not said:
        return None
    answer = json.loads(said)
    assert isinstance(answer, dict)
    return answer if answer.get("jsonrpc") == "2.0" else None


def fuzz_calls(folder: Path, requests: int, *, always_same: bool = False) -> tuple[CallFuzz, int]:
    """Send so many, or always the same; return what was seen, and how many calls the audit holds."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        site = runner.run(stack.enter_async_context(open_site(folder, ManualClock(), settings=_SETTINGS)))
        fuzz = CallFuzz(site)
        runner.run(fuzz.prepare())

        @settings(
            max_examples=-(-requests // AT_ONCE),
            deadline=None,
            database=None,
            derandomize=always_same,
            # A batch meets what those before it left behind, so a smaller one shows nothing: the note tells the request.
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        )
        @given(st.lists(SENT, min_size=AT_ONCE, max_size=AT_ONCE))
        def play(batch: list[Sent]) -> None:
            runner.run(fuzz.play(batch))

        try:
            play()
            return fuzz, runner.run(fuzz.look_up())
        finally:
            for line in fuzz.lines:
                runner.run(line.hang_up())
            runner.run(stack.aclose())


def main() -> None:
    """Send as many as asked for and say what came back."""
    logging.disable(logging.CRITICAL)  # aiohttp tells of every body that can't be unpacked
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fuzz, kept = fuzz_calls(Path(folder) / "data", int(sys.argv[1]))
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(fuzz.seen.items()))
    print(
        f"{fuzz.seen.total()} odd requests in {time.monotonic() - began:.0f} s ({statuses});"
        f" {kept} calls, {fuzz.refused.total()} of them refused, all in the audit"
    )


if __name__ == "__main__":
    main()
