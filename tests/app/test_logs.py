"""The host's log: where it goes, and what of it the operator's screen can show."""

import logging
from pathlib import Path

from cockpit.app.logs import NEWEST, Logs
from cockpit.operator.listing import logs as listed


def test_the_newest_lines_are_kept_and_no_more(tmp_path: Path) -> None:
    with Logs(tmp_path, to_file=True) as logs:
        for number in range(NEWEST + 50):
            logging.getLogger("cockpit").info("line %d", number)
        logging.getLogger("authlib.x").setLevel(logging.DEBUG)
        logging.getLogger("authlib.x").debug("a token")
    lines = logs.newest.lines()
    assert len(lines) == NEWEST
    assert lines[-1].endswith(f"line {NEWEST + 49}")
    assert not any("token" in line for line in lines)


def test_lines_are_harmless_and_counted_from_the_newest() -> None:
    done = listed(["one", "two \x1b[2J", "three"], 2)
    assert done.says.splitlines()[-1] == "three"
    assert len(done.says.splitlines()) == 2
    assert "\x1b" not in done.says
    assert listed([], 5).says == "Nothing was logged."
