"""What OpenTelemetry is told of requests: which and how long, and nothing of what is in them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NonRecordingSpan, NoOpTracerProvider, SpanContext

from cockpit.model.refusals import refuse
from server.transport.telemetry import Telemetry
from tests.server.offers import Offered
from tests.server.parts import ENVELOPE, MODERN, FakeTools, house, wire

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Span(NonRecordingSpan):
    """A span that remembers."""

    def __init__(self, name: str, attributes: Mapping[str, Any], parent: SpanContext) -> None:
        super().__init__(SpanContext(1, 1, False))
        self.name, self.attributes, self.parent = name, dict(attributes), parent
        self.failed = False

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.failed = True


@dataclass
class Told:
    """Takes the place of an SDK."""

    spans: list[Span] = field(default_factory=list[Span])
    durations: list[tuple[float, dict[str, Any]]] = field(default_factory=list[tuple[float, dict[str, Any]]])

    def of(self, tools: FakeTools) -> Telemetry:
        tracers: Any = self
        return Telemetry(tools, tracers, tracers)

    def get_tracer(self, *_: Any) -> Any:
        return self

    def get_meter(self, *_: Any) -> Any:
        return self

    def create_histogram(self, name: str, unit: str, description: str) -> Any:
        assert (name, unit) == ("mcp.server.operation.duration", "s")
        return self

    @contextlib.contextmanager
    def start_as_current_span(self, name: str, context: Any, attributes: Any, **_: Any) -> Iterator[Span]:
        span = Span(name, attributes, trace.get_current_span(context).get_span_context())
        self.spans.append(span)
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield span

    def record(self, seconds: float, attributes: dict[str, Any]) -> None:
        self.durations.append((seconds, attributes))


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_each_request_is_told_with_its_outcome_and_nothing_of_its_content(era):
    told, offered = Told(), Offered()
    offered.resources.refusal = refuse("RATE_LIMITED")
    async with house(telemetry=told.of, offer=offered.offer) as here, wire(here) as ann:
        ask = ann.modern if era == "modern" else ann.legacy
        for method, params in (
            ("tools/call", {"name": "echo", "arguments": {"text": "secret"}}),
            ("tools/call", {"name": "refuse", "arguments": {}}),
            ("tools/call", {"name": "break", "arguments": {}}),
            ("tools/call", {"name": "made up by a client", "arguments": {}}),
            ("tools/list", {}),
            ("resources/read", {"uri": "test://secret"}),
            ("prompts/get", {"name": "secret"}),
            ("made/up", {}),
        ):
            routing = {"Mcp-Name": params.get("uri") or params.get("name") or ""} if era == "modern" else {}
            async with ask(method, params, **routing) as answer:
                await answer.read()
    version = MODERN if era == "modern" else "2025-11-25"
    assert [(span.name, span.attributes.get("error.type", ""), span.failed) for span in told.spans] == [
        ("tools/call echo", "", False),
        ("tools/call refuse", "HALTED", True),
        ("tools/call break", "RuntimeError", True),
        ("tools/call other", "UNKNOWN_TOOL", True),
        ("tools/list", "", False),
        ("resources/read", "RATE_LIMITED", True),
        ("prompts/get", "-32602", True),
        ("other", "-32601", True),
    ]
    assert {span.attributes["cockpit.client"] for span in told.spans} == {"ann"}
    assert {span.attributes["mcp.protocol.version"] for span in told.spans} == {version}
    assert "secret" not in str([span.attributes for span in told.spans])
    assert [found.get("error.type", "") for _, found in told.durations] == [
        span.attributes.get("error.type", "") for span in told.spans
    ]
    assert all("cockpit.client" not in found and seconds > 0 for seconds, found in told.durations)


@pytest.mark.parametrize("carried", [PARENT, "nonsense", "x" * 10_000, 5, None])
async def test_a_clients_trace_goes_on_where_it_names_one(carried):
    told = Told()
    async with house(telemetry=told.of) as here, wire(here) as ann:
        meta = ENVELOPE | ({"traceparent": carried} if carried is not None else {})
        async with ann.modern("tools/call", {"name": "echo", "_meta": meta}) as answer:
            assert answer.status == 200
    parent = told.spans[0].parent
    assert parent.is_valid == (carried == PARENT)
    if carried == PARENT:
        assert f"{parent.trace_id:032x}" in PARENT


async def test_a_call_that_its_client_leaves_is_told_as_cancelled():
    told = Told()
    async with house(telemetry=told.of) as here, wire(here) as ann:
        leaving = asyncio.ensure_future(ann.modern("tools/call", {"name": "wait"}).__aenter__())
        await here.tools.started.wait()
        leaving.cancel()
        async with asyncio.timeout(5):
            await here.tools.cancelled.wait()
            while not told.durations:
                await asyncio.sleep(0)
    assert told.durations[0][1]["error.type"] == "cancelled"


async def test_without_an_sdk_nothing_happens_and_nothing_fails():
    def nothing(tools: FakeTools) -> Telemetry:
        return Telemetry(tools, NoOpTracerProvider(), NoOpMeterProvider())

    async with (
        house(telemetry=nothing) as here,
        wire(here) as ann,
        ann.modern("tools/call", {"name": "echo"}) as answer,
    ):
        assert answer.status == 200
