"""Screens that watch over the control socket: news at each one's own pace, and its commands, never at the host's cost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from typing import Final

from cockpit.model.events import CallFinished, Event
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Refusal, refuse
from cockpit.operator.act import Command
from cockpit.operator.acts import ACTS, KILL
from cockpit.operator.face import Face, Subscription
from cockpit.operator.remote.messages import (
    MAX_EVENTS,
    PROTOCOL,
    SHAPE,
    Hello,
    Reply,
    Sign,
    Subject,
    TicketAsked,
    decode_from_screen,
    decode_hello,
    encode_news,
    encode_reply,
    encode_turned_away,
    encode_welcome,
    mismatch,
)
from cockpit.operator.remote.program import program_version
from cockpit.operator.view import Snapshot

MAX_WATCHERS: Final = 16
QUEUE: Final = 2000
"""Events that wait for one screen; what doesn't fit is dropped, oldest first, and the screen is told."""
MAX_IN_FLIGHT: Final = 32
"""Requests of one screen that are not replied to yet. The kill switch is never among those refused."""
COALESCE_SECONDS: Final = 0.05
LOOK_SECONDS: Final = 1.0
"""How often a snapshot is sent while only calls happen; anything else sends one at once."""
BEAT_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 30.0
"""After which an attached screen that says nothing, or a watcher that reads nothing, is let go."""
_HIGH_WATER: Final = 65_536

_log = logging.getLogger(__name__)


