"""What a tool may say to its client before it answers: progress, log messages, and questions where they are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp_types import CallToolResult, ElicitRequest, ElicitRequestFormParams, InputRequiredResult, TextContent

from cockpit.model.identity import Caller, GrantId
from server.host import Talk, ToolAnswer, ToolResult
from server.transport.transport import Limits
from tests.server.offers import Offered
from tests.server.parts import ENVELOPE, Wire, house, sdk_client, wire
from tests.server.test_offers import late
from tests.server.test_streams import next_event

ERAS = ["modern", "legacy"]


async def frames(client: Wire, era: str, meta: Mapping[str, Any], **headers: str) -> list[Any]:
    """Call the tool that does what it was told; return all messages of the answer."""
    params = {"name": "do", "_meta": dict(meta)}
    if era == "modern":
        asked = client.modern("tools/call", params | {"_meta": ENVELOPE | dict(meta)}, **headers)
    else:
        asked = client.legacy("tools/call", params, **headers)
    async with asked as answer:
        if answer.content_type == "application/json":
            return [await answer.json()]
        found = []
        while not found or "id" not in found[-1] or "method" in found[-1]:
            found.append(await next_event(answer))
        return found


async def progresses(_: Caller, talk: Talk) -> ToolResult:
    await talk.progress(1, 2, "half")
    await talk.progress(2)
    return ToolAnswer({"done": True})


async def logs(_: Caller, talk: Talk) -> ToolResult:
    for level in ("debug", "info", "error"):
        await talk.log(level, {"at": level}, "tests")
    return ToolAnswer({"done": True})


async def asks(_: Caller, talk: Talk) -> ToolResult:
    return ToolAnswer(await talk.ask("elicitation/create", {"message": "Sure?", "requestedSchema": {"type": "object"}}))


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("token", ["mine", 7])
async def test_progress_comes_before_the_result_with_the_clients_token(era, token):
    async with house() as here, wire(here) as ann:
        here.tools.do = progresses
        *told, result = await frames(ann, era, {"progressToken": token})
        assert [one["params"] for one in told] == [
            {"progressToken": token, "progress": 1, "total": 2, "message": "half"},
            {"progressToken": token, "progress": 2},
        ]
        assert result["result"]["structuredContent"] == {"done": True}


@pytest.mark.parametrize("era", ERAS)
async def test_who_wants_no_progress_or_takes_no_stream_gets_the_result_alone(era):
    async with house() as here, wire(here) as ann:
        here.tools.do = progresses
        for meta, headers in (({}, {}), ({"progressToken": 1}, {"Accept": "application/json"})):
            (result,) = await frames(ann, era, meta, **headers)
            assert result["result"]["structuredContent"] == {"done": True}


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_sdk_client_hears_of_progress(mode):
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    async with house() as here, sdk_client(here, "ann", mode) as client:
        here.tools.do = progresses
        await client.call_tool("do", {}, progress_callback=hear)
        assert heard == [(1, 2, "half"), (2, None, None)]


@pytest.mark.parametrize(
    ("level", "told"), [(None, []), ("debug", ["debug", "info", "error"]), ("warning", ["error"]), ("emergency", [])]
)
async def test_a_modern_request_gets_the_log_messages_that_it_asks_for(level, told):
    meta = {} if level is None else {"io.modelcontextprotocol/logLevel": level}
    async with house() as here, wire(here) as ann:
        here.tools.do = logs
        *messages, result = await frames(ann, "modern", meta)
        assert [one["params"]["level"] for one in messages] == told
        assert all(one["params"]["logger"] == "tests" for one in messages)
        assert result["result"]["structuredContent"] == {"done": True}


async def test_a_session_gets_the_log_messages_from_the_level_that_it_set():
    async with house(offer=Offered().offer) as here, wire(here) as ann:
        here.tools.do = logs
        session = {"Mcp-Session-Id": await ann.initialize()}
        *messages, _ = await frames(ann, "legacy", {}, **session)
        assert [one["params"]["level"] for one in messages] == ["info", "error"]
        async with ann.legacy("logging/setLevel", {"level": "error"}, **session) as answer:
            assert (await answer.json())["result"] == {}
        *messages, _ = await frames(ann, "legacy", {}, **session)
        assert [one["params"]["level"] for one in messages] == ["error"]
        async with ann.legacy("logging/setLevel", {"level": "loud"}, **session) as answer:
            assert (await answer.json())["error"]["code"] == -32602


async def asked_by(answer: Any) -> Any:
    question = await next_event(answer)
    while question is None or question.get("method") != "elicitation/create":
        question = await next_event(answer)
    return question


async def test_a_tool_may_ask_within_a_session_where_that_is_allowed():
    async with (
        house(asks_clients=True) as here,
        wire(here, "ann") as ann,
        wire(here, "ben") as ben,
    ):
        here.tools.do = asks
        session = {"Mcp-Session-Id": await ann.initialize()}
        other = {"Mcp-Session-Id": await ben.initialize()}
        async with ann.legacy("tools/call", {"name": "do"}, request_id="one", **session) as answer:
            question = await asked_by(answer)
            assert question["params"]["message"] == "Sure?"
            said = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept"}}
            for client, headers, body in (
                (ben, other, said | {"result": {"action": "theirs"}}),
                (ann, {}, said | {"result": {"action": "without a session"}}),
                (ann, session, said | {"id": "ask-99"}),
                (ann, session, said),
                (ann, session, said | {"result": {"action": "twice"}}),
            ):
                async with client.post(body, **headers) as taken:
                    assert taken.status == 202
            assert (await next_event(answer))["result"]["structuredContent"] == {"action": "accept"}


@pytest.mark.parametrize("error", [{"code": -1, "message": "No."}, {"code": "x"}, "no", None])
async def test_a_client_that_cannot_answer_ends_the_call_with_its_error(error):
    async with house(asks_clients=True) as here, wire(here) as ann:
        here.tools.do = asks
        session = {"Mcp-Session-Id": await ann.initialize()}
        async with ann.legacy("tools/call", {"name": "do"}, **session) as answer:
            question = await asked_by(answer)
            async with ann.post({"jsonrpc": "2.0", "id": question["id"], "error": error}, **session) as taken:
                assert taken.status == 202
            said = (await next_event(answer))["error"]
            assert said["code"] == (-1 if isinstance(error, dict) and error["code"] == -1 else -32600)


@pytest.mark.parametrize(
    ("allowed", "era", "in_session"), [(False, "legacy", True), (True, "legacy", False), (True, "modern", False)]
)
async def test_nobody_is_asked_where_it_is_not_allowed_or_not_known(allowed, era, in_session):
    refused: list[str] = []

    async def tries(_: Caller, talk: Talk) -> ToolResult:
        try:
            await talk.ask("elicitation/create", {})
        except NoBackChannelError as no:
            refused.append(str(no))
        return ToolAnswer({})

    async with house(asks_clients=allowed) as here, wire(here) as ann:
        here.tools.do = tries
        session = {"Mcp-Session-Id": await ann.initialize()} if in_session else {}
        (result,) = await frames(ann, era, {}, **session)
        assert "result" in result
        assert len(refused) == 1


async def test_the_questions_of_a_session_are_bounded_and_end_with_the_grant():
    async with house(asks_clients=True, limits=Limits(max_calls_in_flight=100)) as here, wire(here) as ann:
        here.tools.do = asks
        session = {"Mcp-Session-Id": await ann.initialize()}

        async def ask(number: int) -> Any:
            async with ann.legacy("tools/call", {"name": "do"}, request_id=number, **session) as answer:
                if answer.content_type == "application/json":
                    beyond.append(number)
                    return await answer.json()
                await asked_by(answer)
                asked.append(number)
                return await next_event(answer)

        asked, beyond = list[int](), list[int]()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(number)) for number in range(18)]
            async with asyncio.timeout(10):
                while len(asked) < 16 or len(beyond) < 2:
                    await asyncio.sleep(0.01)
            here.transport.grant_ended(GrantId("grant-ann"))
        answers = [task.result()["error"] for task in tasks]
        assert sum(error.get("data", {}).get("code") == "GRANT_ENDED" for error in answers) == 16


async def test_a_modern_tool_asks_by_its_result_and_reads_the_answers():
    async def tool(_: Caller, talk: Talk) -> ToolResult:
        if talk.state is None:
            nothing = {"type": "object", "properties": {}}
            asked = ElicitRequest(params=ElicitRequestFormParams(message="Sure?", requested_schema=nothing))
            return InputRequiredResult(input_requests={"sure": asked}, request_state="s1")
        can = talk.capabilities
        return ToolAnswer({"answers": dict(talk.answers), "state": talk.state, "can": can is not None})

    async with house() as here, wire(here) as ann:
        here.tools.do = tool
        async with ann.modern("tools/call", {"name": "do"}) as answer:
            result = (await answer.json())["result"]
        assert (result["resultType"], result["requestState"]) == ("input_required", "s1")
        assert result["inputRequests"]["sure"]["method"] == "elicitation/create"
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "cockpit"
        back = {"name": "do", "requestState": "s1", "inputResponses": {"sure": {"action": "decline"}}}
        async with ann.modern("tools/call", back) as answer:
            result = (await answer.json())["result"]
        assert result["structuredContent"] == {"answers": {"sure": {"action": "decline"}}, "state": "s1", "can": True}
        async with ann.legacy("tools/call", {"name": "do"}) as answer:  # an era that knows no such result
            assert (await answer.json())["error"]["code"] == -32603


@pytest.mark.parametrize("era", ERAS)
async def test_a_tool_may_answer_with_any_result_of_the_protocol_or_an_error_of_it(era):
    async def shows(_: Caller, __: Talk) -> ToolResult:
        return CallToolResult(content=[TextContent(type="text", text="plain")])

    async def raises(_: Caller, __: Talk) -> ToolResult:
        raise MCPError(-32602, "Not like that", {"why": "so"})

    async with house() as here, wire(here) as ann:
        here.tools.do = shows
        (shown,) = await frames(ann, era, {})
        assert shown["result"]["content"] == [{"type": "text", "text": "plain"}]
        assert shown["result"].get("resultType") == ("complete" if era == "modern" else None)
        here.tools.do = raises
        (failed,) = await frames(ann, era, {})
        assert failed["error"] == {"code": -32602, "message": "Not like that", "data": {"why": "so"}}


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_takes_too_long_is_called_off_and_says_so(era):
    async with house(limits=Limits(call_seconds=5)) as here, wire(here) as ann:
        ask = ann.modern if era == "modern" else ann.legacy

        async def call() -> Any:
            async with ask("tools/call", {"name": "wait"}) as answer:
                return await answer.json()

        async with asyncio.TaskGroup() as group:
            calling = group.create_task(call())
            await here.tools.started.wait()
            late(here)
        assert calling.result()["result"]["structuredContent"]["code"] == "DEADLINE"
        assert calling.result()["result"]["isError"]
        assert here.tools.cancelled.is_set()
        assert here.transport.open_requests == 0


async def test_a_stream_that_listens_has_no_deadline():
    async with house(limits=Limits(call_seconds=5)) as here, wire(here) as ann:
        params = {"notifications": {"toolsListChanged": True}}
        async with ann.modern("subscriptions/listen", params) as stream:
            await next_event(stream)
            late(here)
            here.transport.tools_changed(GrantId("grant-ann"))
            assert (await next_event(stream))["method"] == "notifications/tools/list_changed"
