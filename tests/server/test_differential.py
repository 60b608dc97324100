"""The same requests to us and to the SDK's own manager: the same answers, but for what is listed here with its reason."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.offers import Offered
from tests.server.oracle import Heard, Oracle, oracle
from tests.server.parts import ENVELOPE, LEGACY, MODERN, FakeTools, House, house
from tests.server.test_malformed import messages

BOTH = "application/json, text/event-stream"


@dataclass
class Ask:
    """One request."""

    name: str
    method: str
    headers: dict[str, str]
    body: bytes


async def ours(here: House, http: aiohttp.ClientSession, ask: Ask, session: str) -> Heard:
    headers = {"Authorization": "Bearer ann", **_filled(ask.headers, session)}
    skip = [name for name in ("Accept", "Content-Type", "User-Agent") if name not in headers]
    async with http.request(
        ask.method, here.url, headers=headers, data=ask.body or None, skip_auto_headers=skip
    ) as answer:
        return Heard(answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read())


async def theirs(it: Oracle, ask: Ask, session: str) -> Heard:
    return await it.ask(ask.method, _filled(ask.headers, session), ask.body)


def _filled(headers: dict[str, str], session: str) -> dict[str, str]:
    return {name: session if value == "SESSION" else value for name, value in headers.items()}


@dataclass(frozen=True)
class Deviation:
    """Where we mean to differ: why, for which requests, and what we and they answer then."""

    why: str
    of: Callable[[Ask], bool]
    we: Callable[[Heard], bool]
    they: Callable[[Heard], bool]


def answers(status: int, code: int | None = None) -> Callable[[Heard], bool]:
    """Whether an answer has that status, and that error or, without one, none."""

    def fits(heard: Heard) -> bool:
        codes = [one.get("error", {}).get("code") for one in heard.messages]
        return heard.status == status and all(found == code for found in codes)

    return fits


def method_of(ask: Ask) -> Any:
    try:
        body = json.loads(ask.body)
    except ValueError:
        return None
    return body.get("method") if isinstance(body, dict) else None


def id_of(ask: Ask) -> Any:
    try:
        body = json.loads(ask.body)
    except ValueError:
        return None
    return body.get("id", 0) if isinstance(body, dict) else 0


def is_json(body: bytes) -> bool:
    """Whether it is JSON to the letter."""
    try:
        orjson.loads(body)
    except ValueError:
        return False
    return True


def accept_of(ask: Ask) -> str:
    return ask.headers.get("Accept", "")


DEVIATIONS = [
    Deviation(
        "JSON-RPC 2.0, 5.1: what is no request object is -32600; the SDK's handshake era calls it invalid params",
        lambda ask: True,
        answers(400, -32600),
        answers(400, -32602),
    ),
    Deviation(
        "an id that is no text and no whole number is no id; taking such a request for a notification leaves its"
        " client waiting for ever",
        lambda ask: not isinstance(id_of(ask), str) and type(id_of(ask)) is not int,
        answers(400, -32600),
        answers(202),
    ),
    Deviation(
        "a request that is wrong is no answer because it has a result beside its method",
        lambda ask: isinstance(method_of(ask), str) and b'"result"' in ask.body,
        answers(400, -32600),
        answers(202),
    ),
    Deviation(
        "RFC 8259 knows no NaN, no infinity and no half of a pair of surrogates",
        lambda ask: not is_json(ask.body),
        answers(400, -32700),
        lambda _: True,
    ),
    Deviation("an empty method is no method", lambda ask: method_of(ask) == "", answers(400, -32600), lambda _: True),
    Deviation(
        "no text of an exception leaves the host",
        lambda ask: b'"break"' in ask.body,
        answers(200, -32603),
        answers(200, 0),
    ),
    Deviation(
        "real clients say nothing of what they take, or only that they take JSON, which is all that most answers are",
        lambda ask: accept_of(ask) in {"", "application/json"} and ask.method == "POST",
        answers(200),
        lambda heard: heard.status == 406,
    ),
    Deviation(
        "real clients send JSON without saying so; nothing else is ever sent here",
        lambda ask: ask.headers.get("Content-Type") in {None, "text/plain"},
        answers(200),
        answers(400),
    ),
    Deviation(
        "real clients never echo the session's id",
        lambda ask: "Mcp-Session-Id" not in ask.headers and ask.method == "POST",
        answers(200),
        answers(400, -32600),
    ),
    Deviation(
        "real clients go on with a session from before a restart and don't begin anew when they are told so",
        lambda ask: ask.headers.get("Mcp-Session-Id") == "from-before-a-restart" and ask.method == "POST",
        answers(200),
        answers(404, -32600),
    ),
    Deviation(
        "real clients give up on a GET that answers 400 or 406; 405 with Allow tells them that there is no stream",
        lambda ask: ask.method in {"GET", "DELETE"} and "Mcp-Session-Id" not in ask.headers,
        lambda heard: heard.status == 405 and "POST" in heard.headers["allow"],
        lambda heard: heard.status in {400, 406},
    ),
    Deviation(
        "probes that only look want to know whether somebody is there",
        lambda ask: ask.method == "HEAD",
        lambda heard: heard.status == 200 and not heard.body,
        lambda heard: heard.status == 405,
    ),
    Deviation(
        "a method that HTTP knows and we don't is no message, so it isn't answered with one",
        lambda ask: ask.method in {"PUT", "PATCH"},
        lambda heard: heard.status == 405 and "POST" in heard.headers["allow"] and not heard.body,
        lambda heard: heard.status == 405,
    ),
]


def gist(heard: Heard) -> Any:
    """What has to be the same: the class of the status, ids, whole results, codes of errors."""
    messages = [
        {"id": one.get("id"), "error": one["error"].get("code")} if "error" in one else one for one in heard.messages
    ]
    return heard.status // 100, messages


def rpc(method: str, params: Any = None, /, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method}
    if params is not None:
        body["params"] = params
    return {k: v for k, v in (body | more).items() if v != "DROP"}


REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("ping", rpc("ping")),
    ("list tools", rpc("tools/list")),
    ("list tools with params", rpc("tools/list", {})),
    ("list with a cursor that is no text", rpc("tools/list", {"cursor": 5})),
    ("call", rpc("tools/call", {"name": "echo", "arguments": {"text": "x"}})),
    ("call without arguments", rpc("tools/call", {"name": "echo"})),
    ("call with odd arguments", rpc("tools/call", {"name": "echo", "arguments": [1]})),
    ("call of nothing", rpc("tools/call", {})),
    ("call without params", rpc("tools/call")),
    ("call an unknown tool", rpc("tools/call", {"name": "nothing", "arguments": {}})),
    ("call that is refused", rpc("tools/call", {"name": "refuse", "arguments": {}})),
    ("call that raises", rpc("tools/call", {"name": "break", "arguments": {}})),
    ("call with a text id", rpc("tools/call", {"name": "echo"}, id="a")),
    ("call with an empty id", rpc("tools/call", {"name": "echo"}, id="")),
    ("call with a large id", rpc("tools/call", {"name": "echo"}, id=2**53)),
    ("call with a negative id", rpc("tools/call", {"name": "echo"}, id=-1)),
    ("list prompts", rpc("prompts/list")),
    ("get a prompt", rpc("prompts/get", {"name": "brief", "arguments": {"a": "b"}})),
    ("get an unknown prompt", rpc("prompts/get", {"name": "none"})),
    ("get a prompt with odd arguments", rpc("prompts/get", {"name": "brief", "arguments": {"a": 1}})),
    ("list resources", rpc("resources/list")),
    ("list templates", rpc("resources/templates/list")),
    ("read", rpc("resources/read", {"uri": "test://1"})),
    ("read what is not there", rpc("resources/read", {"uri": "test://none"})),
    ("read nothing", rpc("resources/read", {})),
    (
        "complete",
        rpc(
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "brief"}, "argument": {"name": "a", "value": "1"}},
        ),
    ),
    ("complete an odd reference", rpc("completion/complete", {"ref": {"type": "x"}, "argument": {}})),
    ("unknown method", rpc("nothing/here")),
    ("empty method", rpc("")),
    ("initialize without params", rpc("initialize")),
    ("discover", rpc("server/discover")),
    ("set a level", rpc("logging/setLevel", {"level": "info"})),
    ("method that is no text", rpc("ping", method=5)),
    ("params that are a list", rpc("ping", [])),
    ("params that are text", rpc("ping", "x")),
    ("no version of JSON-RPC", rpc("ping", jsonrpc="DROP")),
    ("another version of JSON-RPC", rpc("ping", jsonrpc="1.0")),
    ("id null", rpc("ping", id=None)),
    ("id true", rpc("ping", id=True)),
    ("id a fraction", rpc("ping", id=1.5)),
    ("id a list", rpc("ping", id=[1])),
    ("notification", rpc("notifications/initialized", id="DROP")),
    ("unknown notification", rpc("notifications/none", id="DROP")),
    ("cancelling nothing", rpc("notifications/cancelled", {"requestId": 77}, id="DROP")),
    ("answer to nothing", {"jsonrpc": "2.0", "id": 9, "result": {}}),
    ("error to nothing", {"jsonrpc": "2.0", "id": 9, "error": {"code": 1, "message": "x"}}),
    ("both", rpc("ping", [], result={})),
    ("neither", {"jsonrpc": "2.0", "id": 9}),
    ("empty", {}),
]
BODIES: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("no JSON", b"{"),
    ("no UTF-8", b"\xff\xfe"),
    ("no number", b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":NaN}}'),
    ("null", b"null"),
    ("number", b"7"),
    ("text", b'"x"'),
    ("batch", json.dumps([rpc("ping")]).encode()),
    ("empty batch", b"[]"),
]


LEGACY_HEADERS: list[tuple[str, str, dict[str, str | None]]] = [
    ("as it should be", "POST", {}),
    ("takes JSON alone", "POST", {"Accept": "application/json"}),
    ("takes streams alone", "POST", {"Accept": "text/event-stream"}),
    ("takes anything", "POST", {"Accept": "*/*"}),
    ("takes pages", "POST", {"Accept": "text/html"}),
    ("says nothing of what it takes", "POST", {"Accept": None}),
    ("says nothing of what it sends", "POST", {"Content-Type": None}),
    ("sends text", "POST", {"Content-Type": "text/plain"}),
    ("sends JSON with a charset", "POST", {"Content-Type": "application/json; charset=utf-8"}),
    ("has no session", "POST", {"Mcp-Session-Id": None}),
    ("has a stale session", "POST", {"Mcp-Session-Id": "from-before-a-restart"}),
    ("says no version", "POST", {"MCP-Protocol-Version": None}),
    ("says an earlier version", "POST", {"MCP-Protocol-Version": "2025-03-26"}),
    ("says a version that there isn't", "POST", {"MCP-Protocol-Version": "2099-01-01"}),
    ("reads without a session", "GET", {"Mcp-Session-Id": None}),
    ("reads a stale session", "GET", {"Mcp-Session-Id": "from-before-a-restart"}),
    ("reads a page", "GET", {"Mcp-Session-Id": None, "Accept": "text/html"}),
    ("ends no session", "DELETE", {"Mcp-Session-Id": None}),
    ("ends a stale session", "DELETE", {"Mcp-Session-Id": "from-before-a-restart"}),
    ("puts", "PUT", {}),
    ("patches", "PATCH", {}),
    ("looks", "HEAD", {"Mcp-Session-Id": None}),
]
MODERN_HEADERS: list[tuple[str, str, dict[str, str | None]]] = [
    ("as it should be", "POST", {}),
    ("takes JSON alone", "POST", {"Accept": "application/json"}),
    ("takes streams alone", "POST", {"Accept": "text/event-stream"}),
    ("takes anything", "POST", {"Accept": "*/*"}),
    ("says nothing of what it takes", "POST", {"Accept": None}),
    ("says nothing of what it sends", "POST", {"Content-Type": None}),
    ("sends text", "POST", {"Content-Type": "text/plain"}),
    ("names another method", "POST", {"Mcp-Method": "tools/list"}),
    ("names no method", "POST", {"Mcp-Method": None}),
    ("names the method in capitals", "POST", {"Mcp-Method": "TOOLS/CALL"}),
    ("names another tool", "POST", {"Mcp-Name": "wait"}),
    ("names no tool", "POST", {"Mcp-Name": None}),
    ("names the tool in Base64", "POST", {"Mcp-Name": "=?base64?ZWNobw==?="}),
    ("names the tool in bad Base64", "POST", {"Mcp-Name": "=?base64?ZWNob?="}),
    ("says a version that there isn't", "POST", {"MCP-Protocol-Version": "2099-01-01"}),
    ("says a version of no shape", "POST", {"MCP-Protocol-Version": "x"}),
    ("names a session", "POST", {"Mcp-Session-Id": "any"}),
    ("reads", "GET", {}),
    ("ends", "DELETE", {}),
    ("puts", "PUT", {}),
    ("looks", "HEAD", {}),
]
ENVELOPES: list[tuple[str, Any]] = [
    ("no envelope", None),
    ("an empty envelope", {}),
    ("an envelope that is a list", []),
    *((f"no {key.partition('/')[2]}", {k: v for k, v in ENVELOPE.items() if k != key}) for key in ENVELOPE),
    *((f"{key.partition('/')[2]} of no shape", ENVELOPE | {key: 5}) for key in ENVELOPE),
    ("another version inside", ENVELOPE | {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}),
    ("an earlier version inside", ENVELOPE | {"io.modelcontextprotocol/protocolVersion": LEGACY}),
    ("a level of no shape", ENVELOPE | {"io.modelcontextprotocol/logLevel": "loud"}),
    ("a token of no shape", ENVELOPE | {"progressToken": [1]}),
    ("more than it needs", ENVELOPE | {"example.org/more": {"x": 1}}),
]


def asks(era: str) -> list[Ask]:
    found: list[Ask] = []
    for name, message in REQUESTS:
        found.append(Ask(name, "POST", head(era, message), encoded(with_envelope(era, message))))
    for name, body in BODIES:
        found.append(Ask(name, "POST", head(era, rpc("ping")), body))
    call = rpc("tools/call", {"name": "echo", "arguments": {"text": "x"}})
    for name, method, changes in MODERN_HEADERS if era == "modern" else LEGACY_HEADERS:
        headers = {k: v for k, v in (head(era, call) | changes).items() if v is not None}
        body = encoded(with_envelope(era, call)) if method == "POST" else b""
        found.append(Ask(name, method, headers, body))
    for name, envelope in ENVELOPES:
        meta = {} if envelope is None else {"_meta": envelope}
        sent = rpc("tools/call", {"name": "echo", "arguments": {}, **meta})
        found.append(Ask(name, "POST", head(era, sent), encoded(sent)))
        listing = rpc("tools/list", meta)
        found.append(Ask(f"{name}, listing", "POST", head(era, listing), encoded(listing)))
    return found


def encoded(message: Any) -> bytes:
    return json.dumps(message).encode()


def head(era: str, message: dict[str, Any]) -> dict[str, Any]:
    headers = {"Accept": BOTH, "Content-Type": "application/json"}
    if era == "modern":
        params = message.get("params")
        named = params if isinstance(params, dict) else {}
        headers |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": str(message.get("method", ""))}
        name = named.get("name") or named.get("uri")
        sendable = isinstance(name, str) and name.isascii() and name.isprintable()
        return headers | ({"Mcp-Name": name} if sendable else {})
    return headers | {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": "SESSION"}


def with_envelope(era: str, message: dict[str, Any]) -> dict[str, Any]:
    params = message.get("params", {})
    if era == "legacy" or not isinstance(params, dict) or "id" not in message or "method" not in message:
        return message
    return message | {"params": params | {"_meta": ENVELOPE}}


Both = Callable[[Ask], Awaitable[tuple[Heard, Heard]]]


@contextlib.asynccontextmanager
async def both() -> AsyncIterator[Both]:
    """Ask us and them the same, each within a session of its own."""
    tools, offered = FakeTools(), Offered()
    async with (
        oracle(tools, offered) as it,
        house(offer=offered.offer) as here,
        aiohttp.ClientSession() as http,
    ):

        async def ask(one: Ask, sessions: tuple[str, str]) -> tuple[Heard, Heard]:
            return await ours(here, http, one, sessions[0]), await theirs(it, one, sessions[1])

        hello = rpc(
            "initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        )
        plain = {"Accept": BOTH, "Content-Type": "application/json"}
        we, they = await ask(Ask("begin", "POST", plain, encoded(hello)), ("", ""))
        assert gist(we) == gist(they)
        sessions = we.headers["mcp-session-id"], they.headers["mcp-session-id"]
        ready = rpc("notifications/initialized", id="DROP")
        await ask(Ask("ready", "POST", plain | {"Mcp-Session-Id": "SESSION"}, encoded(ready)), sessions)
        yield lambda one: ask(one, sessions)


def deviation(ask: Ask, we: Heard, they: Heard) -> Deviation | None:
    return next((it for it in DEVIATIONS if it.of(ask) and it.we(we) and it.they(they)), None)


async def test_every_request_is_answered_as_the_sdk_answers_it_or_differs_for_a_reason():
    met: set[str] = set()
    async with both() as ask:
        for era in ("legacy", "modern"):
            for one in asks(era):
                we, they = await ask(one)
                if gist(we) != gist(they):
                    found = deviation(one, we, they)
                    assert found is not None, (era, one.name, gist(we), gist(they))
                    met.add(found.why)
    assert met == {it.why for it in DEVIATIONS}


async def test_a_session_that_was_ended_is_gone_for_both():
    async with both() as ask:
        call = rpc("tools/call", {"name": "echo"})
        for one, status in (
            (Ask("call", "POST", head("legacy", call), encoded(call)), 200),
            (Ask("end", "DELETE", head("legacy", call), b""), 200),
            (Ask("call again", "POST", head("legacy", call), encoded(call)), 404),
            (Ask("read", "GET", head("legacy", call), b""), 404),
            (Ask("end again", "DELETE", head("legacy", call), b""), 404),
        ):
            we, they = await ask(one)
            assert (we.status, they.status) == (status, status), one.name


async def test_no_message_is_answered_otherwise_than_by_the_sdk():
    drawn: list[tuple[str, dict[str, Any]]] = []

    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(era=st.sampled_from(["legacy", "modern"]), message=messages, enveloped=st.booleans())
    def draw(era: str, message: dict[str, Any], enveloped: bool) -> None:
        drawn.append((era, with_envelope(era, message) if enveloped else message))

    draw()
    async with both() as ask:
        for era, message in drawn:
            if message.get("method") in {"subscriptions/listen", "initialize"}:
                continue  # a stream without end, and a session of its own: both have tests of their own
            one = Ask("drawn", "POST", head(era, message), encoded(message))
            we, they = await ask(one)
            assert gist(we) == gist(they) or deviation(one, we, they) is not None, (era, message, gist(we), gist(they))