class Watching:
    """Every watcher of one face. What a watcher asked for is carried out even where it has gone."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._watchers = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, hello: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection that began with a hello, until it ends."""
        said = decode_hello(hello)
        program = program_version()
        if said is None or not _fits(said):
            says = mismatch(said, program) if said else "That is no greeting of a screen."
            return await _part(writer, says)
        if self._watchers >= MAX_WATCHERS:
            return await _part(writer, f"{MAX_WATCHERS} screens are attached already; leave one of them first.")
        self._watchers += 1
        writer.transport.set_write_buffer_limits(high=_HIGH_WATER)
        watcher = _Watcher(self._face, writer, self._tasks, read_only=said.read_only)
        try:
            writer.write(encode_welcome(program))
            await watcher.run(reader)
        finally:
            self._watchers -= 1

    async def close(self) -> None:
        """End what watchers have asked for and is not done yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Watcher:
    def __init__(
        self, face: Face, writer: asyncio.StreamWriter, tasks: set[asyncio.Task[None]], *, read_only: bool
    ) -> None:
        self._face = face
        self._writer = writer
        self._tasks = tasks
        self._read_only = read_only
        self._replies: deque[bytes] = deque()
        self._in_flight = 0
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._look_due = False
        self._attached = False
        self._sent: Snapshot | None = None

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Send and receive until either ends."""
        subscription = self._face.subscribe(QUEUE, self._woken)
        sending = asyncio.get_running_loop().create_task(self._send(subscription))
        receiving = asyncio.get_running_loop().create_task(self._receive(reader))
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            subscription.close()
            for task in (sending, receiving):
                task.cancel()
            ended = await asyncio.gather(sending, receiving, return_exceptions=True)
            self._attach(wanted=False)
            for how in ended:
                if isinstance(how, Exception) and not isinstance(how, ConnectionError | TimeoutError):
                    _log.error("a watcher was let go", exc_info=how)
            # What nobody reads any more must not be waited for.
            self._writer.transport.abort()

    def _woken(self, event: Event) -> None:
        self._look_due = self._look_due or not isinstance(event, CallFinished)
        self._news.set()

    # to the screen

    async def _send(self, source: Subscription) -> None:
        loop = asyncio.get_running_loop()
        looked_at = beaten_at = float("-inf")
        events = source.events
        while True:
            now = loop.time()
            missed = _take_missed(source)
            new = None
            if missed or self._look_due or self._replies or now - looked_at >= LOOK_SECONDS:
                self._look_due, looked_at = False, now
                seen = self._face.snapshot()
                new = None if self._sent is not None and self._sent.version == seen.version else seen
            some = [events.popleft() for _ in range(min(len(events), MAX_EVENTS))]
            replies = [self._replies.popleft() for _ in range(len(self._replies))]
            self._in_flight -= len(replies)
            if new is not None or some or missed or now - beaten_at >= BEAT_SECONDS:
                beaten_at = now
                self._writer.write(encode_news(self._sent, new, some, missed))
                self._sent = new or self._sent
            for reply in replies:
                self._writer.write(reply)
            async with asyncio.timeout(SILENT_SECONDS):
                await self._writer.drain()
            if events:
                await asyncio.sleep(0)  # a full queue must not keep the loop
            else:
                await self._pause(looked_at + LOOK_SECONDS - now)

    async def _pause(self, seconds: float) -> None:
        """Wait for something to send; what comes alone waits a moment for company, a reply never does."""
        if not self._replies:
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, seconds)):
                    await self._news.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COALESCE_SECONDS):
                    await self._hurry.wait()
        self._news.clear()

    # from the screen

    async def _receive(self, reader: asyncio.StreamReader) -> None:
        while True:
            async with asyncio.timeout(SILENT_SECONDS if self._attached else None):
                line = await reader.readline()
            if not line.endswith(b"\n"):
                return
            if self._in_flight > 2 * MAX_IN_FLIGHT:
                return  # it asks, and reads no replies
            request_id, asked = decode_from_screen(line)
            if isinstance(asked, Sign):
                self._take_sign(asked)
            elif isinstance(asked, Refusal):
                self._in_flight += 1
                self._reply(request_id, asked)
            else:
                self._start(request_id, asked)

    def _take_sign(self, sign: Sign) -> None:
        if sign is Sign.TOUCHED and self._attached:
            self._face.touched()
        elif sign in (Sign.ATTACHED, Sign.DETACHED):
            self._attach(wanted=sign is Sign.ATTACHED)

    def _attach(self, *, wanted: bool) -> None:
        """Count the screen as one of the operator's; one that only looks proves nobody who could decide."""
        if wanted == self._attached or self._read_only:
            return
        self._attached = wanted
        if wanted:
            self._face.attached()
        else:
            self._face.detached()

    def _start(self, request_id: str, asked: Command | TicketAsked) -> None:
        self._in_flight += 1
        is_kill = isinstance(asked, Command) and asked.act == KILL.name
        if isinstance(asked, Command) and self._read_only and ACTS[asked.act].changes:
            self._reply(request_id, refuse("READ_ONLY"))
        elif self._in_flight > MAX_IN_FLIGHT and not is_kill:
            self._reply(request_id, refuse("BUSY"))
        else:
            task = asyncio.get_running_loop().create_task(self._carry_out(request_id, asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, request_id: str, asked: Command | TicketAsked) -> None:
        try:
            self._reply(request_id, await self._answer(asked))
        except Exception:  # noqa: BLE001 - the outermost edge of a command: logged with an id that the operator gets
            fault = secrets.token_hex(4)
            _log.exception("%s failed (fault %s)", asked.act if isinstance(asked, Command) else asked.subject, fault)
            self._reply(request_id, refuse("INTERNAL", fault=fault))

    async def _answer(self, asked: Command | TicketAsked) -> Reply:
        if isinstance(asked, Command):
            return await self._face.run(asked)
        if asked.subject is Subject.CLIENT:
            # The ticket of such a client fetches its document, and may end its request. The code doesn't say whose it is.
            if self._read_only and any(one.unfetched for one in self._face.snapshot().pending_clients):
                return refuse("READ_ONLY")
            return await self._face.client_ticket(asked.key)
        return await self._face.order_ticket(OrderId(asked.key))

    def _reply(self, request_id: str, value: Reply) -> None:
        """Have a reply sent, after a snapshot that shows what it tells of."""
        self._replies.append(encode_reply(request_id, value))
        self._news.set()
        self._hurry.set()


def _fits(hello: Hello) -> bool:
    return (hello.protocol, hello.shape) == (PROTOCOL, SHAPE)


def _take_missed(source: Subscription) -> int:
    missed, source.missed = source.missed, 0
    return missed


async def _part(writer: asyncio.StreamWriter, says: str) -> None:
    writer.write(encode_turned_away(says))
    async with asyncio.timeout(SILENT_SECONDS):
        await writer.drain()
