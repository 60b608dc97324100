"""Tells OpenTelemetry of each request where settings ask for it: a span, and how long it took.

It goes through OpenTelemetry's API alone, which does nothing until an SDK is installed and set up beside the cockpit.
Names follow its conventions for MCP and generative AI. No argument, no result and no token is ever told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from mcp.shared.exceptions import MCPError
from mcp_types.methods import SPEC_CLIENT_METHODS
from opentelemetry import metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, StatusCode, TracerProvider
from opentelemetry.util.types import AttributeValue

from cockpit.model.refusals import Refusal
from server.host import ToolHost
from server.transport.answering import Denied, Work
from server.transport.calls import METHOD
from server.transport.running import Answer, Exchange

_SCOPE: Final = "cockpit"
_OTHER: Final = "other"
"""Stands for whatever name a client makes up: each would be a series of its own."""
_CARRIED: Final = ("traceparent", "tracestate")
_LONGEST: Final = 512


class Telemetry:
    """Where spans and durations go: the providers that the process has, unless others are given."""

    def __init__(
        self, host: ToolHost, tracers: TracerProvider | None = None, meters: MeterProvider | None = None
    ) -> None:
        self._host = host
        self._tracer = (tracers or trace.get_tracer_provider()).get_tracer(_SCOPE)
        self._duration = (
            (meters or metrics.get_meter_provider())
            .get_meter(_SCOPE)
            .create_histogram("mcp.server.operation.duration", unit="s", description="How long a request took")
        )

    def of(self, work: Work) -> Work:
        """Return work that is told of."""
        return _Told(work, self)

    async def tell(self, work: Work, exchange: Exchange) -> Answer:
        """Run work, and tell of it however it ends."""
        name, attributes = self._describe(exchange)
        began, error = time.perf_counter(), "cancelled"
        with self._tracer.start_as_current_span(
            name,
            context=_context_of(exchange),
            kind=SpanKind.SERVER,
            attributes={**attributes, "cockpit.client": exchange.caller.grant.client},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                answer = await work.run(exchange)
                error = answer.error
                return answer
            except asyncio.CancelledError:
                raise
            except Denied as denied:
                error = denied.refusal.code
                raise
            except MCPError as problem:
                error = str(problem.error.code)
                raise
            except Exception as problem:
                error = type(problem).__name__
                raise
            finally:
                _close(span, error)
                failed = {"error.type": error} if error else {}
                self._duration.record(time.perf_counter() - began, {**attributes, **failed})

    def _describe(self, exchange: Exchange) -> tuple[str, dict[str, AttributeValue]]:
        method = exchange.message.method if exchange.message.method in SPEC_CLIENT_METHODS else _OTHER
        attributes: dict[str, AttributeValue] = {
            "mcp.method.name": method,
            "mcp.protocol.version": exchange.version,
        }
        if method != METHOD:
            return method, attributes
        tool = (exchange.message.params or {}).get("name")
        tool = tool if isinstance(tool, str) and self._host.input_schema(tool) is not None else _OTHER
        attributes |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
        return f"{method} {tool}", attributes


class _Told:
    """Implements ``server.transport.answering.Work`` around other work."""

    def __init__(self, work: Work, telemetry: Telemetry) -> None:
        self._work = work
        self._telemetry = telemetry

    async def run(self, exchange: Exchange) -> Answer:
        """Run it and tell of it."""
        return await self._telemetry.tell(self._work, exchange)

    def refused(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Say why it isn't answered."""
        return self._work.refused(exchange, refusal)

    def turned_away(self, exchange: Exchange, refusal: Refusal) -> Answer:
        """Say why it was never begun."""
        return self._work.turned_away(exchange, refusal)


def _close(span: Span, error: str) -> None:
    if error:
        span.set_attribute("error.type", error)
        span.set_status(StatusCode.ERROR)


def _context_of(exchange: Exchange) -> Context | None:
    """Return the trace that the client's ``_meta`` says the request belongs to (W3C Trace Context)."""
    meta: Any = (exchange.message.params or {}).get("_meta")
    if not isinstance(meta, Mapping):
        return None
    carried = {name: value for name in _CARRIED if isinstance(value := meta.get(name), str) and len(value) <= _LONGEST}
    return propagate.extract(carried) if carried else None
