"""The official conformance suite of the protocol, as it is published for Node, in the exact version that is pinned here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests import node

_PINNED: Final = Path(__file__).parent / "node"
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
            node.NODE, self.folder / _SUITE, *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env=node.environment(),
        )  # fmt: skip
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def install(folder: Path) -> Suite:
    """Install what is pinned; skips, or fails under REQUIRE_E2E."""
    node.install(_PINNED, folder, "the conformance suite")
    return Suite(folder)


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
