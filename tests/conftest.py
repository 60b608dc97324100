"""What tests need from outside: programs, which skip loudly or fail where they are absent, and a locale of UTF-8."""

from __future__ import annotations

import os
import re
import shutil

import pytest
from hypothesis import settings

from tui.glyphs import draws_utf8

settings.register_profile("whole", deadline=None)  # tests run beside each other: how long an example takes says nothing
settings.load_profile("whole")

if not draws_utf8(os.environ):
    os.environ["LC_ALL"] = "C.UTF-8"  # in another locale screens are drawn in ASCII, here and in processes of tests

_ABSENT = re.compile(r"Skipped: (\S+) is not installed$")


def _require(*names: str) -> str:
    """Return the path of the first program that is there."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    if os.environ.get("REQUIRE_E2E") == "1":
        pytest.fail(f"{names[0]} is not installed, and REQUIRE_E2E=1 lets nothing be skipped", pytrace=False)
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
    """Say in the last lines what was absent; the reports tell it, because tests may run in processes of their own."""
    reasons = [report.longrepr for report in terminalreporter.stats.get("skipped", ())]
    found = (_ABSENT.search(reason[2]) for reason in reasons if isinstance(reason, tuple))
    if absent := {one[1] for one in found if one is not None}:
        names = " and ".join(sorted(absent))
        line = f"SKIPPED FOR LACK OF {names.upper()}: install {names} to run every test, or run .ci/run, which does."
        terminalreporter.write_line(line, yellow=True, bold=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where nothing may be skipped, end as after a failure if something was, for whatever reason."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("REQUIRE_E2E") == "1" and exitstatus == pytest.ExitCode.OK and reporter is not None:
        for report in (skipped := reporter.stats.get("skipped", ())):
            reporter.write_line(f"skipped, and REQUIRE_E2E=1 lets nothing be skipped: {report.nodeid}", red=True)
        if skipped:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
