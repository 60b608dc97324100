from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest

from cockpit.model.events import Event
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Refusal, refuse
from cockpit.operator.act import Answer, Command, Done
from cockpit.operator.face import Subscription
from cockpit.operator.view import ClientTicket, OrderTicket, Snapshot
from cockpit.operator.wire import MAX_REQUEST_BYTES
from server import own_user
from server.control import MAX_CONNECTIONS, MAX_LOWERING, ControlInUse, ControlSocket
from tests.operator.tickets import ORDER_TICKET
from tests.tui.fake_face import busy_snapshot


class RecordingFace:
    """Answers every command with its own name, and remembers it."""

    def __init__(self) -> None:
        self.ran: list[Command] = []
        self.answer: Answer | Exception = Done("done", {"ok": True})
        self.gate = asyncio.Event()
        self.gate.set()
        self.finished = asyncio.Event()

    async def run(self, command: Command) -> Answer:
        self.ran.append(command)
        await self.gate.wait()
        self.finished.set()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def snapshot(self) -> Snapshot:
        return busy_snapshot()

    def subscribe(self, size: int = 50_000, wake: Callable[[Event], None] | None = None) -> Subscription:
        raise NotImplementedError

    async def order_ticket(self, order_id: OrderId) -> OrderTicket | Refusal:
        return ORDER_TICKET if order_id == "o-1" else refuse("ORDER_UNKNOWN")

    def attached(self) -> None: ...

    def detached(self) -> None: ...

    def touched(self) -> None: ...

    async def client_ticket(self, code: str) -> ClientTicket | Refusal:
        raise NotImplementedError


@pytest.fixture
def face() -> RecordingFace:
    return RecordingFace()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
async def running(path: Path, face: RecordingFace) -> AsyncIterator[ControlSocket]:
    async with ControlSocket(path, face) as serving:
        yield serving


async def exchange(path: Path, *lines: bytes) -> list[dict[str, object]]:
    reader, writer = await asyncio.open_unix_connection(os.fspath(path), limit=1_000_000)
    try:
        answers = []
        for line in lines:
            writer.write(line)
            await writer.drain()
            answers.append(orjson.loads(await reader.readline()))
        return answers
    finally:
        writer.close()


async def test_a_command_reaches_the_face_and_its_answer_comes_back(
    running: ControlSocket, path: Path, face: RecordingFace
) -> None:
    (answer,) = await exchange(path, b'{"id":"7","act":"halt","arguments":{"reason":"lunch"},"by":"screen"}\n')
    assert answer == {"id": "7", "done": {"says": "done", "data": {"ok": True}}}
    assert face.ran == [Command("halt", {"reason": "lunch"}, by="socket")]


async def test_a_refusal_comes_back_with_all_its_parts(running: ControlSocket, path: Path, face: RecordingFace) -> None:
    face.answer = refuse("CODE_UNKNOWN", client="ABCDEF")
    (answer,) = await exchange(path, b'{"id":"1","act":"client.deny","arguments":{"code":"ABCDEF"}}\n')
    assert answer["refusal"] == {
        "code": "CODE_UNKNOWN",
        "message": "No waiting client shows that code.",
        "retryable": False,
        "who_can_fix": "operator",
        "details": {"client": "ABCDEF"},
    }


