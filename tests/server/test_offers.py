"""Prompts, resources and completion in both eras: what is listed, what is refused, who hears of a change."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from cockpit.model.identity import GrantId
from cockpit.model.refusals import refuse
from server.host import Completing
from server.transport.listening import MOST_WATCHED
from server.transport.pages import PAGE
from server.transport.transport import Limits
from tests.server.offers import FakeResources, Offered
from tests.server.parts import LEGACY, MODERN, House, Wire, house, sdk_client, wire
from tests.server.test_streams import get_stream, listen_stream, next_event

ERAS = ["modern", "legacy"]


async def ask(client: Wire, era: str, method: str, params: dict[str, Any] | None = None, **headers: str) -> Any:
    """Ask, and return the status and the whole message."""
    if era == "modern":
        headers |= {"Mcp-Name": str((params or {}).get("name") or (params or {}).get("uri") or "")}
        asked = client.modern(method, params, **headers)
    else:
        asked = client.legacy(method, params, **headers)
    async with asked as answer:
        return answer.status, await answer.json(), answer.headers


def assert_shape(body: Any, code: str, **more: str) -> None:
    """Look whether an error of the protocol carries a refusal as all others are said."""
    data = body["error"]["data"]
    assert data.keys() == {"code", "message", "retryable", "who_can_fix", "details", *more}
    assert data["code"] == code
    assert {name: data[name] for name in more} == more


@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_the_sdk_client_uses_all_of_it(mode):
    offered = Offered()
    async with house(offer=offered.offer) as here, sdk_client(here, "ann", mode) as client:
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["brief", "hers"]
        assert "'a': 'b'" in (await client.get_prompt("hers", {"a": "b"})).messages[0].content.text
        assert len((await client.list_resources()).resources) == 3
        assert len((await client.list_resource_templates()).resource_templates) == 1
        assert (await client.read_resource("test://1")).contents[0].text == "test://1 for ann"


@pytest.mark.parametrize("era", ERAS)
async def test_what_is_not_there_is_an_error_of_the_protocol(era):
    async with house(offer=Offered().offer) as here, wire(here, "ben") as ben:
        status, body, _ = await ask(ben, era, "prompts/get", {"name": "hers"})
        assert (status, body["error"]["code"]) == (400 if era == "modern" else 200, -32602)
        status, body, _ = await ask(ben, era, "resources/read", {"uri": "test://none"})
        assert body["error"]["code"] == (-32602 if era == "modern" else -32002)
        assert_shape(body, "RESOURCE_UNKNOWN", uri="test://none")
        _, body, _ = await ask(ben, era, "prompts/get", {"name": "hers"})
        assert_shape(body, "PROMPT_UNKNOWN", name="hers")
        _, body, _ = await ask(ben, era, "resources/list", {"cursor": "x"})
        assert_shape(body, "CURSOR_UNKNOWN")


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("code", "status"), [("GRANT_ENDED", 401), ("KILL_SWITCH", 401), ("SCOPE_MISSING", 403), ("RATE_LIMITED", None)]
)
async def test_a_refusal_reads_as_that_of_a_tool(era, code, status):
    offered = Offered()
    offered.prompts.refusal = offered.resources.refusal = refuse(code, scope="read:account")
    async with house(offer=offered.offer) as here, wire(here) as ann:
        for method, params in (("prompts/get", {"name": "brief"}), ("resources/read", {"uri": "test://1"})):
            found, body, headers = await ask(ann, era, method, params)
            assert found == status or (status is None and found in {200, 400})
            assert body["error"]["data"]["code"] == code
            assert (status is not None) == ("WWW-Authenticate" in headers)


@pytest.mark.parametrize("era", ERAS)
async def test_nothing_is_announced_or_answered_that_is_not_there(era):
    async with house() as here, wire(here) as ann:
        for method in ("prompts/list", "resources/list", "resources/templates/list"):
            _, body, _ = await ask(ann, era, method)
            assert body["error"]["code"] == -32601
        assert set(await capabilities(ann, era)) == {"tools"}
    async with house(offer=Offered().offer) as here, wire(here) as ann:
        announced = await capabilities(ann, era)
        assert announced["prompts"] == {"listChanged": True}
        assert announced["resources"] == {"listChanged": True, "subscribe": True}
        assert {"completions", "logging"} <= set(announced)


async def capabilities(client: Wire, era: str) -> dict[str, Any]:
    if era == "modern":
        _, body, _ = await ask(client, era, "server/discover")
    else:
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        _, body, _ = await ask(client, era, "initialize", hello)
    return body["result"]["capabilities"]


@pytest.mark.parametrize("era", ERAS)
async def test_a_hundred_completions_are_given_out_and_the_rest_is_counted(era):
    offered = Offered()
    params = {
        "ref": {"type": "ref/prompt", "name": "brief"},
        "argument": {"name": "symbol", "value": "1"},
        "context": {"arguments": {"side": "BUY"}},
    }
    async with house(offer=offered.offer) as here, wire(here) as ann:
        _, body, _ = await ask(ann, era, "completion/complete", params)
        found = body["result"]["completion"]
        assert (len(found["values"]), found["total"], found["hasMore"]) == (100, 111, True)
        assert offered.completions.asked == [Completing("symbol", "1", prompt="brief", known={"side": "BUY"})]
        template = {"ref": {"type": "ref/resource", "uri": "test://{number}"}, "argument": {"name": "n", "value": "99"}}
        _, body, _ = await ask(ann, era, "completion/complete", template)
        assert body["result"]["completion"] == {
            "values": ["99", *map(str, range(990, 1000))],
            "total": 11,
            "hasMore": False,
        }


@pytest.mark.parametrize("era", ERAS)
async def test_a_long_list_comes_in_pages_that_no_change_shifts(era):
    resources = FakeResources(count=2 * PAGE + 1)
    async with house(offer=Offered(resources=resources).offer) as here, wire(here) as ann:
        _, body, _ = await ask(ann, era, "resources/list")
        first = body["result"]
        assert len(first["resources"]) == PAGE
        resources.count += 1
        _, body, _ = await ask(ann, era, "resources/list", {"cursor": first["nextCursor"]})
        second = body["result"]
        assert second["resources"][0]["uri"] == f"test://{PAGE}"
        _, body, _ = await ask(ann, era, "resources/list", {"cursor": second["nextCursor"]})
        assert [item["uri"] for item in body["result"]["resources"]] == [f"test://{2 * PAGE}", f"test://{2 * PAGE + 1}"]
        assert "nextCursor" not in body["result"]
        resources.count = 1  # the item that the cursor names is gone
        for cursor in (first["nextCursor"], "", "x" * 24, "x" * 10_000):
            _, body, _ = await ask(ann, era, "resources/list", {"cursor": cursor})
            assert body["error"]["code"] == -32602


async def test_a_session_watches_a_resource_until_it_stops():
    async with house(offer=Offered().offer) as here, wire(here, "ann") as ann, get_stream(ann) as stream:
        session = {"Mcp-Session-Id": stream.headers["Mcp-Session-Id"]}
        for uri in ("test://0", "test://2"):
            _, body, _ = await ask(ann, "legacy", "resources/subscribe", {"uri": uri}, **session)
            assert body["result"] == {}
        _, body, _ = await ask(ann, "legacy", "resources/subscribe", {"uri": "test://1"}, **session)
        assert body["error"]["code"] == -32002
        _, body, _ = await ask(ann, "legacy", "resources/unsubscribe", {"uri": "test://2"}, **session)
        assert body["result"] == {}
        for uri in ("test://2", "test://1", "test://0"):
            here.transport.resource_updated(GrantId("grant-ann"), uri)
        here.transport.resource_updated(GrantId("grant-ben"), "test://0")
        here.transport.tools_changed(GrantId("grant-ann"))
        said = [await next_event(stream) for _ in range(2)]
        assert [(one["method"], one.get("params")) for one in said] == [
            ("notifications/resources/updated", {"uri": "test://0"}),
            ("notifications/tools/list_changed", None),
        ]


async def test_what_a_session_watches_is_bounded_and_needs_one():
    async with house(offer=Offered().offer) as here, wire(here) as ann:
        _, body, _ = await ask(ann, "legacy", "resources/subscribe", {"uri": "test://0"})
        assert body["error"]["code"] == -32600
        session = {"Mcp-Session-Id": await ann.initialize()}
        for number in range(MOST_WATCHED):
            _, body, _ = await ask(ann, "legacy", "resources/subscribe", {"uri": f"test://{number}0"}, **session)
            assert body["result"] == {}
        _, body, _ = await ask(ann, "legacy", "resources/subscribe", {"uri": "test://x0"}, **session)
        assert body["error"]["code"] == -32600
        assert_shape(body, "WATCH_LIMIT")
        _, body, _ = await ask(ann, "legacy", "resources/subscribe", {"uri": "test://50"}, **session)
        assert body["result"] == {}


async def test_a_client_listens_on_so_many_streams_and_no_more():
    async with house() as here, wire(here, "ann") as ann, contextlib.AsyncExitStack() as open_streams:
        for _ in range(16):
            await open_streams.enter_async_context(listen_stream(ann))
        _, body, _ = await ask(ann, "modern", "subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        assert_shape(body, "WATCH_LIMIT")
        await open_streams.aclose()
        while here.transport.open_requests:
            await asyncio.sleep(0)
        async with listen_stream(ann):
            pass


async def test_what_a_client_watches_is_bounded_over_all_its_sessions_and_streams():
    async with house(offer=Offered().offer) as here, wire(here) as ann:
        sessions = [{"Mcp-Session-Id": await ann.initialize()} for _ in range(2)]
        for number in range(MOST_WATCHED - 1):
            session = sessions[number % 2]
            _, body, _ = await ask(ann, "legacy", "resources/subscribe", {"uri": f"test://{number}0"}, **session)
            assert body["result"] == {}
        listen = {"notifications": {"resourceSubscriptions": ["test://x2", "test://00", "test://x4"]}}
        async with ann.modern("subscriptions/listen", listen) as stream:
            acknowledged = (await next_event(stream))["params"]["notifications"]["resourceSubscriptions"]
            assert acknowledged == ["test://x2", "test://00"]
            _, body, _ = await ask(ann, "legacy", "resources/subscribe", {"uri": "test://x4"}, **sessions[0])
            assert body["error"]["code"] == -32600


async def test_a_listen_stream_is_told_only_of_what_it_may_watch_and_asked_for():
    listen = {
        "notifications": {"resourceSubscriptions": ["test://0", "test://1", "other://0"], "promptsListChanged": True}
    }
    async with (
        house(offer=Offered().offer) as here,
        wire(here) as ann,
        ann.modern("subscriptions/listen", listen) as stream,
    ):
        acknowledged = await next_event(stream)
        assert acknowledged["params"]["notifications"]["resourceSubscriptions"] == ["test://0"]
        for uri in ("test://1", "other://0", "test://0"):
            here.transport.resource_updated(GrantId("grant-ann"), uri)
        assert (await next_event(stream))["params"]["uri"] == "test://0"
        here.transport.lists_changed(GrantId("grant-ann"))
        assert (await next_event(stream))["method"] == "notifications/prompts/list_changed"


async def test_all_lists_are_told_to_a_session_that_has_them():
    async with house(offer=Offered().offer) as here, wire(here) as ann, get_stream(ann) as stream:
        here.transport.lists_changed(GrantId("grant-ann"))
        kinds = {(await next_event(stream))["method"].split("/")[1] for _ in range(3)}
        assert kinds == {"tools", "prompts", "resources"}
    async with house() as here, wire(here) as ann, get_stream(ann) as stream:
        here.transport.lists_changed(GrantId("grant-ann"))
        here.transport.tools_changed(GrantId("grant-ann"))
        assert [(await next_event(stream))["method"] for _ in range(2)] == ["notifications/tools/list_changed"] * 2


@pytest.mark.parametrize("era", ERAS)
async def test_reading_a_resource_ends_with_its_grant_and_its_deadline(era):
    offered = Offered()
    async with house(offer=offered.offer, limits=Limits(call_seconds=5)) as here, wire(here) as ann:
        for end, status, code in (
            (lambda: here.transport.grant_ended(GrantId("grant-ann")), 401, "GRANT_ENDED"),
            (lambda: late(here), None, "DEADLINE"),
        ):
            offered.resources.started.clear()
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(ask(ann, era, "resources/read", {"uri": "test://slow"}))
                await offered.resources.started.wait()
                end()
            found, body, _ = reading.result()
            assert status in {None, found}
            assert body["error"]["data"]["code"] == code


def late(here: House) -> None:
    here.clock.seconds += 5
    here.transport.sweep()


async def test_what_is_read_is_kept_by_nobody_else():
    async with house(offer=Offered().offer) as here, wire(here) as ann:
        status, body, _ = await ask(ann, "modern", "resources/read", {"uri": "test://1"})
        assert (status, body["result"]["cacheScope"], body["result"]["ttlMs"]) == (200, "private", 0)
