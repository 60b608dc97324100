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
