from pathlib import Path

import pytest

from cockpit.model.screen import ScreenSettings
from tests.tui.fake_face import busy_face
from tests.tui.screens import seated
from tui.palette import ROLES, Palette
from tui.themes import ThemeUnfit, found_in, shipped, theme_of

READABLE = 4.5


async def palette_of(theme_name: str) -> Palette:
    async with seated(busy_face(), settings=ScreenSettings(theme=theme_name)) as seat:
        await seat.settle()
        return seat.app.palette


def test_without_colours_nothing_that_alarms_grows_dimmer_than_the_rest() -> None:
    palette = Palette({}, colourless=True)
    for role in ("bad", "wait", "error", "alarm", "buy", "ok", "name", "key"):
        assert palette.style(role).color == palette.style("").color
    assert palette.style("bad").bold
    assert palette.style("wait").bold
    assert palette.style("dim").color != palette.style("").color


@pytest.mark.parametrize("name", ["cockpit-dark", "cockpit-light"])
@pytest.mark.parametrize("chosen", [False, True])
async def test_every_role_can_be_read_on_its_ground(name: str, chosen: bool) -> None:
    palette = await palette_of(name)
    weak = {role: palette.contrast(role, chosen=chosen) for role in ROLES if role != "rule"}
    assert {role: round(value, 2) for role, value in weak.items() if value < READABLE} == {}


async def test_buying_selling_and_outcomes_differ_in_more_than_hue() -> None:
    for name in ("cockpit-dark", "cockpit-light"):
        palette = await palette_of(name)
        inks = {role: palette.style(role).color for role in ("ok", "wait", "bad", "error", "buy", "sell")}
        assert len(set(inks.values())) == len(inks)


def test_the_shipped_themes_are_found_in_the_package() -> None:
    assert [theme.name for theme in shipped()] == ["cockpit-dark", "cockpit-light"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("primary = 'nope", "not TOML"),
        ("dark = true", "primary is missing"),
        ("primary = 'no colour'", "primary is no colour"),
        ("primary = '#fff'\nsparkle = '#fff'", "unknown key sparkle"),
        ("primary = '#fff'\ndark = 'yes'", "dark must be"),
        ("primary = '#fff'\nvariables = 3", "variables must be a table"),
        ("primary = '#fff'\n[variables]\n'a; b' = '#fff'", "variable's name"),
        ("primary = '#fff'\n[variables]\nok = 3", "ok must be a colour"),
    ],
)
def test_a_file_that_is_no_theme_is_refused_by_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ThemeUnfit, match=complaint):
        theme_of("mine", text)


def test_a_bad_file_is_left_out_with_a_notice_and_the_good_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text("primary = '#123456'")
    (tmp_path / "bad.toml").write_text("primary = 7")
    (tmp_path / "wei rd.toml").write_text("primary = '#123456'")
    (tmp_path / "huge.toml").write_text("#" * 70_000)
    themes, notices = found_in(tmp_path)
    assert [theme.name for theme in themes] == ["good"]
    assert len(notices) == 3
    assert found_in(tmp_path / "nowhere") == ((), ())


async def test_the_operators_theme_is_used_and_one_that_is_missing_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("primary = '#123456'\nbackground = '#101010'\n[variables]\nbuy = '#00ff00'")
    settings = ScreenSettings(theme="mine", theme_folder=tmp_path)
    async with seated(busy_face(), settings=settings) as seat:
        await seat.settle()
        assert seat.app.theme == "mine"
        assert str(seat.app.palette.style("buy").color) == str(Palette({"buy": "#00ff00"}).style("buy").color)
    async with seated(busy_face(), settings=ScreenSettings(theme="gone")) as seat:
        assert "theme gone is not there" in seat.text


@pytest.mark.parametrize("name", ["nord", "textual-light"])
async def test_themes_that_were_not_made_for_the_cockpit_draw_it_too(name: str) -> None:
    async with seated(busy_face(), settings=ScreenSettings(theme=name)) as seat:
        assert "SELL 20 NOVA" in seat.text
