import asyncio
import fcntl
from io import BufferedRandom
from pathlib import Path

import pytest

from cockpit.model.screen import ScreenSettings
from tests.tui.fake_face import busy_face
from tests.tui.screens import seated
from tui.line_history import MOST, LineHistory


async def test_lines_are_recalled_by_the_next_screen(tmp_path: Path) -> None:
    settings = ScreenSettings(typed_lines=tmp_path / "typed")
    async with seated(busy_face(), settings=settings) as seat:
        await seat.type(":halt news")
        await seat.press("enter")
    async with seated(busy_face(), settings=settings) as seat:
        await seat.press("colon", "up", "enter")
        assert seat.sent == [("halt", {"reason": "news"})]
    assert (tmp_path / "typed").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("line", ["approve KWMRTB", "approve KWMRTB --as x", "totp confirm 123456"])
async def test_a_code_is_remembered_nowhere(tmp_path: Path, line: str) -> None:
    history = LineHistory(tmp_path / "typed")
    history.add(line)
    await history.finish()
    assert history.lines == []
    assert not (tmp_path / "typed").exists()


async def test_what_is_no_command_is_never_written_down(tmp_path: Path) -> None:
    history = LineHistory(tmp_path / "typed")
    history.add("hunter2 pasted by mistake")
    history.add("halt")
    await history.finish()
    assert history.lines == ["hunter2 pasted by mistake", "halt"]
    assert (tmp_path / "typed").read_text() == "halt\n"


async def test_only_the_newest_are_kept_and_none_twice(tmp_path: Path) -> None:
    history = LineHistory(tmp_path / "typed")
    for number in (*range(MOST + 20), MOST):
        history.add(f"halt {number}")
    await history.finish()
    again = LineHistory(tmp_path / "typed")
    again.load()
    assert len(again.lines) == MOST
    assert again.lines[-1] == f"halt {MOST}"
    assert again.lines == history.lines


async def test_two_screens_keep_the_lines_of_both(tmp_path: Path) -> None:
    first, second = LineHistory(tmp_path / "typed"), LineHistory(tmp_path / "typed")
    first.load()
    second.load()
    for number in range(30):
        (first if number % 3 else second).add(f"halt {number}")
        if number % 7 == 0:
            await asyncio.gather(first.finish(), second.finish())
    await asyncio.gather(first.finish(), second.finish())
    again = LineHistory(tmp_path / "typed")
    again.load()
    assert sorted(again.lines) == sorted(f"halt {number}" for number in range(30))


async def test_a_file_that_many_screens_write_stays_short_and_loses_no_new_line(tmp_path: Path) -> None:
    path = tmp_path / "typed"
    screens = [LineHistory(path) for _ in range(4)]
    for number in range(400):
        screens[number % 4].add(f"halt {number}")
        if number % 5 == 0:
            await asyncio.gather(*(screen.finish() for screen in screens))
    await asyncio.gather(*(screen.finish() for screen in screens))
    assert len(path.read_text().splitlines()) < 4 * MOST
    again = LineHistory(path)
    again.load()
    assert {f"halt {number}" for number in range(320, 400)} <= set(again.lines)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["typed"]


async def test_a_line_is_not_lost_where_another_screen_puts_a_new_file_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock = tmp_path / "typed", fcntl.flock
    path.write_text("halt 1\n")

    def replaced_before(file: BufferedRandom, how: int) -> None:
        monkeypatch.setattr("tui.line_history.fcntl.flock", lock)
        (tmp_path / "other").write_text("halt 1\nreduce\n")
        (tmp_path / "other").replace(path)
        lock(file, how)

    monkeypatch.setattr("tui.line_history.fcntl.flock", replaced_before)
    history = LineHistory(path)
    history.add("halt 2")
    await history.finish()
    assert path.read_text() == "halt 1\nreduce\nhalt 2\n"


async def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    (tmp_path / "typed").symlink_to(victim)
    history = LineHistory(tmp_path / "typed")
    history.add("halt")
    await history.finish()
    assert victim.read_text() == "mine\n"


def test_a_file_that_somebody_else_wrote_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "typed").write_bytes(b"halt \x1b[2J\n\xff\xfe\n" + b"x" * 100_000)
    history = LineHistory(tmp_path / "typed")
    history.load()
    assert all(line.isprintable() and len(line) <= 400 for line in history.lines)
    assert "\x1b" not in "".join(history.lines)


async def test_a_folder_that_cannot_be_written_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    history = LineHistory(tmp_path / "nowhere" / "typed")
    history.load()
    history.add("halt")
    await history.finish()
    assert history.lines == ["halt"]
