"""A cockpit without an account at Interactive Brokers carries nothing of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_PAPER = """
import asyncio, json, sys
from pathlib import Path
from cockpit.app.wiring import running
from cockpit.cli import main
from cockpit.model.clock import SystemClock
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind

async def serve():
    settings = load(Given(data_dir=Path(sys.argv[1]), port=0, ignore_file=True), {})
    async with running(settings, bind("127.0.0.1", 0), SystemClock(), asyncio.Event()):
        print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} | {
            name for name in sys.modules if name.startswith("cockpit.brokers.")})))

asyncio.run(serve())
"""


def test_a_cockpit_on_paper_imports_neither_the_client_of_tws_nor_what_it_needs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PAPER, str(tmp_path / "data")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    modules = set(json.loads(done.stdout))
    assert "cockpit.brokers.paper" in modules
    carried = {"ib_async", "eventkit", "numpy", "nest_asyncio", "cockpit.brokers.ibkr"} & modules
    assert not carried
