"""One client's socket: frames in their order, what it may still be sent, and when it ends."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tests.gateway.wire import LONGEST_FRAME, Out, enclose, frame, text

if TYPE_CHECKING:
    from tests.gateway.server import FakeGateway

T = TypeVar("T")
_RESET: Final = struct.pack("ii", 1, 0)


class Session:
    """A client that is connected; after ``abort`` or ``close`` nothing more is read, not even what has arrived already."""

    def __init__(self, gateway: FakeGateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.gateway = gateway
        self.client_id: int | None = None
        self.ended = False
        self.muted = False
        """True: what is sent gets lost."""
        self.half_next = False
        """True: of the next message only one half leaves, then the connection is reset."""
        self._reader, self._writer = reader, writer
        self._parts: dict[type, Any] = {}
        self._at_end: list[Callable[[], None]] = []
        self._timers: set[asyncio.TimerHandle] = set()

    def of(self, kind: type[T]) -> T:
        """Return the session's one value of that kind; it is made without arguments when it is first asked for."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        return self._parts[kind]

    def send(self, *fields: object) -> None:
        """Send one message; ``fields[0]`` is its number."""
        if self.ended or not self.gateway.awake.is_set():
            return
        number = fields[0]
        name = Out(number).name if isinstance(number, int) and number in Out._value2member_map_ else ""
        self.gateway.faults.outgoing(self, name, [text(field) for field in fields], lambda: self._write(fields))

    def error(self, request_id: int | str, code: int, said: str) -> None:
        """Send an error about a request or an order; -1 means neither."""
        self.send(Out.error, 2, request_id, code, said, "")

    def later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call after a time, unless the session has ended."""

        def run() -> None:
            self._timers.discard(handle)
            if not self.ended:
                call()

        handle = asyncio.get_running_loop().call_later(seconds, run)
        self._timers.add(handle)
        return handle

    def at_end(self, call: Callable[[], None]) -> None:
        """Call once the session has ended."""
        self._at_end.append(call)

    def abort(self) -> None:
        """Reset the connection at once."""
        if not self.ended:
            self.ended = True
            sock = self._writer.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._writer.transport.abort()

    def close(self) -> None:
        """Close the connection after what was sent has left."""
        if not self.ended:
            self.ended = True
            self._writer.close()

    def end(self) -> None:
        """Let go of everything that belongs to the session."""
        self.close()
        for handle in self._timers:
            handle.cancel()
        for call in self._at_end:
            call()
        self._at_end.clear()

    async def run(self) -> None:
        """Shake hands, then take messages until either side ends it."""
        try:
            if await self._reader.readexactly(4) != b"API\0":
                return
            offered = (await self._frame()).split(" ")[0].removeprefix("v").partition("..")
            lowest, highest = int(offered[0]), int(offered[2] or offered[0])
            version = self.gateway.version
            if not lowest <= version <= highest:
                return
            self._writer.write(frame(version, time.strftime("%Y%m%d %H:%M:%S UTC", time.gmtime())))
            while not self.ended:
                fields = (await self._frame()).split("\0")
                await self.gateway.awake.wait()
                if not self.ended:  # what arrived before a cut is as lost as what comes after it
                    await self.gateway.receive(self, fields[:-1])
        except (asyncio.IncompleteReadError, ConnectionError, _BadFrame, ValueError):
            return

    async def _frame(self) -> str:
        (length,) = struct.unpack(">I", await self._reader.readexactly(4))
        if length > LONGEST_FRAME:
            self.error(-1, 507, "Bad Message Length")
            raise _BadFrame
        return (await self._reader.readexactly(length)).decode(errors="replace")

    def _write(self, fields: tuple[object, ...]) -> None:
        if self.ended or self.muted:
            return
        whole = enclose("".join(text(field) + "\0" for field in fields).encode())
        if self.half_next:
            self._writer.write(whole[: len(whole) // 2])
            self.close()
            return
        self._writer.write(whole)


class _BadFrame(Exception):
    """A length that no message has."""
