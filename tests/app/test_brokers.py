from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from cockpit.app.brokers import broker_of
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.clock import SystemClock
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store

NEEDED_BY_ONE_BROKER: Final = ("ib_async", "eventkit", "numpy", "nest_asyncio", "cockpit.brokers.ibkr")

_PROGRAM: Final = """
import asyncio, sys
from pathlib import Path
from tests.app.opened import cockpit as opened
import cockpit.cli.main, cockpit.app.process

async def main():
    async with opened(Path({folder!r}), {config!r}):
        print(sorted(name for name in {names!r} if name in sys.modules))

asyncio.run(main())
"""


def _imported(folder: Path, config: Path | None) -> str:
    program = _PROGRAM.format(folder=str(folder), config=config, names=NEEDED_BY_ONE_BROKER)
    program = program.replace("PosixPath(", "Path(")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_cockpit_without_interactive_brokers_imports_nothing_that_only_it_needs(tmp_path: Path) -> None:
    assert _imported(tmp_path / "data", None) == "[]"


def test_a_cockpit_with_interactive_brokers_starts_though_nothing_answers_there(tmp_path: Path) -> None:
    config = tmp_path / "cockpit.toml"
    config.write_text(
        "[connections.ib]\nbroker = 'ibkr'\naccount = 'DU1234567'\n"
        "[connections.ib.ibkr]\nport = 1\nconnect_seconds = 1\n"
    )
    assert "ib_async" in _imported(tmp_path / "data", config)


@pytest.mark.parametrize(("kind", "made"), [("paper", "PaperBroker"), ("ibkr", "IbkrBroker")])
async def test_the_settings_choose_the_broker(tmp_path: Path, kind: str, made: str) -> None:
    async with Store(tmp_path / "data", SystemClock()) as store:
        broker = broker_of("one", ConnectionSettings.model_validate({"broker": kind}), store, SystemClock())
    assert type(broker).__name__ == made
    assert isinstance(broker, PaperBroker) is (kind == "paper")
