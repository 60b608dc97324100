"""A process with a screen on its terminal and HTTP in the same loop, which tells how long the screen held the loop.

    python -m bench.screen_guest cockpit|richlog|datatable DRAWN_A_SECOND HELD FILE

It writes the port of its HTTP to the open file of that number. The HTTP also takes orders: ``/rate?per_second=`` makes events come, ``/figures`` tells and
forgets what was measured since, ``/drawn?per_second=`` draws as often, ``/fill?rows=`` takes so many calls at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from textual.screen import Screen

from bench.screen_peers import DataTablePeer, Peer, RichLogPeer
from cockpit.model.events import CallFinished
from cockpit.model.screen import ScreenSettings
from server.guard import Guard, Policy
from server.listener import bind, serve
from tests.tui.fake_face import NOW, FakeFace, busy_face, call
from tui.app import CockpitScreen
from tui.pace import Pace
from tui.run import Ending, ScreenSwitch, run_screen

TICK: Final = 0.01
_SCREEN_TASK: Final = "message pump of the screen"


class RunningClock:
    """The fake face's day, from its first second on."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def now(self) -> datetime:
        """Return the time of that day."""
        return NOW + timedelta(seconds=time.monotonic() - self._began)

    def monotonic(self) -> float:
        """Return seconds."""
        return time.monotonic()


@dataclass
class Measured:
    """What the screen took of the loop since it was last asked."""

    frames: list[float] = field(default_factory=list)
    """Seconds that the loop was the screen's between one drawing of the stream and the next."""
    spent: float = 0.0
    held_up: float = 0.0
    """The longest that it was the screen's without a pause."""
    layouts: int = 0
    began: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=time.process_time)

    def told(self) -> dict[str, object]:
        """Say it in JSON."""
        return {
            "frames": self.frames[1:],
            "held_up": self.held_up,
            "layouts": self.layouts,
            "seconds": time.monotonic() - self.began,
            "cpu": time.process_time() - self.cpu,
        }

    def watch(self, screen: type[CockpitScreen] | type[Peer]) -> None:
        """Time every step of the loop that is the screen's: those of the tasks that Textual names."""
        run = asyncio.events.Handle._run  # pyright: ignore[reportAttributeAccessIssue]

        def timed(handle: Any) -> None:
            owner = getattr(handle._callback, "__self__", None)
            if not isinstance(owner, asyncio.Task) or owner.get_name().startswith("Task-"):
                run(handle)
                return
            began = time.perf_counter()
            run(handle)
            took = time.perf_counter() - began
            self.spent += took
            self.held_up = max(self.held_up, took)

        asyncio.events.Handle._run = timed  # pyright: ignore[reportAttributeAccessIssue]
        layout, drain = Screen._refresh_layout, screen.drain

        def drained(app: Any) -> None:
            self.frames.append(self.spent)
            self.spent = 0.0
            drain(app)

        def laid_out(root: Screen[Any], *arguments: Any, **named: Any) -> None:
            self.layouts += 1
            layout(root, *arguments, **named)

        Screen._refresh_layout = laid_out
        screen.drain = drained  # pyright: ignore[reportAttributeAccessIssue]


class Cockpit:
    """The cockpit's screen over a face that is busy: things wait, positions are held, once a second something changes."""

    def __init__(self, rate_hz: int, held: int) -> None:
        self.kind = CockpitScreen
        self.face: FakeFace = busy_face()
        self._settings = ScreenSettings(rate_hz=rate_hz, rate_is_set=True, history=held)
        self._told = Told()

    async def run(self) -> None:
        """Draw until the end."""
        ended = await run_screen(self.face, self._settings, switch=self._told, clock=RunningClock())
        if ended.how is Ending.CRASHED:
            raise SystemExit(ended.reason)

    def take(self, events: Iterable[CallFinished]) -> None:
        """Take calls as they come."""
        for event in events:
            self.face.publish(event)

    def drain(self) -> None:
        """Take into the stream what waits for the next drawing."""
        if self._told.screen is not None:
            self._told.screen.drain()

    def draw(self, per_second: int) -> None:
        """Draw the stream as often from now on."""
        screen = self._told.screen
        if screen is not None:
            screen._pace.per_second = per_second
            screen.call_later(screen._keep_pace)

    def second_passed(self) -> None:
        """Change the snapshot, as orders and budgets do."""
        counters = self.face.seen.counters
        self.face.show(counters=replace(counters, calls=counters.calls + 1))


class Steady(Pace):
    """A pace that stays: what is compared is drawn equally often, however busy the machine is."""

    def next_frame(self, monotonic: float) -> bool:
        """Keep the rate."""
        return False


