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
