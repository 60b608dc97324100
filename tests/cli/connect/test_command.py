from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from cockpit.cli.connect.guides import CLIENTS
from cockpit.operator.act import Done
from tests.cli.cockpits import TalkingCockpit
from tests.cli.conftest import CommandLine


@pytest.mark.parametrize("client", CLIENTS)
def test_without_a_cockpit_the_address_is_that_of_the_settings(command: CommandLine, client: str) -> None:
    said = command("--port", "8799", "connect", client, "--json")
    data = json.loads(said.stdout)
    assert data["url"] == "http://127.0.0.1:8799/mcp"
    assert data["runs"] is False
    assert said.exit_code == (1 if CLIENTS[client].hosted else 0)
    assert bool(data["lacks"]) is CLIENTS[client].hosted


def test_with_a_cockpit_the_address_is_its_own(command: CommandLine, running: TalkingCockpit) -> None:
    running.answers["status"] = Done("", {"url": "https://desk.example/mcp"})
    said = command("connect", "claude")
    assert said.exit_code == 0
    assert "https://desk.example/mcp" in said.stdout
    assert "No cockpit runs" not in said.stdout


def test_a_public_address_is_read_from_the_settings(command: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text('[server]\npublic_url = "https://desk.example"\n')
    said = command("--config", str(file), "connect", "chatgpt", "--json")
    assert said.exit_code == 0
    assert json.loads(said.stdout)["url"] == "https://desk.example/mcp"


def test_with_a_key_it_says_how_to_make_it(command: CommandLine) -> None:
    said = command("connect", "codex", "--key", "my bot")
    assert said.exit_code == 0
    named = f"cockpit --data-dir {command.folder} key create --name 'my bot' --scope read:market"
    assert named in said.stdout
    assert 'bearer_token_env_var = "COCKPIT_KEY"' in said.stdout


_TWO = "[connections.paper]\n[connections.other]\n"


@pytest.mark.parametrize("runs", [True, False])
def test_of_several_connections_the_key_is_for_one_that_is_named(
    command: CommandLine, tmp_path: Path, request: pytest.FixtureRequest, runs: bool
) -> None:
    file = tmp_path / "two.toml"
    file.write_text(_TWO)
    if runs:
        told = {"url": "http://127.0.0.1:8766/mcp", "connections": [{"name": "paper"}, {"name": "other"}]}
        request.getfixturevalue("running").answers["status"] = Done("", told)
    ask = ("--config", str(file), "connect", "codex", "--json")
    unsaid = command(*ask, "--key", "bot")
    assert (unsaid.exit_code, unsaid.stdout) == (1, "")
    assert "paper, other" in unsaid.stderr
    wrong = command(*ask, "--key", "bot", "--connection", "third")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    said = command(*ask, "--key", "bot", "--connection", "other")
    assert said.exit_code == 0
    make = shlex.split(json.loads(said.stdout)["make_key"])
    assert make[make.index("--connection") + 1] == "other"
    assert command(*ask).exit_code == 0


def test_of_one_connection_nothing_is_said(command: CommandLine) -> None:
    said = command("connect", "codex", "--key", "bot", "--connection", "paper", "--json")
    assert "--connection" not in json.loads(said.stdout)["make_key"]


def test_a_connection_is_of_no_use_without_a_key(command: CommandLine) -> None:
    assert command("connect", "codex", "--connection", "paper").exit_code == 2


def test_by_standard_input_and_output_the_program_is_named_whole(command: CommandLine, tmp_path: Path) -> None:
    said = command("--data-dir", str(tmp_path), "connect", "cursor", "--stdio", "--json")
    data = json.loads(said.stdout)
    assert said.exit_code == 0
    assert Path(data["command"][0]).is_absolute()
    assert data["command"][-3:] == ["--data-dir", str(tmp_path), "stdio"]


def test_a_cockpit_that_the_environment_leads_to_is_named_to_a_client_that_has_another_environment(
    command: CommandLine, tmp_path: Path
) -> None:
    by_folder = json.loads(command("connect", "cursor", "--stdio", "--json").stdout)
    assert by_folder["command"][-3:] == ["--data-dir", str(tmp_path), "stdio"]
    file = tmp_path / "some.toml"
    file.write_text(f'data_dir = "{tmp_path / "kept"}"\n')
    environment = {"COCKPIT_CONFIG": str(file), "COCKPIT_DATA_DIR": ""}
    named = ["--config", str(file), "--data-dir", str(tmp_path / "kept")]
    by_file = json.loads(command("connect", "cursor", "--stdio", "--json", environment=environment).stdout)
    assert by_file["command"][-5:] == [*named, "stdio"]
    with_key = json.loads(command("connect", "cursor", "--key", "bot", "--json", environment=environment).stdout)
    assert shlex.split(with_key["make_key"])[:7] == ["cockpit", *named, "key", "create"]


def test_the_cockpit_of_the_usual_folder_is_not_named(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    said = json.loads(command("connect", "cursor", "--stdio", "--json", environment={"COCKPIT_DATA_DIR": ""}).stdout)
    assert not [word for word in said["command"] if word in {"--data-dir", "--config"}]


def test_a_key_is_of_no_use_by_standard_input_and_output(command: CommandLine) -> None:
    assert command("connect", "cursor", "--stdio", "--key", "bot").exit_code == 2


def test_wrong_settings_are_told_and_nothing_is_printed(command: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("[server]\nport = 99999999\n")
    said = command("--config", str(file), "connect", "cursor")
    assert (said.exit_code, said.stdout) == (2, "")
