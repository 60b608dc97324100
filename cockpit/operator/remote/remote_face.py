"""A face whose cockpit is another process: looks from the last snapshot, commands over the socket, and never one twice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Refusal, refuse
from cockpit.model.text import safe
from cockpit.operator.act import Answer, Command, Done
from cockpit.operator.acts import ACTS, KILL
from cockpit.operator.feed import Feed, FeedSubscription
from cockpit.operator.remote.codec import Unreadable
from cockpit.operator.remote.messages import (
    Hello,
    News,
    Replied,
    Reply,
    Sign,
    Subject,
    TurnedAway,
    Welcome,
    decode_from_cockpit,
    encode_hello,
    encode_sign,
    encode_ticket,
)
from cockpit.operator.remote.program import program_version
from cockpit.operator.view import ClientTicket, OrderTicket, Snapshot
from cockpit.operator.wire import MAX_ANSWER_BYTES, encode_command

GREETING_SECONDS: Final = 10.0
BEAT_SECONDS: Final = 2.0
"""How often the cockpit is told that this screen is there."""
SILENT_SECONDS: Final = 6.0
"""Without a word of the cockpit for so long, it doesn't answer."""
AGAIN_SECONDS: Final = 1.0
"""How long until a lost cockpit is looked for again."""
PATIENCE_SECONDS: Final = 600.0
_SECONDS_SHOWN_FROM: Final = 1


class CannotAttach(Exception):
    """No cockpit lets this screen watch; says why."""


class NotThere(CannotAttach):
    """No cockpit listens on the socket."""


