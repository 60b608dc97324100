"""Carries each message of a local program to the running cockpit, and what it answers back, for both eras of MCP.

One line is one HTTP request on the Unix socket of the data folder. The cockpit may end and come back meanwhile: what is
asked without one is refused, and what is asked later finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from cockpit.cli.stdio.answers import answer_of, ends, ends_well, events
from cockpit.cli.stdio.messages import (
    CALL,
    CANCELLED,
    INITIALIZE,
    INITIALIZED,
    INVALID_REQUEST,
    LISTEN,
    PARSE_ERROR,
    Id,
    Line,
    error_line,
    read_line,
    refusal_line,
)
from cockpit.cli.stdio.session import OF_A_SESSION, SESSION_HEADER, Session
from cockpit.cli.stdio.streams import MOST_BYTES
from cockpit.model.refusals import Refusal, refuse

MOST_OPEN: Final = 100
"""Requests of the program that may be open at a time; more are refused."""
LAST_WORDS_SECONDS: Final = 10.0
"""How long requests may still take once the program has ended its input."""
_URL: Final = "http://cockpit/mcp"
_STREAM: Final = "text/event-stream"
_NO_SESSION, _NOT_ALLOWED = 404, 405
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_LONGEST_AWAY: Final = 5.0


class Writes(Protocol):
    """Where answers go."""

    async def write(self, message: bytes) -> None:
        """Write one message."""
        ...


class Relay:
    """One program's conversation. An async context manager: leaving it ends the conversation, at the cockpit too."""

    def __init__(
        self, folder_sockets: tuple[Path, Path], out: Writes, say: Callable[[str], None], silence_seconds: float = 270.0
    ) -> None:
        """``folder_sockets`` are the one for clients and the one for commands; ``say`` tells the program's owner. A
        cockpit that says nothing for ``silence_seconds``, no sign of life either, isn't waited for any longer.
        """
        self._silence_seconds = silence_seconds
        self._socket, self._control = folder_sockets
        self._out = out
        self._say = say
        self._open: dict[Id, asyncio.Task[None]] = {}
        self._called_off: set[Id] = set()
        self._stateless: set[Id] = set()
        self._listens: set[Id] = set()
        self._beside: set[asyncio.Task[None]] = set()
        self._session = Session()
        self._renewing = asyncio.Lock()
        self._answered = asyncio.Event()
        self._http: aiohttp.ClientSession | None = None
        self.found = True
        """Whether a cockpit was there when it was last asked."""

    async def __aenter__(self) -> Relay:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(os.fspath(self._socket), limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=self._silence_seconds),
            headers={"Content-Type": "application/json", "Accept": f"application/json, {_STREAM}"},
            read_bufsize=2**20,
        )
        if not await _listens(self._socket):
            self._lost()
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [*self._open.values(), *self._beside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert self._http is not None
        if self._session.headers:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(1), self._http.delete(_URL, headers=self._session.headers):
                    pass
        await self._http.close()

    async def settle(self) -> None:
        """Wait for what is open, but not for what only listens, and no longer than is stated."""
        open_tasks = [task for request_id, task in self._open.items() if request_id not in self._listens]
        if open_tasks:
            await asyncio.wait(open_tasks, timeout=LAST_WORDS_SECONDS)

    async def take(self, line: bytes | None) -> None:
        """Take one line of the program; None where it was too long."""
        if line is None:
            await self._out.write(error_line(None, INVALID_REQUEST, f"A message is at most {MOST_BYTES} bytes"))
            return
        if not line.strip():
            return
        message = read_line(line)
        if message is None:
            await self._out.write(error_line(None, PARSE_ERROR, "A line must be one JSON-RPC message"))
        elif message.has_bad_id:
            says = "The id of a request is a string or an integer"
            await self._out.write(error_line(message.bad_id, INVALID_REQUEST, says))
        elif not message.method and not message.is_answer:
            says = "A message names its method, or it is an answer"
            await self._out.write(error_line(message.request_id, INVALID_REQUEST, says))
        elif message.is_request:
            await self._begin(message)
        elif message.method == CANCELLED:
            await self._call_off(message)
        else:
            await self._tell(message)

    async def _begin(self, message: Line) -> None:
        assert message.request_id is not None
        if message.request_id in self._open:
            says = "A request with this id is still running"
            await self._out.write(error_line(message.request_id, INVALID_REQUEST, says))
            return
        if len(self._open) >= MOST_OPEN:
            refusal = refuse("BUSY", "Too many of your requests are open; wait for one to end.", open=MOST_OPEN)
            await self._out.write(refusal_line(message.request_id, refusal))
            return
        if message.version:
            self._stateless.add(message.request_id)
        if message.method == LISTEN:
            self._listens.add(message.request_id)
        task = asyncio.create_task(self._answer(message))
        self._open[message.request_id] = task
        task.add_done_callback(lambda _: self._over(message.request_id))

    def _over(self, request_id: Id | None) -> None:
        if request_id is not None:
            self._open.pop(request_id, None)
            for known in (self._called_off, self._stateless, self._listens):
                known.discard(request_id)

    async def _call_off(self, message: Line) -> None:
        """Call a request off as its era does: by closing it, or by saying so. It isn't answered any more."""
        request_id = message.params.get("requestId")
        task = self._open.get(request_id) if isinstance(request_id, int | str) else None
        if task is None or not isinstance(request_id, int | str):
            return
        if request_id in self._stateless:
            task.cancel()
            return
        self._called_off.add(request_id)
        await self._tell(message)

    async def _answer(self, message: Line) -> None:
        """Ask the cockpit, and write what it answers or why it doesn't."""
        request_id = message.request_id
        assert request_id is not None
        answered, problem = False, refuse("FATE_UNKNOWN")
        try:
            async for said in self._asked(message):
                is_last = ends(said)
                answered = answered or is_last
                if not (is_last and request_id in self._called_off):
                    await self._out.write(said)
        except _NoCockpit as lost:
            problem = lost.refusal
        except TimeoutError:
            problem = self._silent(message)
        except (aiohttp.ClientError, OSError, ValueError):
            problem = refuse("FATE_UNKNOWN", "The line to the cockpit broke before an answer came.")
        if not answered and request_id not in self._called_off:
            await self._out.write(refusal_line(request_id, problem))

    async def _asked(self, message: Line) -> AsyncIterator[bytes]:
        session = self._session
        used = session.headers
        if message.method in OF_A_SESSION and not message.headers and SESSION_HEADER in used:
            async with self._posted(message.body, {**used, "Accept": "application/json"}) as answer:
                said = await answer.read()
            if SESSION_HEADER in answer.headers or not await self._renewed(session, used):
                session.note(message, said)
                yield answer_of(answer.status, said, message)
                return
        headers = {} if message.method == INITIALIZE else message.headers or session.headers
        async with self._posted(message.body, headers) as answer:
            if answer.content_type == _STREAM:
                async for _, said in events(answer):
                    yield said
                return
            said = await answer.read()
            if message.method == INITIALIZE and answer.status == 200:
                self._session = Session()
                self._session.begin(message.body, answer.headers, said)
            session.note(message, said)
            yield answer_of(answer.status, said, message)

    @contextlib.asynccontextmanager
    async def _posted(self, body: bytes, headers: dict[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        assert self._http is not None
        try:
            answer = await self._http.post(_URL, data=body, headers=headers)
        except (aiohttp.ClientConnectorError, FileNotFoundError, ConnectionRefusedError) as error:
            self._lost()
            raise _NoCockpit(await self._why_not()) from error
        self.found = True
        self._answered.set()
        async with answer:
            yield answer

    async def _why_not(self) -> Refusal:
        """Tell a cockpit that isn't there from one that serves no local client, as an older one does."""
        if await _listens(self._control):
            return refuse("STDIO_OFF")
        return refuse("NO_ANSWER", f"No cockpit runs on {self._socket.parent}; start one with: cockpit")

    def _silent(self, message: Line) -> Refusal:
        """Say that no answer came in time: of a call nobody knows whether it was done."""
        says = f"The cockpit was silent for {self._silence_seconds:g} seconds"
        if message.method == CALL:
            return refuse("FATE_UNKNOWN", f"{says}; look whether it was done before you repeat it.")
        return refuse("NO_ANSWER", f"{says}.")

    def _lost(self) -> None:
        if self.found:
            self._say(f"cockpit stdio: no cockpit runs on {self._socket.parent}; start one with: cockpit")
        self.found = False

    async def _renewed(self, session: Session, dead: dict[str, str]) -> bool:
        """Begin a session that has ended anew, as the program would if it could know of it; whether there is one now."""
        async with self._renewing:
            if session.headers is not dead:
                return True
            async with self._posted(session.hello, {}) as answer:
                said = await answer.read()
            if answer.status != 200 or not session.renew(answer.headers, said):
                return False
            for body in session.to_repeat():
                async with self._posted(body, session.headers) as answer:
                    said = await answer.read()
                if said and not ends_well(said):
                    session.drop(body)
            return True

    async def _tell(self, message: Line) -> None:
        """Send what isn't answered; that it doesn't come through is told by the next request."""
        self._later(self._told(message))

    async def _told(self, message: Line) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, _NoCockpit):
            async with self._posted(message.body, message.headers or self._session.headers) as answer:
                await answer.read()
            if message.method == INITIALIZED and SESSION_HEADER in self._session.headers:
                self._later(self._listen(self._session))

    async def _listen(self, session: Session) -> None:
        """Keep the session's standing stream open, on which the cockpit says that lists have changed."""
        assert self._http is not None
        used, last_event, pause, is_new = session.headers, "", _FIRST_PAUSE, False
        while self._session is session:
            headers = {**used, "Accept": _STREAM, **({"Last-Event-ID": last_event} if last_event else {})}
            try:
                async with self._http.get(_URL, headers=headers) as answer:
                    if answer.status == 200:
                        for said in session.missed() if is_new else ():
                            await self._out.write(said)
                        pause, is_new = _FIRST_PAUSE, False
                        async for event_id, said in events(answer):
                            last_event = event_id or last_event
                            await self._out.write(said)
                    elif answer.status == _NOT_ALLOWED:
                        return  # it has no such streams
                if answer.status == _NO_SESSION and await self._renewed(session, used):
                    used, last_event, was_new, is_new = session.headers, "", is_new, True
                    if not was_new:
                        continue
                if answer.status != 200:
                    pause = min(pause * 2, _LONGEST_PAUSE)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError, _NoCockpit):
                pause = min(pause * 2, _LONGEST_AWAY)
            self._answered.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._answered.wait(), pause)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


class _NoCockpit(Exception):
    """Nobody listens on the socket."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


async def _listens(path: Path) -> bool:
    """Whether somebody listens on a socket."""
    try:
        _, writer = await asyncio.open_unix_connection(os.fspath(path))
    except OSError:
        return False
    writer.close()
    return True
