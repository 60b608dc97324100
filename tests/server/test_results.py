"""The short way of a call against the SDK's own way: the same JSON for every answer, in every version."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp.server.connection import Connection
from mcp.server.lowlevel import Server
from mcp.server.runner import modern_error_data, serve_one
from mcp_types import CallToolRequestParams, CallToolResult, TextContent
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from cockpit.model.refusals import refuse
from server.host import ToolAnswer
from server.transport.asked import Asked
from server.transport.kernel import About, build_kernel
from server.transport.listening import Listening
from server.transport.results import ResultForm, refusal_answer
from server.transport.running import Exchange
from server.transport.wire import Message, dumps, error_body, read_message
from tests.server.parts import ENVELOPE, MODERN, FakeTools, caller, house, wire

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=8), json_values, max_size=5)
request_ids = st.integers(-(2**53), 2**53) | st.text(max_size=20)


def oracle(answer: ToolAnswer) -> Server[Any]:
    """Make the SDK's server with a tool that gives ``answer``."""

    async def call_tool(_: Any, __: CallToolRequestParams) -> CallToolResult:
        text = TextContent(type="text", text=dumps(answer.structured).decode())
        return CallToolResult(
            content=[text], structured_content=dict(answer.structured), is_error=answer.refusal is not None
        )

    about = About("cockpit", "1.2.3", "Cockpit", "Ask before you trade.")
    server = build_kernel(FakeTools(), about, Listening())
    server.add_request_handler("tools/call", CallToolRequestParams, call_tool)
    return server


async def by_the_sdk(server: Server[Any], message: Message, version: str) -> bytes:
    connection = Connection.from_envelope(version, None, {})
    request: Any = SimpleNamespace(headers={})
    asked = Asked(
        Exchange(request, caller("ann"), message, version, now=0.0, may_stream=False, modern=True, is_call=True)
    )
    try:
        result = await serve_one(
            server, asked, message.method, message.params, connection=connection, lifespan_state={}
        )
    except Exception as problem:
        return error_body(message.request_id, modern_error_data(problem))
    return dumps({"jsonrpc": "2.0", "id": message.request_id, "result": result})


@pytest.mark.parametrize("version", KNOWN_PROTOCOL_VERSIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(structured=objects, refused=st.booleans(), request_id=request_ids)
async def test_a_result_reads_as_the_sdk_would_write_it(version, structured, refused, request_id):
    answer = ToolAnswer(structured, refuse("HALTED") if refused else None)
    server = oracle(answer)
    form = ResultForm.modern(server) if version in MODERN_PROTOCOL_VERSIONS else ResultForm.legacy()
    message = Message(request_id, "tools/call", {"name": "echo", "_meta": dict(ENVELOPE)}, {})
    ours = orjson.loads(form.body(request_id, answer))
    theirs = orjson.loads(await by_the_sdk(server, message, version))
    assert ours == theirs


ODD_PARAMS: list[Any] = [
    {},
    {"name": 5},
    {"name": None},
    {"name": "echo", "arguments": []},
    {"name": "echo", "arguments": "text"},
    {"name": "echo", "arguments": None},
    {"name": "echo", "arguments": {}, "more": 1},
    {"name": "echo", "arguments": {}, "_meta": {"progressToken": 1.5}},
    {"name": "echo", "arguments": {}, "_meta": {"progressToken": True}},
    {"name": "echo", "arguments": {}, "_meta": {"progressToken": "p"}},
    {"name": "echo", "arguments": {}, "_meta": {"anything": {"else": 1}}},
    {"name": "echo", "arguments": {}, "_meta": {"io.modelcontextprotocol/clientInfo": 5}},
    {"name": "echo", "arguments": {}, "_meta": {"io.modelcontextprotocol/clientInfo": {"name": "x"}}},
    {"name": "echo", "arguments": {}, "_meta": {"io.modelcontextprotocol/clientCapabilities": []}},
    {"name": "echo", "arguments": {}, "_meta": {"io.modelcontextprotocol/logLevel": "loud"}},
]


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("params", ODD_PARAMS)
async def test_odd_params_get_the_error_that_the_sdk_gives(era, params):
    structured = {"said": params.get("arguments") or {}}
    server = oracle(ToolAnswer(structured))
    async with house() as here, wire(here) as ann:
        if era == "modern":
            params = params | {"_meta": {**ENVELOPE, **params.get("_meta", {})}}
            body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
            name = str(params.get("name")) if params.get("name") is not None else "None"
            headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": name}
        else:
            body = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}
            headers = {}
        for _ in range(2):
            async with ann.post(body, **headers) as answer:
                ours = await answer.json()
                status = answer.status
            if status == 400 and ours["error"]["code"] == -32020:
                return  # a name that is no text can't be mirrored in the header, which is checked before
            message = read_message(orjson.dumps(body))
            assert isinstance(message, Message)
            version = MODERN if era == "modern" else "2025-03-26"
            assert ours == orjson.loads(await by_the_sdk(server, message, version))
            assert status == (400 if era == "modern" and "error" in ours else 200)


def test_a_refusal_of_the_transport_has_the_shape_of_a_tools_refusal():
    answer = refusal_answer(refuse("BUSY", running=3))
    assert answer.structured == {
        "code": "BUSY",
        "message": "The host can't take more now; try again shortly.",
        "retryable": True,
        "who_can_fix": "host",
        "details": {"running": "3"},
    }


def test_integers_beyond_64_bits_are_written_whole():
    assert dumps({"n": 2**80}) == b'{"n":1208925819614629174706176}'
