"""What screens at a distance cost the host: its CPU while events flow, with none, with three, and with a stalled one.

Run: python -m bench.attached [events a second]
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from cockpit.operator.remote.messages import Hello, encode_hello
from server.control import ControlSocket
from tests.server.distant import host_face
from tests.tui.fake_face import calls

SECONDS: Final = 6.0
TICK: Final = 0.01


async def _run(path: Path, per_second: int, watchers: int, *, stalled: bool) -> tuple[float, float]:
    """Return the share of a CPU that publishing takes, and the longest that the loop was held up."""
    face = host_face()
    async with ControlSocket(path, face):
        programs = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", _READER, os.fspath(path), "0" if stalled else "1"
            )
            for _ in range(watchers)
        ]
        while len(face.feed._subscriptions) < watchers:
            await asyncio.sleep(0.01)
        batch, number, worst = max(1, int(per_second * TICK)), 0, 0.0
        began, before = time.monotonic(), _cpu()
        while time.monotonic() - began < SECONDS:
            for call in calls(batch, number):
                face.publish(call)
            number += batch
            asked = time.monotonic()
            await asyncio.sleep(TICK)
            worst = max(worst, time.monotonic() - asked - TICK)
        share = (_cpu() - before) / (time.monotonic() - began)
        for program in programs:
            program.kill()
            await program.wait()
    return share, worst


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


_READER: Final = f"""
import socket, sys, time
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
line.sendall({encode_hello(Hello("bench", read_only=True))!r})
while sys.argv[2] == "0":
    time.sleep(1)
while line.recv(65536):
    pass
"""


async def main(per_second: int) -> None:
    """Print a line for each case."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "control.sock"
        alone, _ = await _run(path, per_second, 0, stalled=False)
        for name, watchers, stalled in (
            ("one screen", 1, False),
            ("three screens", 3, False),
            ("three stalled", 3, True),
        ):
            share, worst = await _run(path, per_second, watchers, stalled=stalled)
            print(
                f"{per_second} events/s, {name}: {100 * (share - alone):.1f} % of a CPU more than none "
                f"({100 * alone:.1f} %); the loop was held up {1000 * worst:.0f} ms at most"
            )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