class RemoteFace:
    """Implements ``cockpit.operator.face.Face`` over the control socket.

    An async context: it enters with the first snapshot, and keeps the line up until it exits. When the line breaks, what
    was asked is answered with a refusal, and nothing is ever sent again by itself.
    """

    def __init__(self, path: Path, clock: Clock, *, read_only: bool, again_seconds: float = AGAIN_SECONDS) -> None:
        self._path = path
        self._clock = clock
        self._read_only = read_only
        self._again_seconds = again_seconds
        self._feed = Feed()
        self._ids = itertools.count(1)
        self._asked: dict[str, asyncio.Future[Reply | None]] = {}
        self._screens = 0
        self._writer: asyncio.StreamWriter | None = None
        self._last: Snapshot | None = None
        self._heard_at = clock.monotonic()
        self._why = ""
        """Why the cockpit doesn't let this screen watch any more, where it said so."""
        self._silent = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        reader = await self._greet()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._keep(reader)), loop.create_task(self._beat())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._hang_up()

    # looks

    @property
    def answers(self) -> bool:
        """Whether the cockpit answers: the line is up, and it said something not long ago."""
        return self._writer is not None and self._silence < SILENT_SECONDS

    @property
    def _silence(self) -> float:
        return self._clock.monotonic() - self._heard_at

    def snapshot(self) -> Snapshot:
        """Return the last snapshot; where the cockpit doesn't answer it says so, and how old it is."""
        assert self._last is not None, "a face is used within its context"
        if self.answers:
            return self._last
        seconds = max(_SECONDS_SHOWN_FROM, int(self._silence))
        says = self._why or "The cockpit doesn't answer"
        out = "No act goes out." if self._writer is None else "Only the kill goes out."
        return replace(self._last, silent_seconds=seconds, hint=safe(f"{says}; what you see is {seconds} s old. {out}"))

    def subscribe(self, size: int = 50_000, wake: Callable[[Event], None] | None = None) -> FeedSubscription:
        """Start receiving events."""
        return self._feed.subscribe(size, wake)

    # commands

    async def run(self, command: Command) -> Answer:
        """Have the cockpit carry out an act; only the kill is tried while it is silent."""
        act = ACTS.get(command.act)
        if act is None:
            return refuse("ACT_UNKNOWN")
        if self._read_only and act.changes:
            return refuse("READ_ONLY")
        request_id = self._new_id()
        reply = await self._ask(request_id, encode_command(command, request_id), hurry=act is KILL, changes=act.changes)
        return reply if isinstance(reply, Done | Refusal) else refuse("INTERNAL")

    async def order_ticket(self, order_id: OrderId) -> OrderTicket | Refusal:
        """Price and check an order for the operator's eyes; nothing changes."""
        reply = await self._look(Subject.ORDER, order_id)
        return reply if isinstance(reply, OrderTicket | Refusal) else refuse("INTERNAL")

    async def client_ticket(self, code: str) -> ClientTicket | Refusal:
        """Select the one request whose browser shows ``code``; nothing changes."""
        reply = await self._look(Subject.CLIENT, code)
        return reply if isinstance(reply, ClientTicket | Refusal) else refuse("INTERNAL")

    # presence

    def attached(self) -> None:
        """Say that a screen is there, now and after each time that the line comes up again."""
        self._screens += 1
        if self._screens == 1:
            self._say(encode_sign(Sign.ATTACHED))

    def detached(self) -> None:
        """Say that a screen has gone."""
        self._screens -= 1
        if not self._screens:
            self._say(encode_sign(Sign.DETACHED))

    def touched(self) -> None:
        """Say that a key was pressed here."""
        if self.answers:
            self._say(encode_sign(Sign.TOUCHED))

    # asking

    def _new_id(self) -> str:
        return str(next(self._ids))

    async def _look(self, subject: Subject, key: str) -> Reply:
        request_id = self._new_id()
        return await self._ask(request_id, encode_ticket(subject, key, request_id), hurry=False, changes=False)

    async def _ask(self, request_id: str, line: bytes, *, hurry: bool, changes: bool) -> Reply:
        if self._writer is None or not (self.answers or hurry):
            return refuse("NO_ANSWER")
        broken = "FATE_UNKNOWN" if changes else "NO_ANSWER"
        reply: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        self._asked[request_id] = reply
        self._writer.write(line)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await reply or refuse(broken)
        except TimeoutError:
            return refuse(broken)
        finally:
            self._asked.pop(request_id, None)

    def _say(self, line: bytes) -> None:
        if self._writer is not None:
            self._writer.write(line)

    # the line

    async def _greet(self) -> asyncio.StreamReader:
        """Open a line and read as far as the first whole snapshot."""
        try:
            reader, writer = await asyncio.open_unix_connection(os.fspath(self._path), limit=MAX_ANSWER_BYTES)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NotThere(f"No cockpit is running on {self._path.parent}.") from None
        except OSError as error:
            raise CannotAttach(f"can't reach {self._path}: {error.strerror or error}") from None
        try:
            async with asyncio.timeout(GREETING_SECONDS):
                writer.write(encode_hello(Hello(program_version(), self._read_only)))
                first = decode_from_cockpit(await reader.readline(), None)
                if isinstance(first, TurnedAway):
                    raise CannotAttach(first.says)
                news = decode_from_cockpit(await reader.readline(), None)
                if not isinstance(first, Welcome) or not isinstance(news, News) or news.snapshot is None:
                    raise Unreadable("no greeting of a cockpit")
        except (TimeoutError, Unreadable, ConnectionError, ValueError) as error:
            writer.transport.abort()
            raise CannotAttach(f"The cockpit on {self._path.parent} gave no answer that this screen knows.") from error
        except BaseException:
            writer.transport.abort()
            raise
        self._heard_at = self._clock.monotonic()
        self._last, self._why = news.snapshot, ""
        self._writer = writer
        if self._screens:
            self._say(encode_sign(Sign.ATTACHED))
        return reader

    async def _keep(self, reader: asyncio.StreamReader) -> None:
        """Listen; when the line breaks, look for the cockpit until it is there again."""
        while True:
            with contextlib.suppress(ConnectionError, Unreadable, ValueError):
                await self._listen(reader)
            self._hang_up()
            self._notice()
            reader = await self._again()
            # What happened meanwhile was missed: every face takes the new snapshot.
            self._feed.missed(1)
            self._notice()

    async def _again(self) -> asyncio.StreamReader:
        while True:
            await asyncio.sleep(self._again_seconds)
            try:
                return await self._greet()
            except NotThere:
                self._why = ""
            except CannotAttach as problem:
                self._why = str(problem)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if not line.endswith(b"\n"):
                return
            heard = decode_from_cockpit(line, self._last)
            self._heard_at = self._clock.monotonic()
            if self._silent:
                self._notice()
            if isinstance(heard, Replied):
                reply = self._asked.get(heard.request_id)
                if reply is not None and not reply.done():
                    reply.set_result(heard.value)
            elif isinstance(heard, News):
                self._take(heard)

    def _take(self, news: News) -> None:
        self._last = news.snapshot or self._last
        if news.missed:
            self._feed.missed(news.missed)
        for event in news.events:
            self._feed.publish(event)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self._say(encode_sign(Sign.BEAT))
            self._notice()

    def _notice(self) -> None:
        """Tell the faces once when the cockpit falls silent, and once when it answers again."""
        if self._silent == (not self.answers):
            return
        self._silent = not self.answers
        says = self._why or "The cockpit doesn't answer." if self._silent else "The cockpit answers again."
        self._feed.publish(Notice(self._clock.now(), safe(says), self._silent))

    def _hang_up(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
        for reply in self._asked.values():
            if not reply.done():
                reply.set_result(None)
