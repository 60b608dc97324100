from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cockpit.store.folder import StoreCannotOpen
from cockpit.store.keys import secret_file


def test_a_secret_is_made_once_and_then_read(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert secret_file(keys, "audit.key", lambda: b"first") == b"first"
    assert secret_file(keys, "audit.key", lambda: b"second") == b"first"


def test_folder_and_file_are_the_owners_alone_and_no_draft_is_left(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    secret_file(keys, "audit.key", lambda: b"secret")
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert stat.S_IMODE((keys / "audit.key").stat().st_mode) == 0o600
    assert [each.name for each in keys.iterdir()] == ["audit.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    keys = tmp_path / "keys"
    secret_file(keys, "audit.key", lambda: b"secret")
    (keys / "audit.key").chmod(mode)
    with pytest.raises(StoreCannotOpen, match="chmod 600"):
        secret_file(keys, "audit.key", lambda: b"other")


def test_a_keys_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o755)
    with pytest.raises(StoreCannotOpen, match="chmod 700"):
        secret_file(keys, "audit.key", lambda: b"secret")


def test_an_empty_secret_file_is_refused_rather_than_replaced(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    (keys / "audit.key").touch(0o600)
    with pytest.raises(StoreCannotOpen, match="no secret"):
        secret_file(keys, "audit.key", lambda: b"secret")


@pytest.mark.parametrize("name", ["../audit.key", "a/b", "", ".hidden", "Key", "a" * 65])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        secret_file(tmp_path / "keys", name, lambda: b"secret")


def test_all_who_make_a_secret_at_once_get_the_same_one(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda each: secret_file(tmp_path, "audit.key", lambda: b"%d" % each), range(32))
        assert len(set(made)) == 1
