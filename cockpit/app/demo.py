"""The demo's client: a process of its own that is let in, watched, refused and killed like any other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Final

import orjson

from cockpit.model.text import safe

log = logging.getLogger(__name__)

_STOP_WITHIN: Final = 2.0
_LONGEST_LINE: Final = 16_384
_ORDER_WAITS: Final = "Demo: an order waits; a and then y sends it, d rejects it, ⏎ shows all of it"
_ENDS_HINT: Final = {
    "connected": "Demo: the client is in; its calls run below. If it may trade, orders follow",
    "denied": "Demo: the client was turned away; it asks again in half a minute",
    "ended": "Demo: the client's authority has ended; it asks again in a moment",
    "turned_away": "Demo: the client finds the door closed; it tries again in a moment",
    "failed": "Demo: the client could not go on; it tries again in a moment",
}


class DemoClient:
    """A context in which the demo's client runs. What it reports becomes the hint line of the screen."""

    def __init__(self, url: str, hint: Callable[[str | None], None]) -> None:
        self._url = url
        self._hint = hint
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> DemoClient:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cockpit.cli.demo_client",
            "--url",
            self._url,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        self._reader = asyncio.get_running_loop().create_task(self._read(self._process), name="demo client")
        return self

    async def __aexit__(self, *_: object) -> None:
        process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        reader.cancel()
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_WITHIN)
            except TimeoutError:
                process.kill()
                await process.wait()
        with contextlib.suppress(asyncio.CancelledError):
            await reader

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                continue
            if not line:
                self._hint("The demo's client has ended.")
                return
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            said = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if not isinstance(said, dict):
            return
        code, event = said.get("code"), said.get("event")
        if isinstance(code, str) and code:
            log.info("the demo client's page shows the code %s", safe(code, 12))
            self._hint(f"Demo: its page shows {safe(code, 12)}; press a and type it. write:orders lets it trade")
        elif event == "order":
            waits = str(said.get("text", "")).startswith("Waits")
            self._hint(_ORDER_WAITS if waits else None)
        elif event in _ENDS_HINT:
            log.info("demo client: %s %s", safe(str(event), 20), safe(str(said.get("text", "")), 160))
            self._hint(_ENDS_HINT[event])
