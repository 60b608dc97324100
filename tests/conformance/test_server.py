"""The official scenarios for servers, at both frozen sets of requirements: on a fixture server, and on the product."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from cockpit.app.wiring import running
from cockpit.model.clock import SystemClock
from cockpit.operator.act import Command, Done
from cockpit.settings.load import load
from cockpit.settings.where import Given
from server.listener import bind
from tests.conformance.fixture import served
from tests.conformance.key_proxy import keyed
from tests.conformance.suite import Outcome, Suite, by_scenario

HANDSHAKE, STATELESS = "2025-11-25", "2026-07-28"

_EXTENSIONS: Final = "tasks-"
"""Scenarios of an extension that is not served and not scored."""

_OF_THE_PRODUCT: Final = {
    HANDSHAKE: {
        "server-initialize",
        "server-session-lifecycle",
        "server-sse-multiple-streams",
        "ping",
        "tools-list",
        "prompts-list",
        "resources-list",
        "completion-complete",
        "dns-rebinding-protection",
    },
    STATELESS: {
        "server-stateless",
        "server-sse-multiple-streams",
        "tools-list",
        "dns-rebinding-protection",
        "http-header-validation",
        "caching",
        "prompts-list",
        "resources-list",
        "completion-complete",
        "sep-2164-resource-not-found",
    },
}
"""What a server with tools, prompts and resources for trading has, and none of the fixtures'."""


async def _run(suite: Suite, url: str, requirements: str, folder: Path) -> tuple[int, str]:
    arguments = ("server", "--url", url, "--requirements", requirements, "-o", str(folder))
    async with suite.running(*arguments) as run:
        assert run.stdout is not None
        async with asyncio.timeout(100):
            said = (await run.stdout.read()).decode()
            return await run.wait(), said


@pytest.mark.parametrize(("requirements", "scenarios"), [(HANDSHAKE, 32), (STATELESS, 40)])
async def test_the_transport_does_everything_that_the_suite_looks_for(
    suite: Suite, tmp_path: Path, requirements: str, scenarios: int
) -> None:
    async with served() as url:
        status, said = await _run(suite, url, requirements, tmp_path)
    assert status == 0, said
    found = {name: checks for name, checks in by_scenario(tmp_path).items() if not name.startswith(_EXTENSIONS)}
    assert len(found) >= scenarios
    bad = [check for checks in found.values() for check in checks if check.status in {"FAILURE", "WARNING"}]
    assert bad == []
    assert all(any(check.status == "SUCCESS" for check in checks) for checks in found.values()), found


@pytest.mark.parametrize("requirements", [HANDSHAKE, STATELESS])
async def test_the_product_meets_what_applies_to_it(suite: Suite, tmp_path: Path, requirements: str) -> None:
    settings = load(Given(data_dir=tmp_path / "data", port=0, ignore_file=True), {})
    async with running(settings, bind("127.0.0.1", 0), SystemClock(), asyncio.Event()) as cockpit:
        made = await cockpit.face.run(
            Command("key.create", {"name": "suite", "connection": "paper", "scope": "read:market read:account"})
        )
        assert isinstance(made, Done), made
        assert isinstance(made.data, dict)
        async with keyed(cockpit.url, made.data["key"]) as url:
            await _run(suite, url, requirements, tmp_path / "results")
    found = by_scenario(tmp_path / "results")
    for scenario in _OF_THE_PRODUCT[requirements]:
        assert any(check.status == "SUCCESS" for check in found[scenario]), scenario
        assert [check for check in found[scenario] if _is_bad(check)] == []


def _is_bad(check: Outcome) -> bool:
    """Whether the product failed; what needs a tool of the fixtures the suite itself calls untestable, or warns of."""
    return check.status == "FAILURE" and not check.untestable
