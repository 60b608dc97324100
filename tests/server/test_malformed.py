"""Whatever arrives, a client hears of it in the protocol: never a 500, never the text of an exception."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.transport.wire import Malformed, Message, accepts, read_message
from tests.server.offers import Offered
from tests.server.parts import ENVELOPE, MODERN, house, sdk_client, wire

PARSE, INVALID = -32700, -32600
DEEP = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def ping(**changes: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"} | changes).encode()


BODIES = [
    (b"", PARSE),
    (b"{", PARSE),
    (b"\xff\xfe", PARSE),
    (b"NaN", PARSE),
    (b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', PARSE),
    (b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', PARSE),
    (b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"ping"}', PARSE),
    (DEEP, PARSE),
    (b"null", INVALID),
    (b"[]", INVALID),
    (b"7", INVALID),
    (b'"text"', INVALID),
    (b"[" + ping() + b"," + ping() + b"]", INVALID),
    (ping(jsonrpc="1.0"), INVALID),
    (ping(jsonrpc=2.0), INVALID),
    (ping(id=None), INVALID),
    (ping(id=True), INVALID),
    (ping(id=1.5), INVALID),
    (ping(id=[1]), INVALID),
    (ping(id=2**64), INVALID),
    (ping(method=None), INVALID),
    (ping(method=5), INVALID),
    (ping(method=""), INVALID),
    (ping(params=[]), INVALID),
    (ping(params="x"), INVALID),
    (b'{"jsonrpc":"2.0","id":1}', INVALID),
    (b"{}", INVALID),
]


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_body_that_is_no_message_is_an_error_of_the_protocol(era):
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "ping"} if era == "modern" else {}
    async with house(max_body=1_000_000) as here, wire(here) as ann:
        for body, code in BODIES:
            async with ann.post(data=body, **headers) as answer:
                assert answer.status == 400, body[:60]
                assert (await answer.json())["error"]["code"] == code, body[:60]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
methods = st.sampled_from(
    [
        "tools/call",
        "tools/list",
        "initialize",
        "ping",
        "server/discover",
        "notifications/cancelled",
        "notifications/initialized",
        "logging/setLevel",
        "completion/complete",
        "resources/read",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "resources/subscribe",
        "resources/unsubscribe",
        "notifications/progress",
        "x",
    ]
)
params = json_values | st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["echo", "break", "nothing", "mirrored"]) | json_values,
        "arguments": json_values,
        "_meta": json_values
        | st.just(ENVELOPE)
        | st.dictionaries(st.sampled_from([*ENVELOPE, "progressToken"]), json_values),
        "protocolVersion": json_values,
        "requestId": json_values,
        "cursor": json_values,
        "uri": st.sampled_from(["test://0", "test://1", "test://none"]) | json_values,
        "ref": json_values | st.just({"type": "ref/prompt", "name": "brief"}),
        "argument": json_values | st.just({"name": "a", "value": "1"}),
        "context": json_values,
        "level": st.sampled_from(["info", "loud"]) | json_values,
        "inputResponses": json_values,
        "requestState": json_values,
    },
)
messages = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": methods},
    optional={"id": st.integers(0, 9) | json_values, "params": params, "result": json_values},
)
versions = st.sampled_from([None, "2025-11-25", "2025-03-26", MODERN, "2099-01-01", "", "x"])


def wire_json(value: Any) -> bytes:
    return json.dumps(value).encode()


async def test_no_message_makes_the_host_fail():
    async with house(offer=Offered().offer, asks_clients=True) as here, wire(here) as ann:
        session_id = await ann.initialize()
        sent: list[tuple[bytes, dict[str, str]]] = []

        @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
        @given(
            body=st.binary(max_size=60) | json_values.map(wire_json) | messages.map(wire_json),
            version=versions,
            method=methods,
            name=st.sampled_from(["echo", "break", "nothing", "=?base64?x?="]),
            with_session=st.booleans(),
        )
        def collect(body, version, method, name, with_session):
            headers = {"Mcp-Method": method, "Mcp-Name": name}
            if version is not None:
                headers["MCP-Protocol-Version"] = version
            if with_session:
                headers["Mcp-Session-Id"] = session_id
            sent.append((body, headers))

        collect()
        for body, headers in sent:
            async with ann.post(data=body, **headers) as answer:
                assert answer.status < 500, (body, headers)
                text = await answer.text()
                assert "secret inner text" not in text
                assert "Traceback" not in text
                if answer.content_type == "application/json":
                    assert orjson.loads(text)["jsonrpc"] == "2.0"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | json_values.map(wire_json) | messages.map(wire_json))
def test_reading_a_body_never_raises(body):
    found = read_message(body)
    assert isinstance(found, Message | Malformed)
    if isinstance(found, Message):
        assert found.request_id is None or type(found.request_id) in {int, str}
        assert found.params is None or type(found.params) is dict


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_what_a_tool_raises_stays_inside(era, caplog):
    async with house() as here, wire(here) as ann:
        ask = ann.modern if era == "modern" else ann.legacy
        async with ask("tools/call", {"name": "break"}) as answer:
            assert answer.status == 200
            body = await answer.json()
    assert body["error"] == {"code": -32603, "message": "Internal server error"}
    assert "secret inner text" in caplog.text


async def test_what_listing_raises_stays_inside(caplog):
    def broken(_: Any) -> Any:
        raise RuntimeError("secret inner text")

    async with house() as here, wire(here) as ann:
        here.tools.listed = broken
        for ask in (ann.modern, ann.legacy):
            async with ask("tools/list") as answer:
                assert (await answer.json())["error"] == {"code": -32603, "message": "Internal server error"}
    assert "secret inner text" in caplog.text


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Mcp-Method": "tools/list"}, -32020),
        ({"Mcp-Name": "wait"}, -32020),
        ({"Mcp-Name": "=?base64?ZWNobw==?="}, None),
        ({"MCP-Protocol-Version": "2099-01-01"}, -32020),
        ({}, None),
    ],
)
async def test_modern_headers_must_agree_with_the_body(headers, code):
    async with house() as here, wire(here) as ann, ann.modern("tools/call", {"name": "echo"}, **headers) as answer:
        body = await answer.json()
        assert body.get("error", {}).get("code") == code
        assert answer.status == (400 if code else 200)


async def test_a_doubled_routing_header_is_refused():
    async with house() as here, wire(here) as ann:
        params = {"name": "echo", "_meta": ENVELOPE}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = [
            *ann.auth.items(),
            ("MCP-Protocol-Version", MODERN),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "echo"),
            ("mcp-name", "wait"),
        ]
        async with ann.http.post(here.url, json=body, headers=headers) as answer:
            assert (await answer.json())["error"]["code"] == -32020
        assert here.tools.called == []


async def test_an_unknown_version_is_told_which_are_known():
    async with house() as here, wire(here) as ann:
        meta = ENVELOPE | {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}
        async with ann.modern("ping", {"_meta": meta}, **{"MCP-Protocol-Version": "2099-01-01"}) as answer:
            assert answer.status == 400
            error = (await answer.json())["error"]
            assert (error["code"], error["data"]["supported"]) == (-32022, [MODERN])


@pytest.mark.parametrize(
    ("arguments", "headers", "code"),
    [
        ({"symbol": "ALFA"}, {"Mcp-Param-Symbol": "ALFA"}, None),
        ({"symbol": "ALFA"}, {"Mcp-Param-Symbol": "BETA"}, -32020),
        ({"symbol": "ALFA"}, {}, -32020),
        ({}, {"Mcp-Param-Symbol": "ALFA"}, -32020),
    ],
)
async def test_a_mirrored_parameter_must_agree_with_its_header(arguments, headers, code):
    async with house() as here, wire(here) as ann:
        for _ in range(2):
            async with ann.modern("tools/call", {"name": "mirrored", "arguments": arguments}, **headers) as answer:
                assert (await answer.json()).get("error", {}).get("code") == code


async def test_unknown_methods_are_not_found():
    async with house() as here, wire(here) as ann:
        async with ann.modern("nothing/here") as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == -32601
        async with ann.legacy("nothing/here") as answer:
            assert (await answer.json())["error"]["code"] == -32601


async def test_a_clients_answer_is_taken_in_the_handshake_era_only():
    response = {"jsonrpc": "2.0", "id": 1, "result": {}}
    async with house() as here, wire(here) as ann:
        async with ann.post(response) as answer:
            assert answer.status == 202
        async with ann.post(response, **{"MCP-Protocol-Version": MODERN}) as answer:
            assert answer.status == 400


async def test_notifications_are_accepted():
    async with house() as here, wire(here) as ann:
        for version in ("2025-11-25", MODERN):
            note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            async with ann.post(note, **{"MCP-Protocol-Version": version}) as answer:
                assert answer.status == 202


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*;q=0.5", "text/html, */*;q=0.1", ""])
async def test_clients_that_name_one_kind_of_answer_are_served(accept):
    async with house() as here, wire(here) as ann:
        for ask in (ann.modern, ann.legacy):
            async with ask("tools/call", {"name": "echo"}, Accept=accept) as answer:
                assert answer.status == 200
            async with ask("tools/call", {"name": "echo"}, Accept="text/html") as answer:
                assert answer.status == 406


def test_no_accept_header_takes_everything():
    assert accepts("") == (True, True)
    assert accepts("text/event-stream") == (False, True)


async def test_a_stopped_transport_serves_nothing():
    async with house() as here, wire(here) as ann:
        await here.transport.close()
        async with ann.legacy("ping") as answer:
            assert answer.status == 503


async def test_a_client_of_the_sdk_goes_on_after_malformed_neighbours():
    async with house() as here, wire(here) as ann, sdk_client(here, "ann", "auto") as client:
        async with ann.post(data=b"{{{"):
            pass
        assert (await client.call_tool("echo", {})).structured_content == {"said": {}}


async def test_a_body_that_never_comes_is_given_up(monkeypatch):
    monkeypatch.setattr("server.transport.wire.BODY_SECONDS", 0.05)
    async with house() as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ann\r\nContent-Length: 9\r\n\r\n{"
        )
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_body_in_pieces_is_read_whole():
    async def pieces():
        yield b'{"jsonrpc":"2.0",'
        await asyncio.sleep(0)
        yield b'"id":1,"method":"ping"}'

    async with house() as here, wire(here) as ann, ann.post(data=pieces()) as answer:
        assert (await answer.json())["result"] == {}