async def test_a_look_shows_the_ticket_and_runs_nothing(
    running: ControlSocket, path: Path, face: RecordingFace
) -> None:
    seen, unknown = await exchange(
        path, b'{"id":"1","look":"order","key":"o-1"}\n', b'{"id":"2","look":"order","key":"o-2"}\n'
    )
    assert seen["done"]["data"]["version"] == 3  # type: ignore[index]
    assert unknown["refusal"]["code"] == "ORDER_UNKNOWN"  # type: ignore[index]
    assert face.ran == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not json\n", "BAD_ACT_ARGUMENTS"),
        (b"[]\n", "BAD_ACT_ARGUMENTS"),
        (b"\xff\n", "BAD_ACT_ARGUMENTS"),
        (b"\n", "BAD_ACT_ARGUMENTS"),
        (b"[" * 5000 + b"\n", "BAD_ACT_ARGUMENTS"),
        (b'{"id":1,"act":"kill"}\n', "BAD_ACT_ARGUMENTS"),
        (b'{"id":"1","act":"kill","more":1}\n', "BAD_ACT_ARGUMENTS"),
        (b'{"id":"1","act":"kill","arguments":[]}\n', "BAD_ACT_ARGUMENTS"),
        (b'{"id":"1","act":"kill","arguments":{"reason":1}}\n', "BAD_ACT_ARGUMENTS"),
        (b'{"id":"1","act":"kill","arguments":{"nope":"1"}}\n', "BAD_ACT_ARGUMENTS"),
        (b'{"id":"1","act":"order.cancel"}\n', "BAD_ACT_ARGUMENTS"),
        (b'{"id":"1","act":"rm"}\n', "ACT_UNKNOWN"),
    ],
)
async def test_malformed_input_is_refused_and_the_line_stays_usable(
    running: ControlSocket, path: Path, face: RecordingFace, line: bytes, code: str
) -> None:
    bad, good = await exchange(path, line, b'{"id":"2","act":"status"}\n')
    assert bad["refusal"]["code"] == code  # type: ignore[index]
    assert good["id"] == "2"
    assert [command.act for command in face.ran] == ["status"]


