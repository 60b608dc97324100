from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("textual", "aiohttp", "mcp", "pydantic", "asyncio", "cryptography", "authlib")


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
