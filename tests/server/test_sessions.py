"""Handshake-era sessions: whose they are, how they end, and that a client that loses one is served all the same."""

from __future__ import annotations

import asyncio

import pytest

from cockpit.model.identity import GrantId
from server.transport.transport import Limits
from tests.server.parts import LEGACY, caller, house, wire


async def listed(client, session_id="") -> int:
    headers = {"Mcp-Session-Id": session_id} if session_id else {}
    async with client.legacy("tools/list", **headers) as answer:
        return answer.status


async def test_a_session_of_another_client_is_not_found():
    async with house() as here, wire(here, "ann") as ann, wire(here, "ben") as ben:
        session_id = await ann.initialize()
        assert await listed(ann, session_id) == 200
        assert await listed(ben, session_id) == 404
        async with ben.http.delete(here.url, headers={**ben.auth, "Mcp-Session-Id": session_id}) as answer:
            assert answer.status == 404
        async with ben.http.get(here.url, headers={**ben.auth, "Mcp-Session-Id": session_id}) as answer:
            assert answer.status == 404
        assert await listed(ann, session_id) == 200


@pytest.mark.parametrize("session_id", ["", "from-before-a-restart"])
async def test_requests_without_a_known_session_are_served(session_id):
    async with house() as here, wire(here) as ann:
        headers = {"Mcp-Session-Id": session_id} if session_id else {}
        async with ann.legacy("tools/call", {"name": "echo", "arguments": {"text": "x"}}, **headers) as answer:
            assert answer.status == 200
            assert (await answer.json())["result"]["structuredContent"] == {"said": {"text": "x"}}
            assert "Mcp-Session-Id" not in answer.headers
        async with ann.legacy("tools/list", **headers) as answer:
            assert len((await answer.json())["result"]["tools"]) == len(here.tools.tools)
        async with ann.legacy("ping", **headers) as answer:
            assert (await answer.json())["result"] == {}


async def test_a_session_that_its_client_ended_is_gone():
    async with house() as here, wire(here) as ann:
        session_id = await ann.initialize()
        async with ann.http.delete(here.url, headers={**ann.auth, "Mcp-Session-Id": session_id}) as answer:
            assert answer.status == 200
        assert await listed(ann, session_id) == 404
        async with ann.legacy("tools/call", {"name": "echo"}, **{"Mcp-Session-Id": session_id}) as answer:
            assert answer.status == 404
        assert here.transport.sessions == 0


async def test_an_idle_session_is_forgotten_and_its_client_still_served():
    async with house(limits=Limits(session_idle_seconds=60)) as here, wire(here) as ann:
        session_id = await ann.initialize()
        here.clock.seconds += 59
        assert await listed(ann, session_id) == 200
        here.clock.seconds += 59
        here.transport.sweep()
        assert here.transport.sessions == 1
        here.clock.seconds += 60
        here.transport.sweep()
        assert here.transport.sessions == 0
        assert await listed(ann, session_id) == 200


async def test_a_session_with_an_open_stream_is_not_idle():
    async with house(limits=Limits(session_idle_seconds=60)) as here, wire(here) as ann:
        session_id = await ann.initialize()
        headers = {**ann.auth, "Mcp-Session-Id": session_id, "Accept": "text/event-stream"}
        async with ann.http.get(here.url, headers=headers) as stream:
            assert stream.status == 200
            here.clock.seconds += 600
            here.transport.sweep()
            assert here.transport.sessions == 1


async def test_a_session_whose_stream_ended_late_counts_as_used_then():
    async with house(limits=Limits(session_idle_seconds=60, max_sessions=3)) as here, wire(here) as ann:
        first = await ann.initialize()
        for _ in range(2):
            await ann.initialize()
        headers = {**ann.auth, "Mcp-Session-Id": first, "Accept": "text/event-stream"}
        async with ann.http.get(here.url, headers=headers) as stream:
            assert stream.status == 200
            here.clock.seconds += 59
        while here.transport.open_requests:
            await asyncio.sleep(0)
        here.clock.seconds += 2
        here.transport.sweep()
        assert here.transport.sessions == 1
        assert await listed(ann, first) == 200


async def test_a_client_that_begins_sessions_in_a_loop_pushes_out_its_own():
    async with house(limits=Limits(max_sessions=3)) as here, wire(here, "ann") as ann, wire(here, "ben") as ben:
        kept = await ben.initialize()
        ids = [await ann.initialize() for _ in range(10)]
        assert here.transport.sessions == 3
        async with ann.http.delete(here.url, headers={**ann.auth, "Mcp-Session-Id": ids[0]}) as answer:
            assert answer.status == 404
        async with ben.http.delete(here.url, headers={**ben.auth, "Mcp-Session-Id": kept}) as answer:
            assert answer.status == 200


async def test_when_no_session_is_idle_a_client_goes_on_without_one():
    async with house(limits=Limits(max_sessions=1)) as here, wire(here) as ann:
        session_id = await ann.initialize()
        headers = {**ann.auth, "Mcp-Session-Id": session_id, "Accept": "text/event-stream"}
        async with ann.http.get(here.url, headers=headers) as stream:
            assert stream.status == 200
            assert await ann.initialize() == ""
            assert here.transport.sessions == 1


