from __future__ import annotations

import os
import subprocess
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from cockpit.cli.processes import run_demo
from cockpit.settings.model import Settings
from cockpit.settings.where import Given
from tests.cli.cockpits import TalkingCockpit
from tests.cli.conftest import CommandLine


class FakeApp(types.ModuleType):
    """Stands for the app: remembers how it was started."""

    def __init__(self) -> None:
        super().__init__("cockpit.app.process")
        self.started: list[tuple[Settings, bool, bool]] = []
        self.folder_was_there = False

    def run(self, settings: Settings, *, screen: bool, demo: bool, examined: Callable[[], Sequence[str]]) -> int:
        self.started.append((settings, screen, demo))
        self.examined = examined
        self.folder_was_there = settings.data_dir.is_dir()
        return 7


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FakeApp:
    fake = FakeApp()
    monkeypatch.setitem(sys.modules, "cockpit.app.process", fake)
    return fake


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.cli.processes.has_terminal", lambda: True)


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize(
    ("words", "screen", "demo"), [((), True, False), (("serve",), False, False), (("demo",), True, True)]
)
def test_each_process_command_starts_the_app_its_way(
    command: CommandLine, app: FakeApp, words: tuple[str, ...], screen: bool, demo: bool
) -> None:
    assert command(*words).exit_code == 7
    assert [started[1:] for started in app.started] == [(screen, demo)]


def test_without_a_terminal_there_is_no_screen(command: CommandLine, app: FakeApp) -> None:
    command()
    assert app.started[0][1] is False


def test_what_doctor_finds_wrong_is_there_to_be_asked_before_real_money_is_armed(
    command: CommandLine, app: FakeApp
) -> None:
    file = command.folder / "cockpit.toml"
    file.write_text("[server]\nport = 0\n")
    file.chmod(0o666)
    command("--config", str(file), "serve")
    assert [one for one in app.examined() if "Other users may write" in one]
    file.chmod(0o600)
    assert not [one for one in app.examined() if "Other users may write" in one]


def test_options_reach_the_settings(command: CommandLine, app: FakeApp) -> None:
    command("--host", "127.0.0.2", "--port", "0", "--data-dir", str(command.folder / "x"), "serve")
    settings = app.started[0][0]
    assert (settings.server.host, settings.server.port) == ("127.0.0.2", 0)
    assert settings.data_dir == command.folder / "x"


def test_real_money_that_is_not_said_whole_is_named_and_nothing_starts(command: CommandLine, app: FakeApp) -> None:
    file = command.folder / "cockpit.toml"
    file.write_text('[connections.real]\nbroker = "ibkr"\nmode = "live"\n[connections.real.ibkr]\nport = 4001\n')
    result = command("--config", str(file), "serve")
    assert (result.exit_code, app.started) == (2, [])
    for missing in ("connections.real", "trade = true or false", "policy.allowed_symbols"):
        assert missing in result.stderr


def test_every_wrong_setting_is_printed_and_nothing_starts(command: CommandLine, app: FakeApp) -> None:
    file = command.folder / "cockpit.toml"
    file.write_text("[server]\nprot = 1\n[oauth]\naccess_seconds = 1\n")
    result = command("--config", str(file), "--port", "99999", "serve")
    assert result.exit_code == 2
    assert app.started == []
    assert "3 settings are wrong" in result.stderr
    for key in ("server.prot", "oauth.access_seconds", "server.port"):
        assert key in result.stderr


def test_the_demo_leaves_nothing_behind_and_reads_no_file_of_its_own_accord(
    app: FakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("COCKPIT_CONFIG", raising=False)
    (tmp_path / "cockpit").mkdir()
    (tmp_path / "cockpit" / "cockpit.toml").write_text("[connections.real]\n")
    assert run_demo(Given()) == 7
    settings = app.started[0][0]
    assert app.folder_was_there
    assert not settings.data_dir.exists()
    assert settings.server.port == 0
    assert list(settings.connections) == ["paper"]
    assert settings.config_dir == tmp_path / "cockpit"


def test_a_named_data_folder_of_a_demo_stays(app: FakeApp, tmp_path: Path) -> None:
    run_demo(Given(data_dir=tmp_path, port=4321))
    assert app.started[0][0].data_dir == tmp_path
    assert app.started[0][0].server.port == 4321
    assert tmp_path.is_dir()


def test_the_module_runs_as_a_command_against_a_running_cockpit(running: TalkingCockpit) -> None:
    words = [sys.executable, "-m", "cockpit", "--data-dir", str(running.folder), "kill", "--reason", "drill"]
    result = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "COCKPIT_CONFIG": ""}
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "kill was done.\n", "")
    assert running.ran[0].arguments == {"reason": "drill"}
