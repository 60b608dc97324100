"""`cockpit doctor` as its user runs it."""

from __future__ import annotations

import json
import os

import pytest

from tests.cli.conftest import CommandLine


def test_a_host_where_nothing_is_wrong_exits_with_0_and_every_part_is_told(command: CommandLine) -> None:
    command.folder.chmod(0o700)
    result = command("--port", "0", "doctor", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0, told
    assert list(dict.fromkeys(finding["part"] for finding in told)) == [
        "settings", "folders", "clock", "network", "web sign-in", "terminal",
    ]  # fmt: skip


def test_what_is_wrong_exits_with_1_and_stands_with_its_mend(
    command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    os.chmod(command.folder, 0o755)
    result = command("--port", "0", "doctor")
    assert result.exit_code == 1
    words = " ".join(result.stdout.split())
    at = words.index(f"{command.folder} is open to other users (mode 0755).")
    assert words[at - 2] in "✗x"
    assert f"    Close it with: chmod 700 {command.folder}\n" in result.stdout
    said = [line[4:] for line in result.stdout.splitlines() if line[2:3] in "✓+!✗x" and len(line) > 80]
    assert all(" " not in line for line in said), "only what can't be broken is longer"
    assert "1 wrong," in result.stdout.splitlines()[-1]


def test_every_mistake_in_the_settings_is_told_and_nothing_else_is_guessed(command: CommandLine) -> None:
    result = command("--port", "99999", "--host", "", "doctor", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [finding["says"].split(":")[0] for finding in told if finding["part"] == "settings"] == [
        "server.host is ''", "server.port is 99999",
    ]  # fmt: skip
    assert {finding["part"] for finding in told} == {"settings", "terminal"}
