from pathlib import Path

import pytest

from cockpit.model.screen import ScreenSettings
from tests.tui.fake_face import busy_face
from tests.tui.screens import Seat, seated
from tui.asking import Asks, Entry
from tui.line_edit import LineEdit
from tui.theme_choice import ThemeChoice, chosen_before

NAMES = ("cockpit-dark", "cockpit-light", "nord", "nord-light")


def ground(seat: Seat) -> str:
    """Return the colour that the screen stands on, as it is painted."""
    for strip in seat.app.screen._compositor.render_strips():
        for segment in strip:
            if segment.text.startswith("PENDING") or " PENDING" in segment.text:
                return str(segment.style.bgcolor) if segment.style else ""
    return ""


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("cockpit-light", "cockpit-light"),
        ("cockpit-l", "cockpit-light"),
        ("COCKPIT-Light ", "cockpit-light"),
        ("cockpit-", None),
        ("nord", "nord"),
        ("nord-", "nord-light"),
        ("", None),
        ("gone", None),
    ],
)
def test_a_theme_is_meant_by_its_name_or_by_a_beginning_that_no_other_has(text: str, meant: str | None) -> None:
    assert ThemeChoice(NAMES, "cockpit-dark", None).meant(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("MyTheme", "MyTheme"),
        ("mytheme", "MyTheme"),
        ("MYTHEME2", "mytheme2"),
        ("Desk", "Desk"),
        ("desk", "desk"),
        ("DESK", None),
        ("desk-a", "Desk-A"),
        ("myt", None),
    ],
)
def test_a_name_as_it_is_written_comes_first_then_one_in_other_capitals_then_a_beginning(
    text: str, meant: str | None
) -> None:
    names = ("Desk-A", "MyTheme", "mytheme2", "Desk", "desk")
    assert ThemeChoice(names, "Desk", None).meant(text) == meant


def test_only_a_line_that_names_a_theme_shows_another_than_the_chosen_one() -> None:
    choice = ThemeChoice(NAMES, "cockpit-dark", None)
    for asks, text, shown in (
        (Asks.COMMAND, "theme nord", "nord"),
        (Asks.COMMAND, "theme no", "cockpit-dark"),
        (Asks.COMMAND, "themes nord", "cockpit-dark"),
        (Asks.REASON, "theme nord", "cockpit-dark"),
    ):
        assert choice.shown(Entry(asks, ":", LineEdit.of(text))) == shown
    assert choice.shown(None) == "cockpit-dark"


async def test_a_theme_is_shown_while_its_name_is_typed_and_escape_brings_the_old_one_back() -> None:
    async with seated(busy_face()) as seat:
        dark = ground(seat)
        await seat.type(":theme cockpit-l")
        await seat.settle()
        assert seat.app.theme == "cockpit-light"
        assert ground(seat) != dark
        await seat.press("backspace")
        assert seat.app.theme == "cockpit-dark"
        await seat.type("l")
        await seat.press("escape")
        await seat.settle()
        assert seat.app.theme == "cockpit-dark"
        assert ground(seat) == dark


async def test_tab_walks_through_the_themes_and_each_is_shown() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":theme c")
        shown: list[str] = []
        for _ in range(6):
            await seat.press("tab")
            shown.append(seat.app.theme)
        assert {"cockpit-ansi", "cockpit-contrast", "cockpit-dark", "cockpit-light", "cockpit-okabe-ito"} <= set(shown)
        await seat.press("escape")
        assert seat.app.theme == "cockpit-dark"


async def test_enter_keeps_a_theme_and_the_next_screen_begins_with_it(tmp_path: Path) -> None:
    settings = ScreenSettings(chosen_theme=tmp_path / "theme")
    async with seated(busy_face(), settings=settings) as seat:
        await seat.type(":theme cockpit-okabe-ito")
        await seat.press("enter")
        assert "Theme cockpit-okabe-ito, also from the next start on." in seat.text
        await seat.press("j")
        assert seat.app.theme == "cockpit-okabe-ito"
    assert (tmp_path / "theme").stat().st_mode & 0o777 == 0o600
    async with seated(busy_face(), settings=settings) as seat:
        assert seat.app.theme == "cockpit-okabe-ito"


async def test_a_theme_that_the_settings_name_wins_at_the_start_and_the_screen_says_so(tmp_path: Path) -> None:
    (tmp_path / "theme").write_text("cockpit-light\n")
    settings = ScreenSettings(theme="cockpit-contrast", theme_is_set=True, chosen_theme=tmp_path / "theme")
    async with seated(busy_face(), settings=settings) as seat:
        assert seat.app.theme == "cockpit-contrast"
        await seat.type(":theme cockpit-light")
        await seat.press("enter")
        assert seat.app.theme == "cockpit-light"
        assert "until the screen ends" in seat.text


async def test_an_unknown_theme_changes_nothing_and_is_complained_of() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":theme gone")
        await seat.press("enter")
        assert "No theme is called “gone”" in seat.text
        assert seat.app.theme == "cockpit-dark"


async def test_the_kill_switch_pressed_over_a_shown_theme_stops_everything_and_takes_it_back() -> None:
    async with seated(busy_face()) as seat:
        await seat.type(":theme cockpit-light")
        await seat.press("ctrl+k")
        await seat.settle()
        assert [act for act, _ in seat.sent] == ["kill"]
        assert seat.app.theme == "cockpit-dark"


@pytest.mark.parametrize("kept", [b"", b"\xff\xfe", b"../../etc/passwd\n", b"\x1b]0;owned\x07", b"x" * 100_000])
async def test_a_kept_name_that_is_none_leaves_the_usual_theme(kept: bytes, tmp_path: Path) -> None:
    (tmp_path / "theme").write_bytes(kept)
    assert len(chosen_before(tmp_path / "theme")) <= 100
    async with seated(busy_face(), settings=ScreenSettings(chosen_theme=tmp_path / "theme")) as seat:
        assert seat.app.theme == "cockpit-dark"
        assert "\x1b" not in seat.text


async def test_a_folder_that_takes_no_file_is_no_reason_to_stop(tmp_path: Path) -> None:
    settings = ScreenSettings(chosen_theme=tmp_path / "missing" / "theme")
    async with seated(busy_face(), settings=settings) as seat:
        await seat.type(":theme nord")
        await seat.press("enter")
        assert seat.app.theme == "nord"
