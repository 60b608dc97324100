"""What the doctor says about folders and files."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cockpit.cli.doctor.findings import Finding, Level
from cockpit.cli.doctor.folders import examine_folders, judge_disk, judge_space
from cockpit.model.clock import SystemClock
from cockpit.store.database import Store


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    async with Store(folder, SystemClock()):
        pass
    return folder


def worse(folder: Path) -> list[Finding]:
    found = examine_folders(folder, folder.parent / "cockpit.toml")
    return [finding for finding in found if finding.level is Level.BAD]


async def test_a_folder_that_a_cockpit_made_has_nothing_wrong(data: Path) -> None:
    assert worse(data) == []


@pytest.mark.parametrize("name", ["", "cockpit.db", "keys"])
async def test_what_others_may_read_is_wrong_and_the_mend_is_a_command(data: Path, name: str) -> None:
    path = data / name
    path.chmod(0o755 if path.is_dir() else 0o644)
    (found,) = worse(data)
    assert f"{path} is open to other users" in found.says
    assert found.mend == f"Close it with: chmod {'700' if path.is_dir() else '600'} {path}"


async def test_a_key_that_others_may_read_is_wrong(data: Path) -> None:
    key = next((data / "keys").iterdir())
    key.chmod(0o640)
    assert [str(key) in found.says for found in worse(data)] == [True]


async def test_a_database_of_a_newer_cockpit_is_wrong(data: Path) -> None:
    with closing(sqlite3.connect(data / "cockpit.db")) as base:
        base.execute("INSERT INTO migrations SELECT 9999, 'later', sha256, applied_at FROM migrations LIMIT 1")
        base.commit()
    (found,) = worse(data)
    assert "newer cockpit (step 9999" in found.says


async def test_a_database_that_is_no_database_is_wrong(data: Path) -> None:
    (data / "cockpit.db").write_bytes(b"no database at all" * 100)
    (found,) = worse(data)
    assert "can't be read" in found.says


def test_a_folder_that_is_yet_to_be_made_is_good(tmp_path: Path) -> None:
    assert worse(tmp_path / "not" / "yet") == []


def test_a_file_in_the_place_of_the_folder_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert [found.says for found in worse(tmp_path / "data")] == [f"{tmp_path / 'data'} is not a folder."]


def test_settings_that_others_may_write_are_wrong(tmp_path: Path) -> None:
    file = tmp_path / "cockpit.toml"
    file.write_text("")
    file.chmod(0o666)
    assert [found.mend for found in worse(tmp_path / "data")] == [f"chmod go-w {file}"]


@pytest.mark.parametrize(
    ("megabytes", "level"), [(19, Level.BAD), (20, Level.WARNING), (499, Level.WARNING), (500, Level.GOOD)]
)
def test_free_space_is_judged_by_what_the_record_needs(megabytes: int, level: Level) -> None:
    (found,) = judge_space(Path("/data"), megabytes * 1024 * 1024)
    assert found.level is level


def test_a_network_disk_is_wrong_and_memory_is_worth_knowing() -> None:
    assert [found.level for found in judge_disk(Path("/data"), "nfs4")] == [Level.BAD]
    assert [found.level for found in judge_disk(Path("/data"), "tmpfs")] == [Level.WARNING]
    assert list(judge_disk(Path("/data"), "ext4")) == []