async def test_a_new_grant_of_the_same_client_is_served_with_the_old_id():
    async with house() as here, wire(here) as ann:
        session_id = await ann.initialize()
        here.transport.grant_ended(GrantId("grant-ann"))
        here.door.callers["ann"] = caller("ann", grant_id="second")
        assert await listed(ann, session_id) == 200


@pytest.mark.parametrize(
    ("method", "session", "status"),
    [
        ("GET", None, 405),
        ("DELETE", None, 405),
        ("GET", "unknown", 404),
        ("DELETE", "unknown", 404),
        ("PUT", None, 405),
        ("PATCH", None, 405),
    ],
)
async def test_methods_that_fit_no_session_are_refused(method, session, status):
    async with house() as here, wire(here) as ann:
        headers = {**ann.auth, "Accept": "text/html"} | ({"Mcp-Session-Id": session} if session else {})
        async with ann.http.request(method, here.url, headers=headers) as answer:
            assert answer.status == status
            assert status != 405 or "POST" in answer.headers["Allow"]


async def test_a_session_has_one_stream():
    async with house() as here, wire(here) as ann:
        session_id = await ann.initialize()
        headers = {**ann.auth, "Mcp-Session-Id": session_id, "Accept": "text/event-stream"}
        async with ann.http.get(here.url, headers=headers) as stream:
            assert stream.status == 200
            async with ann.http.get(here.url, headers=headers) as second:
                assert second.status == 409


async def test_a_client_that_comes_back_gets_its_stream_at_once():
    async with house() as here, wire(here) as ann:
        session_id = await ann.initialize()
        headers = {**ann.auth, "Mcp-Session-Id": session_id, "Accept": "text/event-stream"}
        stream = await ann.http.get(here.url, headers=headers)
        stream.close()
        async with asyncio.timeout(2):
            while True:
                async with ann.http.get(here.url, headers=headers) as again:
                    if again.status == 200:
                        break


async def test_a_failed_handshake_leaves_no_session():
    async with house() as here, wire(here) as ann:
        async with ann.legacy("initialize", {"protocolVersion": LEGACY}) as answer:
            assert (await answer.json())["error"]["code"] == -32602
            assert "Mcp-Session-Id" not in answer.headers
        assert here.transport.sessions == 0


async def test_an_id_that_still_runs_is_refused_a_second_time():
    async with house() as here, wire(here) as ann:
        session = {"Mcp-Session-Id": await ann.initialize()}
        async with asyncio.TaskGroup() as group:

            async def first():
                async with ann.legacy("tools/call", {"name": "wait"}, request_id=5, **session) as answer:
                    return await answer.json()

            running = group.create_task(first())
            await here.tools.started.wait()
            async with ann.legacy("tools/call", {"name": "wait"}, request_id=5, **session) as answer:
                assert answer.status == 400
            here.tools.go_on.set()
        assert running.result()["result"]["structuredContent"] == {"waited": True}
        assert [name for _, name, _ in here.tools.called] == ["wait"]


async def test_a_client_that_says_too_much_when_it_begins_is_served_and_not_remembered():
    hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "x" * 50_000, "version": "1"}}
    async with house() as here, wire(here) as ann:
        async with ann.legacy("initialize", hello) as answer:
            session_id = answer.headers["Mcp-Session-Id"]
        assert await listed(ann, session_id) == 200
        async with ann.legacy("tools/list", **{"Mcp-Session-Id": session_id}) as answer:
            assert "result" in await answer.json()


async def test_sessions_of_clients_that_say_different_things_stay_apart():
    async with house() as here, wire(here) as ann:
        sessions = {}
        for number in range(300):
            version = LEGACY if number % 2 else "2025-03-26"
            info = {"name": str(number), "version": "1"}
            hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": info}
            async with ann.legacy("initialize", hello) as answer:
                sessions[answer.headers["Mcp-Session-Id"]] = (await answer.json())["result"]["protocolVersion"]
        assert set(sessions.values()) == {LEGACY, "2025-03-26"}
        assert here.transport.sessions == 300
        for session_id in sessions:
            assert await listed(ann, session_id) == 200


async def test_a_grant_has_its_own_sessions_however_they_ended():
    limits = Limits(max_sessions=4, session_idle_seconds=60)
    async with house(limits=limits) as here, wire(here, "ann") as ann, wire(here, "ben") as ben:
        hers = [await ann.initialize() for _ in range(2)]
        his = [await ben.initialize() for _ in range(2)]
        here.clock.seconds += 30
        assert await listed(ann, hers[0]) == 200  # the second one is the longest idle of hers now
        hers.append(await ann.initialize())
        for session_id, status in ((hers[1], 404), (hers[0], 200), (his[0], 200)):
            async with ann.http.delete(
                here.url, headers={**(ben if session_id in his else ann).auth, "Mcp-Session-Id": session_id}
            ) as answer:
                assert answer.status == status
        here.transport.grant_ended(GrantId("grant-ann"))
        assert here.transport.sessions == 1
        here.clock.seconds += 60
        here.transport.sweep()
        assert here.transport.sessions == 0
        here.transport.lists_changed(GrantId("grant-ben"))
        assert await ben.initialize()
        assert here.transport.sessions == 1
