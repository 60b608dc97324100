"""A cockpit without an account at Interactive Brokers carries nothing of it: at the start, at work, or in the doctor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

_ITS: Final = ("ib_async", "eventkit", "numpy", "nest_asyncio", "cockpit.brokers.ibkr")
_FRAME: Final = """
import atexit, json, sys
for name in sys.argv.pop(1).split():
    sys.modules[name] = None  # whoever imports it meets an ImportError
atexit.register(lambda: print(json.dumps(sorted(name for name, found in sys.modules.items() if found)), file=sys.stderr))
"""
_AT_WORK: Final = """
import asyncio
from pathlib import Path
import aiohttp
from cockpit.app.wiring import running
from cockpit.cli import main
from cockpit.model.clock import SystemClock
from cockpit.model.identity import Scope, scope_text
from cockpit.operator.act import Command
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind

async def serve():
    settings = load(Given(data_dir=Path(sys.argv[1]), port=0, ignore_file=True), {})
    async with running(settings, bind("127.0.0.1", 0), SystemClock(), asyncio.Event()) as cockpit:
        asked = {"name": "s", "scope": scope_text(frozenset(Scope)), "connection": "paper"}
        key = (await cockpit.face.run(Command("key.create", asked))).data["key"]
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json, text/event-stream"}
        async with aiohttp.ClientSession(headers=headers) as http:
            async def ask(method, **params):
                said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
                async with http.post(cockpit.url, json=said) as answer:
                    return await answer.json()
            tools = (await ask("tools/list"))["result"]["tools"]
            assert len(tools) > 20
            for tool in tools:
                wanted = tool["inputSchema"].get("required", ())
                await ask("tools/call", name=tool["name"], arguments=dict.fromkeys(wanted, "ALFA"))

asyncio.run(serve())
"""
_COMMAND: Final = """
from cockpit.__main__ import main
main()
"""


def modules(program: str, *arguments: str, without: tuple[str, ...] = ()) -> set[str]:
    """Run a program, which finds all well or something wrong, and return the modules that it had at its end."""
    done = subprocess.run(
        [sys.executable, "-c", _FRAME + program, " ".join(without), *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_a_cockpit_on_paper_imports_neither_the_client_of_tws_nor_what_it_needs(tmp_path: Path) -> None:
    found = modules(_AT_WORK, str(tmp_path / "data"))
    assert "cockpit.brokers.paper" in found
    assert not found & set(_ITS)


def test_a_cockpit_on_paper_is_the_same_where_none_of_that_is_installed(tmp_path: Path) -> None:
    usual = modules(_AT_WORK, str(tmp_path / "usual"))
    without = modules(_AT_WORK, str(tmp_path / "without"), without=_ITS)
    assert usual == without


@pytest.mark.parametrize(
    ("command", "room"), [("doctor", "cockpit.cli.doctor.examination"), ("status", "cockpit.cli.socket_client")]
)
def test_its_commands_import_none_of_it_either(command: str, room: str, tmp_path: Path) -> None:
    config = tmp_path / "cockpit.toml"
    config.write_text("")
    found = modules(_COMMAND, "--config", str(config), "--data-dir", str(tmp_path / "data"), command)
    assert room in found
    assert not found & set(_ITS)
