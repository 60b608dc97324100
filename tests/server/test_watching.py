from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from cockpit.model.events import Notice
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Refusal
from cockpit.model.text import Safe
from cockpit.operator.act import Command, Done
from cockpit.operator.remote.messages import Hello, Sign, encode_hello, encode_sign
from cockpit.operator.remote.remote_face import CannotAttach, NotThere
from server import watching
from server.control import ControlSocket
from server.watching import MAX_IN_FLIGHT, MAX_WATCHERS, QUEUE
from tests.server.distant import SOON, HostFace, host_face, screen, until
from tests.tui.fake_face import NOW, calls


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
async def host() -> HostFace:
    return host_face()


@pytest.fixture
async def running(path: Path, host: HostFace) -> AsyncIterator[ControlSocket]:
    async with ControlSocket(path, host) as serving:
        yield serving


pytestmark = pytest.mark.usefixtures("running")


async def test_a_screen_begins_with_everything_that_the_host_sees(path: Path, host: HostFace) -> None:
    async with screen(path) as face:
        assert face.snapshot() == host.seen
        assert face.answers


async def test_when_an_event_comes_the_snapshot_shows_it_already(path: Path, host: HostFace) -> None:
    async with screen(path) as face:
        seen: list[str] = []
        woken = asyncio.Event()

        def wake(_: object) -> None:
            seen.append(face.snapshot().url)
            woken.set()

        subscription = face.subscribe(wake=wake)
        host.show(url="elsewhere")
        await asyncio.wait_for(woken.wait(), SOON)
        assert seen == ["elsewhere"]
        assert len(subscription.events) == 1


async def test_calls_arrive_in_their_order_and_complete(path: Path, host: HostFace) -> None:
    async with screen(path) as face:
        subscription = face.subscribe()
        for call in calls(1_500):
            host.publish(call)
        await until(lambda: len(subscription.events) == 1_500)
        assert tuple(subscription.events) == calls(1_500)
        assert subscription.missed == 0


async def test_a_change_without_an_event_is_seen_all_the_same(path: Path, host: HostFace) -> None:
    async with screen(path) as face:
        host.seen = replace(host.seen, version=host.seen.version + 1, url="quietly")
        await until(lambda: face.snapshot().url == "quietly")


async def test_a_command_comes_over_the_socket_and_its_answer_after_what_it_did(path: Path, host: HostFace) -> None:
    async with screen(path) as face:
        answer = await face.run(Command("halt", {"reason": "lunch"}, by="screen", totp="123456"))
        assert answer == Done("done: halt")
        assert face.snapshot().url == "after halt"
    assert host.commands == [Command("halt", {"reason": "lunch"}, by="socket", totp="123456")]


async def test_commands_overtake_each_other(path: Path, host: HostFace) -> None:
    async with screen(path) as face:
        host.gate.clear()
        slow = asyncio.create_task(face.run(Command("halt")))
        await until(lambda: host.commands)
        ticket = await face.order_ticket(next(iter(host.order_tickets)))  # type: ignore[arg-type]
        assert not slow.done()
        assert ticket == next(iter(host.order_tickets.values()))
        host.gate.set()
        assert await slow == Done("done: halt")


async def test_tickets_come_whole_or_as_a_refusal(path: Path, host: HostFace) -> None:
    async with screen(path) as face:
        for code, ticket in host.client_tickets.items():
            assert await face.client_ticket(code) == ticket
        unknown = await face.order_ticket(OrderId("o-none"))
        assert isinstance(unknown, Refusal)
        assert unknown.code == "ORDER_UNKNOWN"


async def test_a_read_only_screen_is_refused_what_changes_anything_by_itself_and_by_the_host(
    path: Path, host: HostFace
) -> None:
    async with screen(path, read_only=True) as face:
        answer = await face.run(Command("kill"))
        assert isinstance(answer, Refusal)
        assert answer.code == "READ_ONLY"
        assert isinstance(await face.run(Command("status")), Done)
    reader, writer = await greeted(path, read_only=True)
    writer.write(b'{"id":"9","act":"kill"}\n')
    assert (await reply(reader, "9"))["Refusal"]["code"] == "READ_ONLY"
    writer.close()
    assert [command.act for command in host.commands] == ["status"]


async def test_a_read_only_screen_has_no_strangers_document_fetched(path: Path, host: HostFace) -> None:
    async with screen(path, read_only=True) as looking, screen(path) as acting:
        assert await looking.client_ticket("KWMRTB") == host.client_tickets["KWMRTB"]
        first, *others = host.seen.pending_clients
        host.seen = replace(
            host.seen,
            version=host.seen.version + 1,
            pending_clients=(replace(first, unfetched=True), *others),
        )
        refused = await looking.client_ticket("KWMRTB")
        assert isinstance(refused, Refusal)
        assert refused.code == "READ_ONLY"
        assert await acting.client_ticket("KWMRTB") == host.client_tickets["KWMRTB"]


