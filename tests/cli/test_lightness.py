from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("textual", "aiohttp", "mcp", "pydantic", "asyncio", "cryptography", "authlib")
OF_THE_HOST = (
    "aiohttp", "mcp", "sqlite3", "cryptography", "authlib", "server", "oauth", "tools", "cockpit.desk",
    "cockpit.brokers", "cockpit.app.wiring",
)  # fmt: skip


@pytest.mark.parametrize("command", ["status", "tail"])
def test_asking_a_running_cockpit_imports_nothing_heavy(tmp_path: Path, command: str) -> None:
    program = (
        "import sys\n"
        "from cockpit.cli.main import cockpit\n"
        f"code = cockpit(['--data-dir', {str(tmp_path)!r}, {command!r}], standalone_mode=False)\n"
        f"print(code, sorted(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "1 []"


def test_a_screen_of_another_process_imports_nothing_of_what_that_process_does(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from cockpit.cli.main import cockpit\n"
        f"code = cockpit(['--data-dir', {str(tmp_path)!r}, 'attach'], standalone_mode=False)\n"
        "attached = {'cockpit.app.attaching', 'cockpit.app.looks', 'tui.app'} <= sys.modules.keys()\n"
        f"print(code, attached, [name for name in {OF_THE_HOST!r} if name in sys.modules])\n"
    )
    outer, terminal = pty.openpty()
    try:
        result = subprocess.run(
            [sys.executable, "-c", program],
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
            check=True,
        )
    finally:
        os.close(outer)
        os.close(terminal)
    assert result.stdout.strip() == "1 True []"
