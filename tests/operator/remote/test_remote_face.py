from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cockpit.model.events import Notice
from cockpit.model.refusals import Refusal
from cockpit.operator.act import Command, Done
from cockpit.operator.remote import remote_face
from cockpit.operator.remote.messages import encode_news, encode_welcome
from cockpit.operator.remote.remote_face import SILENT_SECONDS, CannotAttach, RemoteFace
from server.control import ControlSocket
from tests.server.distant import HostFace, host_face, screen, until
from tests.tui.fake_face import FakeClock, busy_snapshot


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


async def code_of(face: RemoteFace, act: str) -> str:
    answer = await face.run(Command(act))
    return answer.code if isinstance(answer, Refusal) else "done"


async def test_a_lost_host_is_told_at_once_and_found_again_and_nothing_is_sent_twice(path: Path) -> None:
    first = host_face()
    serving = await ControlSocket(path, first).__aenter__()
    async with screen(path) as face:
        face.attached()
        subscription = face.subscribe()
        await until(lambda: first.screens == 1)
        first.gate.clear()
        under_way = asyncio.create_task(face.run(Command("order.cancel_all")))
        looking = asyncio.create_task(face.client_ticket("ABCDEF"))
        await until(lambda: first.commands)
        await serving.__aexit__(None, None, None)
        answer = await under_way
        assert isinstance(answer, Refusal)
        assert answer.code == "FATE_UNKNOWN"
        await looking
        await until(lambda: not face.answers)
        seen = face.snapshot()
        assert seen.silent_seconds is not None
        assert "doesn't answer" in (seen.hint or "")
        assert "No act goes out" in (seen.hint or "")
        assert seen.orders == first.seen.orders
        for act in ("kill", "halt", "order.cancel_all", "status"):
            assert await code_of(face, act) == "NO_ANSWER"
        second = host_face()
        second.show(url="second life")
        async with ControlSocket(path, second):
            await until(lambda: face.answers)
            assert face.snapshot().url == "second life"
            assert face.snapshot().silent_seconds is None
            assert subscription.missed == 1
            await until(lambda: second.screens == 1)
            assert await face.run(Command("status")) == Done("done: status")
        assert [command.act for command in second.commands] == ["status"]
        said = [event.text for event in subscription.events if isinstance(event, Notice)]
        assert said[:2] == ["The cockpit doesn't answer.", "The cockpit answers again."]


async def test_a_host_of_another_version_that_comes_back_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serving = await ControlSocket(path, host_face()).__aenter__()
    async with screen(path) as face:
        await serving.__aexit__(None, None, None)
        monkeypatch.setattr("server.watching._fits", lambda hello: False)
        async with ControlSocket(path, host_face()):
            await until(lambda: "same language" in (face.snapshot().hint or ""))
            assert await code_of(face, "halt") == "NO_ANSWER"


@pytest.fixture
async def mute(path: Path) -> AsyncIterator[list[bytes]]:
    """A cockpit that greets and then says nothing more; yields what it is told."""
    told: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(encode_welcome("1") + encode_news(None, busy_snapshot()))
        while line := await reader.readline():
            told.append(line)

    async with await asyncio.start_unix_server(serve, os.fspath(path)) as server:
        yield told
        server.close()


async def test_a_host_that_says_nothing_takes_only_the_kill(path: Path, mute: list[bytes]) -> None:
    clock = FakeClock()
    async with RemoteFace(path, clock, read_only=False) as face:
        assert face.answers
        clock.pass_by(SILENT_SECONDS + 6)
        assert not face.answers
        assert face.snapshot().silent_seconds == int(SILENT_SECONDS + 6)
        assert "Only the kill goes out" in (face.snapshot().hint or "")
        assert await code_of(face, "halt") == "NO_ANSWER"
        killing = asyncio.create_task(face.run(Command("kill")))
        await until(lambda: any(b'"kill"' in line for line in mute))
        assert not any(b'"halt"' in line for line in mute)
        killing.cancel()


@pytest.mark.parametrize(
    "says",
    [b"", b"nonsense\n", b'{"welcome":"1"}\n{"news":{}}\n', b'{"welcome":"1"}\n{"news":{"snapshot":{"at":1}}}\n'],
)
async def test_what_does_not_greet_as_a_cockpit_is_not_attached_to(path: Path, says: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(says)
        writer.close()

    async with await asyncio.start_unix_server(serve, os.fspath(path)):
        with pytest.raises(CannotAttach):
            await screen(path).__aenter__()


async def test_a_cockpit_of_before_screens_could_attach_is_told_in_its_own_words(path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"id":"","refusal":{"code":"BAD_ACT_ARGUMENTS","message":"The request has no id."}}\n')
        writer.close()

    async with await asyncio.start_unix_server(serve, os.fspath(path)):
        with pytest.raises(CannotAttach, match="has no id"):
            await screen(path).__aenter__()


async def test_leaving_is_no_stop_and_sends_nothing(path: Path) -> None:
    host: HostFace = host_face()
    async with ControlSocket(path, host):
        async with screen(path) as face:
            face.attached()
            await until(lambda: host.screens == 1)
        await until(lambda: host.screens == 0)
        assert host.commands == []
        async with screen(path) as again:
            assert again.snapshot() == host.seen


async def test_the_cockpit_hears_that_a_screen_is_there(
    path: Path, mute: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_face, "BEAT_SECONDS", 0.02)
    async with screen(path):
        await until(lambda: mute.count(b'{"sign":"beat"}\n') >= 2)


async def test_a_key_pressed_while_the_cockpit_is_silent_is_not_told_later(path: Path, mute: list[bytes]) -> None:
    clock = FakeClock()
    async with RemoteFace(path, clock, read_only=False) as face:
        face.attached()
        face.touched()
        await until(lambda: b'{"sign":"touched"}\n' in mute)
        clock.pass_by(SILENT_SECONDS)
        face.touched()
        face.detached()
        await until(lambda: b'{"sign":"detached"}\n' in mute)
        assert mute.count(b'{"sign":"touched"}\n') == 1


async def test_a_read_only_screen_sends_nothing_that_changes_anything(path: Path, mute: list[bytes]) -> None:
    async with RemoteFace(path, FakeClock(), read_only=True) as face:
        assert await code_of(face, "kill") == "READ_ONLY"
        face.attached()
        await until(lambda: mute)
        assert not any(b'"kill"' in line for line in mute)