async def greeted(
    path: Path, *, read_only: bool = False, limit: int = 2**24
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(os.fspath(path), limit=limit)
    writer.write(encode_hello(Hello("test", read_only)))
    assert b"welcome" in await reader.readline()
    return reader, writer


async def reply(reader: asyncio.StreamReader, request_id: str) -> dict[str, dict[str, str]]:
    async with asyncio.timeout(SOON):
        while True:
            said = orjson.loads(await reader.readline())
            if said.get("reply") == request_id:
                return said["value"]


async def test_a_screen_that_reads_nothing_costs_the_host_nothing_and_learns_what_it_missed(
    path: Path, host: HostFace
) -> None:
    stalled, writer = await greeted(path, limit=1024)
    async with screen(path) as beside:
        published, worst = 60_000, 0.0
        subscription = beside.subscribe()
        began = time.monotonic()
        for number, call in enumerate(calls(published)):
            host.publish(call)
            if number % 100 == 0:
                before = time.monotonic()
                await asyncio.sleep(0)
                worst = max(worst, time.monotonic() - before)
        host.show(url="the newest")
        await until(lambda: beside.snapshot().url == "the newest")
        assert isinstance(await beside.order_ticket(OrderId("o-none")), Refusal)
        assert worst < 0.5, "one screen must never hold up the loop"
        assert time.monotonic() - began < 60
        assert all(len(one.events) <= QUEUE for one in host.feed._subscriptions)
        assert subscription.missed or subscription.events
    stalled._limit = 2**24  # type: ignore[attr-defined]
    missed = got = 0
    newest = ""
    async with asyncio.timeout(SOON):
        while newest != "the newest" or missed + got < published + 1:
            news = orjson.loads(await stalled.readline()).get("news", {})
            missed += news.get("missed", 0)
            got += len(news.get("events", ()))
            newest = (news.get("snapshot") or news.get("changes") or {}).get("url", newest)
    assert missed > 0
    assert missed + got == published + 1, "every event is either there or counted"
    writer.close()


async def test_a_gap_reaches_every_face_of_the_screen(path: Path, host: HostFace) -> None:
    async with screen(path) as face:
        subscription = face.subscribe()
        for call in calls(QUEUE + 500):  # published at once: the queue overflows before anything is sent
            host.publish(call)
        await until(lambda: len(subscription.events) == QUEUE)
        assert subscription.missed == 500


async def test_a_program_with_other_types_is_told_so_in_a_sentence(path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(os.fspath(path))
    writer.write(encode_hello(replace(Hello("9.9", read_only=False), shape="other")))
    said = orjson.loads(await reader.readline())
    assert said["refused"].count(".") >= 1
    assert "9.9" in said["refused"]
    assert "same language" in said["refused"]
    assert await reader.read() == b""
    writer.close()


async def test_an_unreadable_greeting_is_turned_away(path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(os.fspath(path))
    writer.write(b'{"hello":7}\n')
    assert "refused" in orjson.loads(await reader.readline())
    assert await reader.read() == b""
    writer.close()


async def test_where_no_cockpit_runs_attaching_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="No cockpit is running"):
        await screen(tmp_path / "nothing.sock").__aenter__()


async def test_presence_is_counted_for_each_screen_and_ends_with_its_line(path: Path, host: HostFace) -> None:
    async with screen(path) as one, screen(path) as other:
        one.attached()
        other.attached()
        await until(lambda: host.screens == 2)
        one.touched()
        await until(lambda: host.touches == 1)
        one.detached()
        await until(lambda: host.screens == 1)
    await until(lambda: host.screens == 0)


async def test_a_screen_that_only_looks_proves_nobody(path: Path, host: HostFace) -> None:
    async with screen(path, read_only=True) as face:
        face.attached()
        face.touched()
        await face.run(Command("status"))
        assert (host.screens, host.touches) == (0, 0)


async def test_more_screens_than_allowed_are_told_so(path: Path) -> None:
    writers = [(await greeted(path))[1] for _ in range(MAX_WATCHERS)]
    with pytest.raises(CannotAttach, match="attached already"):
        await screen(path).__aenter__()
    writers.pop().close()
    async with asyncio.timeout(SOON):
        while True:
            try:
                async with screen(path):
                    break
            except CannotAttach:
                await asyncio.sleep(0.01)
    for writer in writers:
        writer.close()


async def test_too_many_requests_are_refused_and_the_kill_never_is(path: Path, host: HostFace) -> None:
    reader, writer = await greeted(path)
    host.gate.clear()
    for number in range(MAX_IN_FLIGHT):
        writer.write(b'{"id":"h%d","act":"halt"}\n' % number)
    await until(lambda: len(host.commands) == MAX_IN_FLIGHT)
    writer.write(b'{"id":"more","act":"halt"}\n')
    assert (await reply(reader, "more"))["Refusal"]["code"] == "BUSY"
    writer.write(b'{"id":"kill","act":"kill"}\n')
    await until(lambda: host.commands[-1].act == "kill")
    host.gate.set()
    assert "Done" in await reply(reader, "kill")
    writer.close()


@pytest.mark.parametrize(
    "line",
    [b"not json", b"[]", b'{"sign":"dance"}', b'{"id":"1","ticket":"soul","key":"x"}', b'{"id":"1","look":"order"}'],
)
async def test_what_no_screen_says_is_refused_and_the_line_stays(path: Path, host: HostFace, line: bytes) -> None:
    reader, writer = await greeted(path)
    writer.write(line + b"\n")
    writer.write(b'{"id":"2","act":"status"}\n')
    assert "Done" in await reply(reader, "2")
    writer.close()


async def test_a_command_whose_screen_has_gone_is_carried_out(path: Path, host: HostFace) -> None:
    _, writer = await greeted(path)
    host.gate.clear()
    writer.write(b'{"id":"1","act":"halt"}\n')
    await until(lambda: host.commands)
    writer.transport.abort()
    await until(lambda: not host.feed._subscriptions)
    host.gate.set()
    await until(lambda: host.seen.url == "after halt")


async def test_a_failure_of_the_host_is_internal_and_named_in_its_log(
    path: Path, host: HostFace, caplog: pytest.LogCaptureFixture
) -> None:
    host.answers["status"] = Done("bytes", b"no JSON")
    async with screen(path) as face:
        answer = await face.run(Command("status"))
        assert isinstance(answer, Refusal)
        assert answer.code == "INTERNAL"
        assert answer.details["fault"] in caplog.text


async def test_hostile_text_arrives_as_it_was_made_harmless(path: Path, host: HostFace) -> None:
    async with screen(path) as face:
        subscription = face.subscribe()
        host.publish(Notice(NOW, Safe("\\x1b[2J\\u202e {'a': 1}"), bad=True))
        await until(lambda: subscription.events)
        (notice,) = subscription.events
        assert isinstance(notice, Notice)
        assert notice.text == "\\x1b[2J\\u202e {'a': 1}"


async def test_a_host_at_which_nothing_happens_says_that_it_is_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.1)
    reader, writer = await greeted(path)
    async with asyncio.timeout(SOON):
        assert b"snapshot" in await reader.readline()
        assert await reader.readline() == b'{"news":{}}\n'
    writer.close()


async def test_an_attached_screen_that_falls_silent_counts_no_more(
    path: Path, host: HostFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SILENT_SECONDS", 0.5)
    reader, writer = await greeted(path)
    writer.write(encode_sign(Sign.ATTACHED))
    await until(lambda: host.screens == 1)
    for _ in range(4):  # longer than it may be silent, and it isn't
        await asyncio.sleep(0.2)
        writer.write(encode_sign(Sign.BEAT))
    assert host.screens == 1
    await until(lambda: host.screens == 0)
    async with asyncio.timeout(SOON):
        await reader.read()
    writer.close()


async def test_a_screen_that_reads_nothing_for_long_is_let_go(
    path: Path, host: HostFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SILENT_SECONDS", 0.3)
    _, writer = await greeted(path, limit=1024)
    async with asyncio.timeout(SOON):
        while host.feed._subscriptions:
            for call in calls(500):
                host.publish(call)
            await asyncio.sleep(0.01)
    writer.close()


async def test_a_screen_that_asks_and_reads_no_replies_is_let_go(path: Path, host: HostFace) -> None:
    host.answers["status"] = Done("x" * 100_000)
    _, writer = await greeted(path, limit=1024)
    async with asyncio.timeout(SOON):
        for number in range(10_000):
            if not host.feed._subscriptions:
                break
            writer.write(b'{"id":"%d","act":"status"}\n' % number)
            await asyncio.sleep(0.002)
    assert not host.feed._subscriptions
    assert len(host.commands) <= 4 * MAX_IN_FLIGHT
    writer.close()


async def test_stopping_under_attached_screens_is_no_failure(
    path: Path, host: HostFace, running: ControlSocket, caplog: pytest.LogCaptureFixture
) -> None:
    async with screen(path) as face:
        face.attached()
        await until(lambda: host.screens == 1)
        await running.__aexit__(None, None, None)
        await asyncio.sleep(0)
        assert host.screens == 0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
