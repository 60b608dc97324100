from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cockpit.cli.main import cockpit
from tests.cli.cockpits import TalkingCockpit


class CommandLine:
    """Runs the command in this process, with its own data folder and nothing of the environment's settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runner = CliRunner(env={"COCKPIT_DATA_DIR": str(folder), "COCKPIT_CONFIG": ""})

    def __call__(self, *words: str, typed: str | None = None, environment: Mapping[str, str] | None = None) -> Result:
        return self._runner.invoke(cockpit, words, input=typed, prog_name="cockpit", env=environment)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return CommandLine(tmp_path)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[TalkingCockpit]:
    with TalkingCockpit(tmp_path) as talking:
        yield talking
