"""Programs from outside that some tests need: absent ones skip loudly, or fail where nothing may be skipped."""

from __future__ import annotations

import os
import shutil

import pytest

_absent: set[str] = set()


def _require(*names: str) -> str:
    """Return the path of the first program that is there."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    if os.environ.get("REQUIRE_E2E") == "1":
        pytest.fail(f"{names[0]} is not installed, and REQUIRE_E2E=1 lets nothing be skipped", pytrace=False)
    _absent.add(names[0])
    pytest.skip(f"{names[0]} is not installed")


@pytest.fixture(scope="session")
def require_tmux() -> str:
    """The path of tmux; skips the test without it."""
    return _require("tmux")


@pytest.fixture(scope="session")
def require_chromium() -> str:
    """The path of a Chromium; skips the test without it."""
    return _require("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _absent:
        names = " and ".join(sorted(_absent))
        line = f"SKIPPED FOR LACK OF {names.upper()}: install {names} to run every test, or run .ci/run, which does."
        terminalreporter.write_line(line, yellow=True, bold=True)
