"""A gateway of TWS for tests: it listens on loopback, keeps its state while clients come and go, and tells what it saw."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from tests.gateway.planned import Fault, Faults, When
from tests.gateway.session import Session
from tests.gateway.wire import SERVER_VERSION, In, Out

if TYPE_CHECKING:
    from tests.gateway.book import Book
    from tests.gateway.world import World

T = TypeVar("T")
Handler = Callable[[Session, list[str]], Awaitable[None] | None]
"""Answers one message; ``fields[0]`` is its number. ValueError and its like become error 320, and the session goes on."""

HANDLERS: Final[dict[int, Handler]] = {}
"""Who answers which message; the modules of this package register theirs with ``handles`` when they are imported."""

_REMEMBERED: Final = 20_000


def handles(*numbers: In) -> Callable[[Handler], Handler]:
    """Register the decorated function for these messages."""

    def register(handler: Handler) -> Handler:
        for number in numbers:
            if number in HANDLERS:
                raise ValueError(f"{number.name} has two handlers")
            HANDLERS[number] = handler
        return handler

    return register


@dataclass(frozen=True, slots=True)
class Seen:
    """One message as the gateway received it."""

    at: float
    """Seconds of the monotonic clock."""
    client_id: int
    """-1 before the client has told."""
    name: str
    fields: list[str]


class Meter:
    """Counts messages, and remembers the most that fell into any sliding second."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self.peak = 0
        self.count = 0

    def add(self, at: float) -> int:
        """Count one message and return how many fell into the second that ends now."""
        self._times.append(at)
        while at - self._times[0] > 1.0:
            self._times.popleft()
        self.count += 1
        self.peak = max(self.peak, len(self._times))
        return len(self._times)


