"""What is shown, taken away: to a file, or to the terminal's clipboard."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cockpit.model.text import safe
from cockpit.operator.act import Done
from tests.tui.fake_face import audited_face, busy_face
from tests.tui.screens import Seat, seated
from tui.acting import MOST_COPIED
from tui.text_file import write_text


def test_a_file_is_written_for_the_operator_alone_and_never_replaced_unasked(tmp_path: Path) -> None:
    file = tmp_path / "shown.txt"
    assert write_text(str(file), "one\n", force=False) == ""
    assert file.stat().st_mode & 0o777 == 0o600
    assert "is there already" in write_text(str(file), "two\n", force=False)
    assert file.read_text() == "one\n"
    assert write_text(str(file), "two\n", force=True) == ""
    assert file.read_text() == "two\n"
    assert [one.name for one in tmp_path.iterdir()] == ["shown.txt"]


def test_what_cannot_be_written_says_why(tmp_path: Path) -> None:
    assert "No such file or directory" in write_text(str(tmp_path / "no" / "x"), "", force=False)
    assert "Nothing was written" in write_text(str(tmp_path), "", force=True)


async def _until(seat: Seat, path: Path) -> None:
    for _ in range(200):
        if path.exists():
            return
        await seat.pilot.pause(0.01)


async def test_write_takes_the_whole_of_what_is_shown_as_text(tmp_path: Path) -> None:
    file = tmp_path / "main.txt"
    async with seated(busy_face()) as seat:
        await seat.type(f":write {file}")
        await seat.press("enter")
        await _until(seat, file)
        await seat.settle()
        assert "written to" in seat.text
        assert seat.sent == []
        await seat.type(f":write {file}")
        await seat.press("enter")
        await seat.pilot.pause(0.1)
        await seat.settle()
        assert "is there already" in " ".join(seat.text.split())
    text = file.read_text()
    assert "SELL 20 NOVA MKT DAY" in text
    assert "get_bars" in text


async def test_help_is_written_whole_though_it_is_longer_than_the_screen(tmp_path: Path) -> None:
    file = tmp_path / "help.txt"
    async with seated(busy_face()) as seat:
        await seat.press("question_mark", "j")
        await seat.type(f":write {file}")
        await seat.press("enter")
        await _until(seat, file)
        assert seat.app.state.offset == 1
    assert "audit verify" in " ".join(file.read_text().split())


async def test_found_records_are_exported_as_json_lines_oldest_first(tmp_path: Path) -> None:
    file = tmp_path / "found.jsonl"
    async with seated(audited_face()) as seat:
        await seat.press("u")
        await seat.type(f":write {file}")
        await seat.press("enter")
        await _until(seat, file)
    assert [json.loads(line)["number"] for line in file.read_text().splitlines()] == [40, 57, 58, 59]


async def test_a_copy_says_what_was_sent_and_cuts_what_a_terminal_would_drop() -> None:
    async with seated(busy_face()) as seat:
        await seat.press("Y")
        assert "Sent to the terminal for its clipboard: " in seat.text
        assert "SELL 20 NOVA" in seat.app.clipboard
        seat.app.state.result = ("long", *("x" * 70 for _ in range(2000)))
        seat.app.controls.go(seat.app.state.place.RESULT)
        await seat.press("Y")
        assert len(seat.app.clipboard.encode()) <= MOST_COPIED
        assert "cut off at 74,000 bytes" in seat.text


async def test_in_tmux_a_copy_claims_no_more_than_that_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/tmp/t,1,0")
    async with seated(busy_face()) as seat:
        await seat.press("Y")
        assert "tmux keeps it, unless set-clipboard is on" in " ".join(seat.text.split())
        monkeypatch.delenv("TMUX")
        await seat.press("Y")
        assert "set-clipboard" not in seat.text


async def test_nothing_that_is_copied_can_steer_a_terminal() -> None:
    face = busy_face()
    hostile = replace(face.seen.pending_orders[0], why=safe("\x1b]52;c;x\x07\u202e"))
    face.seen = replace(face.seen, pending_orders=(hostile,))
    async with seated(face) as seat:
        await seat.press("Y")
        assert all(sign.isprintable() or sign == "\n" for sign in seat.app.clipboard)


async def test_the_log_opens_at_its_newest_line() -> None:
    face = busy_face()
    face.answers["host.logs"] = Done("\n".join(f"line {number}" for number in range(100)), {"lines": []})
    async with seated(face) as seat:
        await seat.press("L")
        assert seat.sent == [("host.logs", {})]
        assert "line 99" in seat.text
        assert "line 5\n" not in seat.text
        await seat.press("g")
        assert "line 5\n" in seat.text
