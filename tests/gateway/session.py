"""One client's socket: frames in the order and at the time of their arrival, what it may still be sent, and when it ends."""

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
_GREETING: Final = b"API\0"


class Session(asyncio.Protocol):
    """A client that is connected; after ``abort`` or ``close`` nothing more is read, not even what has arrived already."""

    def __init__(self, gateway: FakeGateway) -> None:
        self.gateway = gateway
        self.client_id: int | None = None
        self.ended = False
        self.muted = False
        """True: what is sent gets lost."""
        self.half_next = False
        """True: of the next message only one half leaves, then the connection is closed."""
        self.arrived: asyncio.Queue[list[str] | None] = asyncio.Queue()
        """Messages that wait to be answered; None once there will be no more."""
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._greeted = self._agreed = False
        self._unsent: list[bytes] = []
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
        if self.ended:
            return
        number = fields[0]
        name = Out(number).name if isinstance(number, int) and number in Out._value2member_map_ else ""
        written = [text(field) for field in fields]
        self.gateway.faults.outgoing(self, name, written, lambda: self._write(frame(*written)))

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
        if not self.ended and self._transport is not None:
            self.ended = True
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def close(self) -> None:
        """Close the connection after what was sent has left."""
        if not self.ended and self._transport is not None:
            self.ended = True
            self._transport.close()

    def end(self) -> None:
        """Let go of everything that belongs to the session."""
        self.close()
        for handle in self._timers:
            handle.cancel()
        for call in self._at_end:
            call()
        self._at_end.clear()

    def wake(self) -> None:
        """Send what was to be sent while the gateway hung."""
        unsent, self._unsent = self._unsent, []
        for whole in unsent:
            self._write(whole)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.gateway.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop."""
        self.ended = True
        self.arrived.put_nowait(None)

    def data_received(self, data: bytes) -> None:
        """Take frames apart; the first says which versions the client speaks."""
        self._buffer += data
        if not self._greeted:
            self._greeted = self._buffer.startswith(_GREETING)
            if self._greeted:
                self._buffer = self._buffer[len(_GREETING) :]
            elif not _GREETING.startswith(self._buffer):
                self.close()
                return
        while self._greeted and len(self._buffer) >= 4 and not self.ended:
            (length,) = struct.unpack(">I", self._buffer[:4])
            if length > LONGEST_FRAME:
                self.error(-1, 507, "Bad Message Length")
                self.close()
                return
            if len(self._buffer) < 4 + length:
                return
            body, self._buffer = self._buffer[4 : 4 + length], self._buffer[4 + length :]
            self._take(body.decode(errors="replace"))

    def _take(self, body: str) -> None:
        if self._agreed:
            fields = body.split("\0")[:-1]
            if self.gateway.counted(self, fields):
                self.arrived.put_nowait(fields)
            return
        lowest, _, highest = body.partition(" ")[0].removeprefix("v").partition("..")
        version = self.gateway.version
        if not (lowest.isdigit() and highest.isdigit() and int(lowest) <= version <= int(highest)):
            self.close()
            return
        self._agreed = True
        self._write(enclose(f"{version}\0{time.strftime('%Y%m%d %H:%M:%S UTC', time.gmtime())}\0".encode()))

    def _write(self, whole: bytes) -> None:
        if self.ended or self.muted or self._transport is None:
            return
        if not self.gateway.awake.is_set():
            self._unsent.append(whole)
        elif self.half_next:
            self._transport.write(whole[: len(whole) // 2])
            self.close()
        else:
            self._transport.write(whole)