class FakeGateway:
    """``async with FakeGateway() as g``: connect to ``127.0.0.1:g.port``. Orders and positions survive their sessions.

    Trading hours are those of the world, or there are none (``open_always``). Without ``matching`` an order rests until
    the test fills it.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        accounts: tuple[str, ...] = ("DU1234567",),
        port: int = 0,
        version: int = SERVER_VERSION,
        read_only: bool = False,
        messages_per_second: int = 50,
        master_client: int | None = None,
        open_always: bool = False,
        matching: bool = True,
    ) -> None:
        from tests.gateway import account
        from tests.gateway.book import Book
        from tests.gateway.world import World

        self.accounts = accounts
        self.port = port
        self.version = version
        self.read_only = read_only
        """As with the box "Read-Only API" ticked: orders are refused with 321, and open orders aren't told."""
        self.messages_per_second = messages_per_second
        """More than this from one client in a sliding second is answered by error 100 and a cut; 0: never."""
        self.master_client = master_client
        """The client that is told of everybody's orders; none where it is None."""
        self.awake = asyncio.Event()
        self.awake.set()
        self.linked = True
        """False between ``lost`` and ``restored``: nothing of an order passes between this gateway and the exchange."""
        self.world: World = world if world is not None else World()
        if open_always:
            self.world.open_always()
        self.book: Book = Book(self)
        self.book.matching = matching
        self.book.changed = lambda owner, listing: account.tell_change(self, owner, listing)
        self.faults = Faults()
        self.sessions: list[Session] = []
        self.seen: deque[Seen] = deque(maxlen=_REMEMBERED)
        """The newest messages of all clients, oldest first; ``received`` and ``most_in_a_second`` count all there were."""
        self.bad = 0
        """Messages that could not be read."""
        self._failures: list[Exception] = []
        self._meters: dict[int | None, Meter] = {None: Meter()}
        self._parts: dict[type, Any] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()
        if self._failures:
            raise ExceptionGroup("the gateway itself failed", self._failures)

    # --- what tests do to it

    def once(self, name: str, fault: Fault, *, when: When | None = None) -> None:
        """Let a fault happen to the next message of that name, which a client sends or the gateway does."""
        self.faults.add(name, fault, when=when, standing=False)

    def always(self, name: str, fault: Fault, *, when: When | None = None) -> None:
        """Let a fault happen to every message of that name until ``never``."""
        self.faults.add(name, fault, when=when, standing=True)

    def never(self, name: str) -> None:
        """Forget the faults of that name."""
        self.faults.clear(name)

    def lost(self) -> None:
        """Lose the line between the gateway and the exchange; sessions stay open and are told with 1100."""
        self.linked = False
        self.broadcast_error(1100, "Connectivity between IB and Trader Workstation has been lost.")

    def restored(self, *, data_lost: bool = False) -> None:
        """Restore that line: 1101 where market data is lost, otherwise 1102; then what happened meanwhile is told."""
        from tests.gateway.market import lose_data

        self.linked = True
        if data_lost:
            lose_data(self)
        kept = "data lost" if data_lost else "data maintained"
        self.broadcast_error(
            1101 if data_lost else 1102,
            f"Connectivity between IB and Trader Workstation has been restored - {kept}.",
        )
        self.book.catch_up()

    def hang(self) -> None:
        """Neither answer nor send anything, while every connection stays open, until ``wake``."""
        self.awake.clear()

    def wake(self) -> None:
        """Go on after ``hang``; what clients sent meanwhile is answered now."""
        self.awake.set()
        for session in self.sessions:
            session.wake()

    def cut(self) -> None:
        """Reset every session's connection, and keep on listening."""
        for session in list(self.sessions):
            session.abort()

    async def down(self) -> None:
        """Stop listening and close every session, as a gateway does that restarts; orders and positions are kept."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for session in list(self.sessions):
            session.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def up(self, *, ids_back: int = 0) -> None:
        """Listen, on the same port as before; ``ids_back`` ids that were given to orders are given once more."""
        if ids_back:
            self.book.roll_back(ids_back)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Session(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def restart(self, *, ids_back: int = 0) -> None:
        """Go down and up again."""
        await self.down()
        await self.up(ids_back=ids_back)

    # --- what tests read

    def named(self, name: str, client_id: int | None = None) -> list[Seen]:
        """Return the messages of that name that were received, oldest first."""
        return [one for one in self.seen if one.name == name and client_id in (None, one.client_id)]

    def most_in_a_second(self, client_id: int | None = None) -> int:
        """Return the most messages that arrived in any sliding second, from one client or from all together."""
        meter = self._meters.get(client_id)
        return meter.peak if meter else 0

    def received(self, client_id: int | None = None) -> int:
        """Return how many messages arrived, from one client or from all together."""
        meter = self._meters.get(client_id)
        return meter.count if meter else 0

    # --- for the modules that answer

    def of(self, kind: type[T]) -> T:
        """Return the gateway's one value of that kind; it is made without arguments when it is first asked for."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        return self._parts[kind]

    def ready_sessions(self) -> list[Session]:
        """Return the sessions whose clients have told their id."""
        return [session for session in self.sessions if session.client_id is not None and not session.ended]

    def broadcast(self, *fields: object) -> None:
        """Send one message to every session."""
        for session in self.ready_sessions():
            session.send(*fields)

    def broadcast_error(self, code: int, text: str) -> None:
        """Send an error that belongs to no request to every session."""
        self.broadcast(Out.error, 2, -1, code, text, "")

    def went_wrong(self, error: Exception) -> None:
        """Keep a mistake of the gateway's own, which fails the test when it ends."""
        self._failures.append(error)

    # --- sessions

    def joined(self, session: Session) -> None:
        """Begin to answer a session."""
        self.sessions.append(session)
        task = asyncio.create_task(self._serve(session))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def counted(self, session: Session, fields: list[str]) -> bool:
        """Count one message as it arrives; too many in a second cut the session, and False is returned."""
        now = time.monotonic()
        client = -1 if session.client_id is None else session.client_id
        self.seen.append(Seen(now, client, _name(fields), fields))
        self._meters[None].add(now)
        recent = self._meters.setdefault(client, Meter()).add(now) if client >= 0 else 0
        if not 0 < self.messages_per_second < recent:
            return True
        session.error(-1, 100, "Max rate of messages per second has been exceeded")
        session.close()
        return False

    async def _serve(self, session: Session) -> None:
        try:
            while (fields := await session.arrived.get()) is not None:
                await self.awake.wait()
                if session.ended:  # what arrived before a cut is as lost as what comes after it
                    break
                await self._answer(session, fields)
        except Exception as error:
            self.went_wrong(error)
        finally:
            session.end()
            self.sessions.remove(session)

    async def _answer(self, session: Session, fields: list[str]) -> None:
        name = _name(fields)
        handler = HANDLERS.get(In[name]) if name in In.__members__ else None
        if handler is None:
            session.error(-1, 503, f"This gateway does not know {name}")
            return
        if session.client_id is None and name != In.startApi.name:
            session.error(-1, 504, "Not connected")
            return

        async def proceed() -> None:
            result = handler(session, fields)
            if inspect.isawaitable(result):
                await result

        places = name == In.placeOrder.name and self.faults.any
        aliases = (self.book.kind_of(session, fields),) if places else ()
        try:
            await self.faults.incoming(session, (*aliases, name), fields, proceed)
        except (ValueError, LookupError, ArithmeticError) as error:
            self.bad += 1
            session.error(-1, 320, f"Server error when reading an API client request. {error}")


def _name(fields: list[str]) -> str:
    number = fields[0] if fields else ""
    known = number.isascii() and number.isdigit() and int(number) in In._value2member_map_
    return In(int(number)).name if known else f"message {number}"
