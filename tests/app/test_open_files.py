"""The limit of open files is raised as far as settings need and the system allows, never lowered."""

from __future__ import annotations

import subprocess
import sys

import pytest


def _in_a_process_with(soft: int, hard: int, connections: int) -> tuple[int, int, int]:
    """Return what was lacking, and both limits afterwards: limits of a process can't be raised again once lowered."""
    code = (
        "import resource; from cockpit.app.open_files import make_room;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}));"
        f"print(make_room({connections}), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    lacking, new_soft, new_hard = map(int, done.stdout.split())
    return lacking, new_soft, new_hard


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "told"),
    [
        (300, 1000, 500, (0, 756, 1000)),
        (756, 1000, 500, (0, 756, 1000)),
        (900, 1000, 500, (0, 900, 1000)),
        (300, 700, 500, (56, 700, 700)),
    ],
    ids=["raised as far as needed", "just enough", "never lowered", "as far as it may, and what lacks is told"],
)
def test_room_is_made(soft: int, hard: int, connections: int, told: tuple[int, int, int]) -> None:
    assert _in_a_process_with(soft, hard, connections) == told
