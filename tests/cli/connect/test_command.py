from __future__ import annotations

import json
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
    assert "cockpit key create --name 'my bot' --scope read:market" in said.stdout
    assert 'bearer_token_env_var = "COCKPIT_KEY"' in said.stdout


def test_by_standard_input_and_output_the_program_is_named_whole(command: CommandLine, tmp_path: Path) -> None:
    said = command("--data-dir", str(tmp_path), "connect", "cursor", "--stdio", "--json")
    data = json.loads(said.stdout)
    assert said.exit_code == 0
    assert Path(data["command"][0]).is_absolute()
    assert data["command"][-3:] == ["--data-dir", str(tmp_path), "stdio"]


def test_a_key_is_of_no_use_by_standard_input_and_output(command: CommandLine) -> None:
    assert command("connect", "cursor", "--stdio", "--key", "bot").exit_code == 2


def test_wrong_settings_are_told_and_nothing_is_printed(command: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("[server]\nport = 99999999\n")
    said = command("--config", str(file), "connect", "cursor")
    assert (said.exit_code, said.stdout) == (2, "")
