"""The control socket: where the operator's command line reaches the running cockpit, and nobody else does."""

from __future__ import annotations

import asyncio
import logging
import secrets
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cockpit.model.refusals import Refusal, refuse
from cockpit.operator.act import Answer, Command, Danger, danger_of
from cockpit.operator.acts import ACTS, KILL
from cockpit.operator.face import Face
from cockpit.operator.looks import Look, look
from cockpit.operator.remote.messages import is_hello
from cockpit.operator.wire import MAX_REQUEST_BYTES, decode_request, encode_answer
from server.own_user import ControlInUse, inode_of, is_same_user, listen, take_away
from server.watching import Watching

__all__ = ["MAX_CONNECTIONS", "MAX_LOWERING", "ControlInUse", "ControlSocket"]

MAX_CONNECTIONS: Final = 32
IDLE_SECONDS: Final = 300
HURRY_SECONDS: Final = 5
"""How long a connection beyond the limit may take to say what it wants, before it is told that the host is busy."""
MAX_LOWERING: Final = 8
"""Acts that only lower risk and are carried out at a time for connections beyond the limit. A kill is never refused."""
_log = logging.getLogger(__name__)


class ControlSocket:
    """Serves commands of the same Unix user over a socket of mode 0600, one JSON line each way.

    Requests of one connection are answered in order; a command is carried out even where its sender has gone. A
    connection that says ``hello`` is that of a screen, and stays open.
    """

    def __init__(self, path: Path, face: Face) -> None:
        self._path = path
        self._face = face
        self._server: asyncio.Server | None = None
        self._inode: int | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._lowering = 0
        self._watching = Watching(face)

    async def __aenter__(self) -> Self:
        listener = listen(self._path, MAX_CONNECTIONS)
        self._inode = inode_of(self._path)
        self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=MAX_REQUEST_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._watching.close()
        if self._inode is not None:
            take_away(self._path, self._inode)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass  # cancelled only at the stop; the stream's own callback would log it as a failure
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not is_same_user(writer.get_extra_info("socket")):
            _log.warning("a process of another user was turned away from the control socket")
            return
        crowded = len(self._connections) > MAX_CONNECTIONS
        while True:
            try:
                async with asyncio.timeout(HURRY_SECONDS if crowded else IDLE_SECONDS):
                    line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                too_long = f"A request is at most {MAX_REQUEST_BYTES} bytes."
                await _send(writer, encode_answer(refuse("BAD_ACT_ARGUMENTS", too_long), ""))
                return
            if crowded:  # only after the request was read: closing on unread bytes would take the answer away too
                await _send(writer, await self._answer_in_crowd(line))
                return
            if is_hello(line):
                await self._watching.serve(line, reader, writer)
                return
            await _send(writer, await self._answer(line))

    async def _answer_in_crowd(self, line: bytes) -> bytes:
        """Carry out one act that only lowers risk: connections that idle must not stand between the operator and it."""
        _, asked = decode_request(line, by="socket")
        if not isinstance(asked, Command) or not _lowers(asked):
            return encode_answer(refuse("BUSY"), "")
        if self._lowering >= MAX_LOWERING and asked.act != KILL.name:
            return encode_answer(refuse("BUSY"), "")
        self._lowering += 1
        try:
            return await self._answer(line)
        finally:
            self._lowering -= 1

    async def _answer(self, line: bytes) -> bytes:
        request_id, asked = decode_request(line, by="socket")
        if isinstance(asked, Refusal):
            return encode_answer(asked, request_id)
        try:
            answer: Answer = await (look(self._face, asked) if isinstance(asked, Look) else self._face.run(asked))
            return encode_answer(answer, request_id)
        except Exception:  # noqa: BLE001 - the outermost edge of a command: logged with an id that the operator gets
            fault = secrets.token_hex(4)
            _log.exception("%s failed (fault %s)", asked.subject if isinstance(asked, Look) else asked.act, fault)
            return encode_answer(refuse("INTERNAL", fault=fault), request_id)


def _lowers(asked: Command) -> bool:
    act = ACTS[asked.act]
    return act.changes and danger_of(act, asked.arguments) is Danger.SAFE


async def _send(writer: asyncio.StreamWriter, line: bytes) -> None:
    writer.write(line)
    async with asyncio.timeout(IDLE_SECONDS):
        await writer.drain()
