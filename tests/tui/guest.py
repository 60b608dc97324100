"""A process whose screen is a guest: a counter runs in the same loop, and a file tells how both are."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cockpit.model.screen import ScreenSettings
from cockpit.operator.view import Snapshot
from tests.tui.fake_face import busy_face, call, pending_order
from tui.app import CockpitScreen
from tui.driver import CockpitDriver
from tui.run import ScreenSwitch, run_screen


class Told(ScreenSwitch):
    """A switch that also says how the driver is."""

    screen: CockpitScreen | None = None

    def holds(self, screen: CockpitScreen | None) -> None:
        super().holds(screen)
        self.screen = screen

    @property
    def watched(self) -> bool:
        return self.screen is not None and self.screen._watched

    @property
    def stalled(self) -> bool:
        driver = None if self.screen is None else self.screen._driver
        return isinstance(driver, CockpitDriver) and driver.stalled


async def main(told: Path) -> None:
    face = busy_face()
    switch = Told()
    stop = asyncio.Event()
    state: dict[str, object] = {"count": 0, "stalled": False, "ended": "", "pid": os.getpid()}

    def tell(now: Mapping[str, object]) -> None:
        fresh = told.with_suffix(".new")
        fresh.write_text(json.dumps(now))
        fresh.replace(told)

    look = face.snapshot

    def breaking() -> Snapshot:
        if int(str(state["count"])) > 40:
            password = "locals-must-not-be-shown"
            raise RuntimeError(f"a bug in the view, {len(password)}")
        return look()

    asked_for = told.with_suffix(".ask")
    if os.environ.get("GUEST_ASKS"):
        face.seen = replace(face.seen, pending_clients=(), pending_orders=())

    def ask_when_told() -> None:
        if asked_for.exists():
            asked_for.unlink()
            item = pending_order(7, "claude", "buy 3 ALFA", "300", 0, "")
            until = datetime.now(UTC) + timedelta(minutes=5)
            face.show(pending_orders=(replace(item, decide_by=until),))

    if os.environ.get("GUEST_BREAKS"):
        face.snapshot = breaking

    async def count() -> None:
        while True:
            state["count"] = int(str(state["count"])) + 1
            state["stalled"], state["watched"] = switch.stalled, switch.watched
            ask_when_told()
            face.publish(call(100 + int(str(state["count"]))))
            tell(state)
            await asyncio.sleep(0.02)

    def asked() -> None:
        stop.set()
        switch.request_exit()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, asked)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    counter = asyncio.create_task(count())
    looks = ScreenSettings(rate_hz=30, rate_is_set=True)
    if wanted := os.environ.get("GUEST_THEME"):
        looks = replace(looks, theme=wanted, theme_is_set=True)
    ended = await run_screen(face, looks, switch=switch)
    state["ended"], state["reason"] = ended.how, ended.reason
    if ended.how != "quit":
        await stop.wait()
    counter.cancel()
    with suppress(asyncio.CancelledError):
        await counter
    tell({**state, "commands": [command.act for command in face.commands]})


if __name__ == "__main__":
    os.environ.pop("SSH_CONNECTION", None)
    asyncio.run(main(Path(sys.argv[1])))
