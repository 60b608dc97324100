"""One cockpit as one process: with or without a screen, until a signal or the operator stops it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from typing import Final

import click

from cockpit.app.brokers import broker_of
from cockpit.app.demo import DemoClient
from cockpit.app.logs import Logs
from cockpit.app.looks import looks_of
from cockpit.app.open_files import make_room
from cockpit.app.wiring import BrokerMaker, Cockpit, running
from cockpit.brokers.base import BrokerUnavailable
from cockpit.model.clock import SystemClock
from cockpit.operator.rooms import Examination, nothing_wrong
from cockpit.settings.model import Settings
from cockpit.store.folder import StoreCannotOpen
from oauth.static_clients import BadStaticClient
from server.control import ControlInUse
from server.listener import CannotListen, bind

log = logging.getLogger("cockpit")

_DONE: Final = 0
_FAILED: Final = 1
_SCREEN_ENDS_WITHIN: Final = 2.0


def run(
    settings: Settings,
    *,
    screen: bool,
    demo: bool,
    brokers: BrokerMaker = broker_of,
    examined: Examination = nothing_wrong,
) -> int:
    """Run a cockpit until it is stopped; return the exit code. Says on stderr what keeps it from starting.

    ``examined`` says what is wrong with the host before real money is armed.
    """
    try:
        return asyncio.run(_run(settings, brokers, examined, screen=screen, demo=demo))
    except (StoreCannotOpen, CannotListen, ControlInUse, BrokerUnavailable, BadStaticClient) as problem:
        click.echo(f"cockpit: {problem}", err=True)
        return _FAILED


async def _run(settings: Settings, brokers: BrokerMaker, examined: Examination, *, screen: bool, demo: bool) -> int:
    stopping = asyncio.Event()
    taken = bind(settings.server.host, settings.server.port)
    with Logs(settings.data_dir, to_file=screen) as logs, contextlib.closing(taken):
        if lacking := make_room(settings.server.max_connections):
            log.warning("server.max_connections needs %d more open files than this system allows", lacking)
        async with running(
            settings, taken, SystemClock(), stopping, brokers, log_lines=logs.newest.lines, examined=examined
        ) as cockpit:
            _take_signals(cockpit, demo=demo)
            async with contextlib.AsyncExitStack() as beside:
                if demo:
                    await beside.enter_async_context(DemoClient(cockpit.url, cockpit.face.hint))
                _settle_memory()
                if screen:
                    await _show(cockpit, settings, stays=not demo)
                else:
                    click.echo(f"ready {cockpit.url}")
                    await stopping.wait()
            log.info("stopping")
    return _DONE


async def _show(cockpit: Cockpit, settings: Settings, *, stays: bool) -> None:
    """Show the screen until the operator quits; a screen that is lost leaves the host serving without one."""
    # The screen's library is loaded only where there is a screen.
    from tui.run import Ending, ScreenSwitch
    from tui.supervise import supervise

    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    looks = looks_of(settings)
    switch = ScreenSwitch()
    screen = asyncio.get_running_loop().create_task(supervise(cockpit.face, looks, log, switch=switch), name="screen")
    stopped = asyncio.get_running_loop().create_task(cockpit.stopping.wait())
    await asyncio.wait({screen, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if screen.done():
        stopped.cancel()
        ended = screen.result()
        if ended.how is Ending.QUIT or not stays:
            return
        log.warning("the screen is gone (%s); serving without one", ended.how)
        await cockpit.stopping.wait()
        return
    switch.request_exit()
    await asyncio.wait({screen}, timeout=_SCREEN_ENDS_WITHIN)


def _take_signals(cockpit: Cockpit, *, demo: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, cockpit.stopping.set)
    # A terminal that hangs up takes its screen with it, never the host. A handler instead of SIG_IGN, which
    # child processes would inherit.
    if demo:
        # A demo is for somebody who looks at it: without a terminal nobody would ever end it.
        loop.add_signal_handler(signal.SIGHUP, cockpit.stopping.set)
    else:
        loop.add_signal_handler(signal.SIGHUP, log.info, "the terminal hung up")


def _settle_memory() -> None:
    """Keep the collector away from what lives as long as the process: its long pauses would freeze the screen."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)
