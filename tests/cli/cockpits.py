"""A running control socket with a face that answers as it was told, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from cockpit.model.events import Event
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Refusal, refuse
from cockpit.operator.act import Answer, Command, Done
from cockpit.operator.face import Subscription
from cockpit.operator.view import ClientTicket, OrderTicket, Snapshot
from server.control import ControlSocket
from tests.tui.fake_face import busy_snapshot


class TalkingCockpit:
    """Stands for a running process: the socket is real, the face is told what to answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[Command] = []
        self.answers: dict[str, Answer] = {}
        self.order: OrderTicket | Refusal = refuse("ORDER_UNKNOWN")
        self.client: ClientTicket | Refusal = refuse("CODE_UNKNOWN")
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def run(self, command: Command) -> Answer:
        self.ran.append(command)
        return self.answers.get(command.act, Done(f"{command.act} was done."))

    def snapshot(self) -> Snapshot:
        return busy_snapshot()

    def subscribe(self, size: int = 50_000, wake: Callable[[Event], None] | None = None) -> Subscription:
        raise NotImplementedError

    async def order_ticket(self, order_id: OrderId) -> OrderTicket | Refusal:
        return self.order

    async def client_ticket(self, code: str) -> ClientTicket | Refusal:
        return self.client

    def attached(self) -> None:
        pass

    def detached(self) -> None:
        pass

    def touched(self) -> None:
        pass

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with ControlSocket(self.folder / "control.sock", self):
            self._started.set()
            await self._stop.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
