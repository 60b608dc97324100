"""``stdio``: relay between standard input and output and the running cockpit, until the input ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import click

from cockpit.cli.processes import DONE, REFUSED, say_mistakes
from cockpit.cli.stdio.relay import Relay
from cockpit.cli.stdio.streams import Input, Output
from cockpit.settings.mistakes import BadSettings
from cockpit.settings.where import CLIENT_SOCKET_NAME, SOCKET_NAME, Given, config_file, data_folder, read_file

_STDIN, _STDOUT = 0, 1
_DRAIN_SECONDS = 2.0
_MARGIN_SECONDS = 30.0
"""How much longer than a call may take a silent cockpit is waited for; it gives a sign of life more often."""
CALL_SECONDS, LONGEST_CALL_SECONDS = 240.0, 86_400.0
"""As the settings have them, which are heavy to read."""


def run_stdio(given: Given) -> int:
    """Relay until the input ends, the output is closed or a signal comes; return the exit code."""
    try:
        folder = data_folder(given, os.environ)
        silence = call_seconds(given, os.environ) + _MARGIN_SECONDS
    except BadSettings as bad:
        return say_mistakes(bad)
    sockets = folder / CLIENT_SOCKET_NAME, folder / SOCKET_NAME
    return asyncio.run(_relay(sockets, silence))


def call_seconds(given: Given, environ: Mapping[str, str]) -> float:
    """Return how long the cockpit lets a call take, found without reading the rest.

    What the cockpit itself would refuse is for it to tell; here the default stands in.
    """
    said: object = environ.get("COCKPIT_SERVER__CALL_SECONDS")
    if not said and not given.ignore_file:
        try:
            server = read_file(*config_file(given, environ)).get("server")
        except BadSettings:
            return CALL_SECONDS
        said = server.get("call_seconds") if isinstance(server, dict) else None
    try:
        seconds = float(str(said))
    except ValueError:
        return CALL_SECONDS
    return seconds if 0 < seconds <= LONGEST_CALL_SECONDS else CALL_SECONDS


async def _relay(sockets: tuple[Path, Path], silence_seconds: float) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    out = Output(_STDOUT, stopping.set)
    async with Relay(sockets, out, lambda text: click.echo(text, err=True), silence_seconds) as relay:
        read = loop.create_task(_read(Input(_STDIN), relay))
        stopped = loop.create_task(stopping.wait())
        await asyncio.wait({read, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (read, stopped):
            task.cancel()
        await asyncio.gather(stopped, return_exceptions=True)
        with contextlib.suppress(asyncio.CancelledError):
            await read
    if not stopping.is_set():
        await out.drain(_DRAIN_SECONDS)
    return DONE if relay.found else REFUSED


async def _read(lines: Input, relay: Relay) -> None:
    while (found := await lines.next()) is not None:
        for line in found:
            await relay.take(line)
    await relay.settle()
