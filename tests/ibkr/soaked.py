"""A whole cockpit in a process of its own that says what it holds, for the soak."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
from pathlib import Path

from tests.ibkr.cockpits import TRUSTED, within


async def _serve(folder: Path) -> None:
    """Tell where to connect and a key, then at each line what is held; end with the input."""
    from cockpit.model.clock import SystemClock

    settings = folder.with_name("settings.toml").read_text()
    async with within(folder, settings, clock=SystemClock()) as cockpit:
        print(json.dumps({"url": cockpit.url, "key": await cockpit.key(TRUSTED)}), flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while asked := (await reader.readline()).decode().strip():
            if asked == "held":
                gc.collect()
                tasks = sorted(_named(task) for task in asyncio.all_tasks())
                said: object = {"rss": _resident(), "tasks": tasks, "link": cockpit.broker.status().link}
            else:
                await cockpit.do("reconcile")
                said = {
                    "orders": [
                        (one.reference, one.order_id, one.state, str(one.filled)) for one in cockpit.known().values()
                    ],
                    "told": cockpit.notices(),
                }
            print(json.dumps(said), flush=True)


def _named(task: asyncio.Task[object]) -> str:
    """Return the name of a task, of one without a name that of its work."""
    name = task.get_name().rstrip("0123456789")
    return name if name != "Task-" else getattr(task.get_coro(), "__qualname__", name)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(_serve(Path(sys.argv[1])))
