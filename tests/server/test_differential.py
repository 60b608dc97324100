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

from tests.server.asks import BOTH, Ask, asks, encoded, head, rpc, with_envelope
from tests.server.offers import Offered
from tests.server.oracle import Heard, Oracle, oracle
from tests.server.parts import LEGACY, FakeTools, House, house
from tests.server.test_malformed import messages


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