async def test_a_line_without_end_is_refused_and_the_connection_closed(running: ControlSocket, path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(os.fspath(path))
    writer.write(b"x" * (MAX_REQUEST_BYTES + 10))
    assert orjson.loads(await reader.readline())["refusal"]["code"] == "BAD_ACT_ARGUMENTS"
    assert await reader.read() == b""
    writer.close()


async def test_a_command_that_fails_is_internal_and_the_socket_goes_on(
    running: ControlSocket, path: Path, face: RecordingFace, caplog: pytest.LogCaptureFixture
) -> None:
    face.answer = RuntimeError("secret detail")
    (answer,) = await exchange(path, b'{"id":"1","act":"status"}\n')
    assert answer["refusal"]["code"] == "INTERNAL"  # type: ignore[index]
    assert "secret detail" not in str(answer)
    assert answer["refusal"]["details"]["fault"] in caplog.text  # type: ignore[index]


async def test_a_command_is_carried_out_even_where_its_sender_has_gone(
    running: ControlSocket, path: Path, face: RecordingFace
) -> None:
    face.gate.clear()
    _, writer = await asyncio.open_unix_connection(os.fspath(path))
    writer.write(b'{"id":"1","act":"kill"}\n')
    await writer.drain()
    while not face.ran:
        await asyncio.sleep(0)
    writer.transport.abort()
    face.gate.set()
    await face.finished.wait()
    assert (await exchange(path, b'{"id":"2","act":"status"}\n'))[0]["id"] == "2"


async def test_more_connections_than_allowed_are_told_that_the_host_is_busy(running: ControlSocket, path: Path) -> None:
    writers = []
    for _ in range(MAX_CONNECTIONS):
        reader, writer = await asyncio.open_unix_connection(os.fspath(path))
        writer.write(b'{"id":"1","act":"status"}\n')
        await reader.readline()
        writers.append(writer)
    reader, writer = await asyncio.open_unix_connection(os.fspath(path))
    writer.write(b'{"id":"1","act":"status"}\n')
    assert orjson.loads(await reader.readline())["refusal"]["code"] == "BUSY"
    for one in (*writers, writer):
        one.close()


async def test_what_lowers_risk_is_carried_out_however_many_connections_idle(
    running: ControlSocket, path: Path, face: RecordingFace
) -> None:
    async with contextlib.AsyncExitStack() as opened:

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_unix_connection(os.fspath(path))
            opened.callback(writer.close)
            return reader, writer

        async def ask(act: str, **arguments: str) -> str:
            reader, writer = await connect()
            writer.write(orjson.dumps({"id": "1", "act": act, "arguments": arguments}) + b"\n")
            answer = orjson.loads(await asyncio.wait_for(reader.readline(), 5))
            return answer["refusal"]["code"] if "refusal" in answer else "done"

        for _ in range(MAX_CONNECTIONS):
            reader, writer = await connect()
            writer.write(b'{"id":"1","act":"status"}\n')
            await reader.readline()
        face.ran.clear()
        low = {"name": "paper", "limit": "max_quantity", "value": "1"}
        assert await ask("kill") == "done"
        assert await ask("halt") == "done"
        assert await ask("limits.set", **low) == "done"
        assert await ask("limits.set", **low, **{"raise": "yes"}) == "BUSY"
        assert await ask("resume") == "BUSY"
        assert await ask("status") == "BUSY"
        assert [command.act for command in face.ran] == ["kill", "halt", "limits.set"]

        face.gate.clear()
        async with asyncio.TaskGroup() as asking:
            halts = [asking.create_task(ask("halt")) for _ in range(MAX_LOWERING + 3)]
            done, _ = await asyncio.wait(halts, timeout=5, return_when=asyncio.FIRST_COMPLETED)
            kill = asking.create_task(ask("kill"))
            while face.ran[-1].act != "kill":
                await asyncio.sleep(0)
            face.gate.set()
        assert {one.result() for one in done} == {"BUSY"}
        assert sorted(one.result() for one in halts) == ["BUSY"] * 3 + ["done"] * MAX_LOWERING
        assert kill.result() == "done"


async def test_the_socket_is_for_its_owner_alone(running: ControlSocket, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_process_of_another_user_gets_nothing(
    running: ControlSocket, path: Path, face: RecordingFace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_user.os, "getuid", lambda: os.geteuid() + 1)
    reader, writer = await asyncio.open_unix_connection(os.fspath(path))
    writer.write(b'{"id":"1","act":"kill"}\n')
    received = b""
    with contextlib.suppress(ConnectionResetError):
        received = await reader.read()
    assert received == b""
    assert face.ran == []
    writer.close()


async def test_a_socket_that_a_dead_process_left_is_replaced(path: Path, face: RecordingFace) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))
    async with ControlSocket(path, face):
        assert (await exchange(path, b'{"id":"1","act":"status"}\n'))[0]["id"] == "1"
    assert not path.exists()


async def test_a_living_socket_is_never_taken_over(running: ControlSocket, path: Path, face: RecordingFace) -> None:
    with pytest.raises(ControlInUse, match="another cockpit"):
        await ControlSocket(path, face).__aenter__()
    assert (await exchange(path, b'{"id":"1","act":"status"}\n'))[0]["id"] == "1"


async def test_a_file_in_the_way_is_left_alone(path: Path, face: RecordingFace) -> None:
    path.write_text("mine")
    with pytest.raises(ControlInUse, match="no socket"):
        await ControlSocket(path, face).__aenter__()
    assert path.read_text() == "mine"


async def test_the_folder_of_another_file_system_object_gives_a_clear_error(
    tmp_path: Path, face: RecordingFace
) -> None:
    with pytest.raises(ControlInUse, match="can't listen"):
        await ControlSocket(tmp_path / "missing" / "control.sock", face).__aenter__()


async def test_closing_ends_idle_connections(path: Path, face: RecordingFace) -> None:
    async with ControlSocket(path, face):
        reader, writer = await asyncio.open_unix_connection(os.fspath(path))
        writer.write(b'{"id":"1","act":"status"}\n')
        await reader.readline()
    assert await reader.read() == b""
    writer.close()


def test_the_kernel_tells_who_connects_in_three_numbers() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        said = ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    assert struct.unpack("=iII", said)[:2] == (os.getpid(), os.getuid())
