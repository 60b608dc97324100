"""Our transport without the product behind it: one fake tool, any token. Shows what the door itself costs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mcp_types import Tool

from bench.peer import QUOTE, TOOL
from cockpit.model.clock import SystemClock
from cockpit.model.identity import Caller, ClientName, Grant, GrantId, Scope, Via
from cockpit.model.refusals import refuse
from cockpit.model.text import safe
from server.addresses import Addresses
from server.app import build_app
from server.door import Challenge, Door
from server.guard import Policy
from server.host import Talk, ToolAnswer
from server.listener import bind, port_of, serve
from server.transport.kernel import About
from server.transport.results import refusal_answer
from server.transport.transport import Limits, Transport

GRANT = Grant(
    GrantId("bench"),
    ClientName("bench"),
    "bench",
    frozenset({Scope.READ_MARKET}),
    "paper",
    Via.KEY,
    datetime.now(UTC),
    None,
    safe("key"),
)


class _Tools:
    def listed(self, caller: Caller) -> Sequence[Tool]:
        return [TOOL]

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        return TOOL.input_schema if name == TOOL.name else None

    async def call(self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk) -> ToolAnswer:
        return ToolAnswer(QUOTE) if name == TOOL.name else refusal_answer(refuse("UNKNOWN_TOOL"))


def _check(authorization: str | None, address: str) -> Caller:
    return Caller(GRANT, None, address)


@contextlib.asynccontextmanager
async def hosted(port: int, limits: Limits | None = None, most_open: int = 150) -> AsyncIterator[tuple[int, Transport]]:
    """Serve it, and yield the port and the transport."""
    taken = bind("127.0.0.1", port)
    challenge = Challenge.at(f"http://127.0.0.1:{port_of(taken)}")
    about = About("cockpit", "1", "Cockpit", "")
    async with Transport(_Tools(), SystemClock(), challenge, about, limits) as transport:
        door = Door(_check, challenge, Addresses())
        app = build_app(transport, door, Policy.of("", (), (), 1_048_576), lambda: "running", (), most_open)
        async with serve(app, taken) as listening:
            gc.collect()
            gc.freeze()
            yield listening, transport


async def _run(port: int) -> None:
    async with hosted(port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1])))