class Told(ScreenSwitch):
    """A switch that hands out the running screen."""

    screen: CockpitScreen | None = None

    def holds(self, screen: CockpitScreen | None) -> None:
        """Take the running screen, or none."""
        super().holds(screen)
        self.screen = screen
        if screen is not None:
            screen._pace = Steady(screen._pace.per_second)


class Other:
    """One of the peers."""

    def __init__(self, app: Peer) -> None:
        self.kind = type(app)
        self._app = app

    async def run(self) -> None:
        """Draw until the end."""
        await self._app.run_async(mouse=False)

    def take(self, events: Iterable[CallFinished]) -> None:
        """Take calls as they come."""
        self._app.fresh.extend(events)

    def drain(self) -> None:
        """Take into the widget what waits for the next drawing."""
        self._app.drain()

    def draw(self, per_second: int) -> None:
        """Draw the stream as often from now on."""
        self._app.call_later(self._app.draw, per_second)

    def second_passed(self) -> None:
        """Do nothing: there is nothing but the stream."""


KINDS: Final[dict[str, Callable[[int, int], Cockpit | Other]]] = {
    "cockpit": Cockpit,
    "richlog": lambda rate_hz, held: Other(RichLogPeer(rate_hz, held)),
    "datatable": lambda rate_hz, held: Other(DataTablePeer(rate_hz, held)),
}


class Guest:
    """The screen, the events that come, and the HTTP beside them."""

    def __init__(self, screen: Cockpit | Other) -> None:
        self._screen = screen
        self._measured = Measured()
        self._clock = RunningClock()
        self._per_second = 0.0
        self._number = 1000
        self._measured.watch(screen.kind)

    def app(self) -> web.Application:
        """Put the HTTP together, behind the host's own guard."""
        app = web.Application()
        Guard(Policy.of("", (), (), 1_048_576)).install(app)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/rate", self._rate)
        app.router.add_get("/figures", self._figures)
        app.router.add_get("/drawn", self._drawn)
        app.router.add_get("/fill", self._fill)
        return app

    async def produce(self) -> None:
        """Let calls come at the wanted rate, in steps of a hundredth of a second."""
        owed, second, then = 0.0, time.monotonic(), time.monotonic()
        while True:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            owed, then = min(1000.0, owed + (now - then) * self._per_second), now
            self._screen.take(self._calls(int(owed)))
            owed -= int(owed)
            if self._per_second and now - second >= 1:
                second = now
                self._screen.second_passed()

    def _calls(self, count: int) -> list[CallFinished]:
        first, at = self._number, self._clock.now()
        self._number += count
        return [call(number, at) for number in range(first, first + count)]

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _rate(self, request: web.Request) -> web.Response:
        self._per_second = float(request.query["per_second"])
        return web.json_response({})

    async def _drawn(self, request: web.Request) -> web.Response:
        self._screen.draw(int(request.query["per_second"]))
        return web.json_response({})

    async def _figures(self, _: web.Request) -> web.Response:
        told, fresh = self._measured.told(), Measured()
        for name in ("frames", "spent", "held_up", "layouts", "began", "cpu"):
            setattr(self._measured, name, getattr(fresh, name))
        return web.json_response(told)

    async def _fill(self, request: web.Request) -> web.Response:
        rows, before, began = int(request.query["rows"]), _resident_kb(), time.monotonic()
        for _ in range(rows // 1000):
            self._screen.take(self._calls(1000))
            self._screen.drain()
            await asyncio.sleep(0)
        await asyncio.sleep(0.5)
        gc.collect()
        return web.json_response({"kb": _resident_kb() - before, "seconds": time.monotonic() - began - 0.5})


def _resident_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS"))


async def main(kind: str, rate_hz: int, held: int, telling: int) -> None:
    """Run until the screen ends."""
    screen = KINDS[kind](rate_hz, held)
    guest = Guest(screen)
    taken = bind("127.0.0.1", 0)
    async with serve(guest.app(), taken) as port:
        with os.fdopen(telling, "w") as told:
            told.write(f"{port}\n")
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 1000)
        producer = asyncio.create_task(guest.produce(), name="Task-producer")
        await asyncio.create_task(screen.run(), name=_SCREEN_TASK)
        producer.cancel()
        with suppress(asyncio.CancelledError):
            await producer


if __name__ == "__main__":
    for exported in ("SSH_CONNECTION", "COLUMNS", "LINES", "NO_COLOR"):
        os.environ.pop(exported, None)
    asyncio.run(main(sys.argv[1], *(int(number) for number in sys.argv[2:5])))
