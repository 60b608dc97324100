from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from cockpit.model.clock import SystemClock
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from tests.cli.conftest import CommandLine


async def _write_five(folder: Path) -> None:
    clock = SystemClock()
    async with Store(folder, clock) as store:
        for _ in range(5):
            await store.commit((), (AuditEntry(clock.now(), "call", client="bot", tool="get_quote", outcome="ok"),))


@pytest.fixture
def recorded(command: CommandLine) -> CommandLine:
    asyncio.run(_write_five(command.folder / "data"))
    return command


def test_a_whole_audit_is_verified_without_a_running_cockpit(recorded: CommandLine) -> None:
    result = recorded("--data-dir", str(recorded.folder / "data"), "audit", "verify", "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["records"] >= 5
    assert (said["ok"], said["first_bad"]) == (True, None)


def test_a_changed_record_is_found_and_is_exit_code_1(recorded: CommandLine) -> None:
    folder = recorded.folder / "data"
    with sqlite3.connect(folder / "cockpit.db") as database:
        (number,) = database.execute("SELECT max(number) - 2 FROM audit").fetchone()
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE audit SET client = 'somebody else' WHERE number = ?", (number,))
    database.close()
    result = recorded("--data-dir", str(folder), "audit", "verify", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) | {"records": 0} == {"records": 0, "ok": False, "first_bad": number}


def test_a_folder_without_an_audit_is_refused(command: CommandLine) -> None:
    result = command("audit", "verify")
    assert result.exit_code == 1
    assert "AUDIT_UNAVAILABLE" in result.stderr


def test_records_are_searched_without_a_running_cockpit(recorded: CommandLine) -> None:
    folder = str(recorded.folder / "data")
    found = recorded(
        "--data-dir", folder, "audit", "search", "--client", "bot", "--count", "2", "--since", "1h", "--json"
    )
    assert found.exit_code == 0, found.output
    assert [one["tool"] for one in json.loads(found.stdout)] == ["get_quote", "get_quote"]
    nothing = recorded("--data-dir", folder, "audit", "search", "--until", "2020-01-01", "--json")
    assert json.loads(nothing.stdout) == []
    wrong = recorded("--data-dir", folder, "audit", "search", "--since", "yesterday")
    assert wrong.exit_code == 2
    assert "2h or 7d" in wrong.output


def test_records_are_exported_to_a_file_that_is_not_replaced_unasked(recorded: CommandLine) -> None:
    folder, target = str(recorded.folder / "data"), recorded.folder / "audit.csv"
    export = ("--data-dir", folder, "audit", "export", "--format", "csv", "--to", str(target), "--json")
    first = recorded(*export)
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout)["records"] == 5
    again = recorded(*export)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert recorded(*export, "--force", "--sealed").exit_code == 0
    assert recorded("--data-dir", folder, "audit", "export").exit_code == 1
    assert recorded("--data-dir", folder, "audit", "export", "--format", "xml", "--to", "x").exit_code == 2


def test_an_export_goes_on_beside_a_running_cockpit(recorded: CommandLine) -> None:
    async def beside() -> int:
        async with Store(recorded.folder / "data", SystemClock()):
            command = (
                "--data-dir",
                str(recorded.folder / "data"),
                "audit",
                "export",
                "--to",
                str(recorded.folder / "x"),
            )
            return (await asyncio.to_thread(recorded, *command)).exit_code

    assert asyncio.run(beside()) == 0
    assert len((recorded.folder / "x").read_text().splitlines()) == 6
