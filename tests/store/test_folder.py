from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cockpit.store.folder import FolderLock, StoreCannotOpen, private_file, private_folder


def test_a_missing_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o702, 0o750])
def test_a_folder_open_to_others_is_refused_with_the_command_that_closes_it(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(StoreCannotOpen) as refused:
        private_folder(tmp_path)
    assert f"{mode:04o}" in refused.value.what
    assert f"chmod 700 {tmp_path}" in refused.value.mend


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with pytest.raises(StoreCannotOpen, match="not a folder"):
        private_folder(tmp_path / "data")


def test_a_folder_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(StoreCannotOpen, match="can't be made"):
        private_folder(Path("/proc/self/cockpit"))


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606])
def test_a_file_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(mode)
    with pytest.raises(StoreCannotOpen, match=f"{mode:04o}"):
        private_file(path)


def test_a_symbolic_link_in_a_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreCannotOpen, match="symbolic link"):
        private_file(tmp_path / "file")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o600)
    os.chown(path, 12345, 12345)
    with pytest.raises(StoreCannotOpen, match="another user"):
        private_file(path)


def test_the_lock_names_its_holder_and_is_free_again_after_release(tmp_path: Path) -> None:
    lock = FolderLock.take(tmp_path)
    with pytest.raises(StoreCannotOpen, match=f"pid {os.getpid()}"):
        FolderLock.take(tmp_path)
    lock.release()
    FolderLock.take(tmp_path).release()
