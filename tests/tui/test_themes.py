import os
import threading
from pathlib import Path

import pytest
from rich.color import Color as Drawn
from rich.color import ColorSystem
from rich.style import Style
from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from cockpit.model.screen import ScreenSettings
from tests.tui.fake_face import busy_face
from tests.tui.screens import Seat, seated
from tests.tui.test_goldens import SCREENS
from tui.palette import DARK, READABLE, ROLES, Palette, contrast_of
from tui.themes import ThemeUnfit, found_in, shipped, theme_of

SHIPPED = {theme.name: theme for theme in shipped()}
COLOURFUL = [name for name, theme in SHIPPED.items() if not theme.ansi]
TEXT = [role for role in ROLES if role != "rule"]
DRAWN = set(" ─━╸│·▁▂▃▄▅▆▇█└┃╺")
"""Signs that are lines and bars, and no text."""

XTERM = (
    "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"
)
CAMPBELL = (
    "0c0c0c c50f1f 13a10e c19c00 0037da 881798 3a96dd cccccc 767676 e74856 16c60c f9f1a5 3b78ff b4009e 61d6d6 f2f2f2"
)
GNOME = (
    "171421 c01c28 26a269 a2734c 12488b a347ba 2aa1b3 d0cfcc 5e5c64 f66151 33da7a e9ad0c 2a7bde c061cb 33c7de ffffff"
)
VGA = "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa 555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff"


def palette_of(theme: Theme, *, colourless: bool = False) -> Palette:
    colours = theme.to_color_system().generate()
    return Palette({**colours, **theme.variables}, colourless=colourless, dark=theme.dark, ansi=theme.ansi)


def test_without_colours_nothing_that_alarms_grows_dimmer_than_the_rest() -> None:
    palette = Palette({}, colourless=True)
    for role in ("bad", "wait", "error", "alarm", "buy", "ok", "name", "key"):
        assert palette.style(role).color == palette.style("").color
    assert palette.style("bad").bold
    assert palette.style("wait").bold
    assert palette.style("dim").color != palette.style("").color


def test_without_colours_the_sixteen_still_set_off_what_must_not_be_overlooked() -> None:
    palette = palette_of(SHIPPED["cockpit-ansi"], colourless=True)
    assert all(palette.style(role).reverse for role in ("halted", "live", "ask", "kill", "unknown", "reduce"))
    assert not palette.style("ok").reverse
    assert palette.style("ok", chosen=True).reverse


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("chosen", [False, True])
def test_every_role_can_be_read_on_its_ground(name: str, chosen: bool) -> None:
    palette = palette_of(SHIPPED[name])
    least = 7 if name == "cockpit-contrast" else READABLE
    weak = {role: round(palette.contrast(role, chosen=chosen), 2) for role in TEXT}
    assert {role: value for role, value in weak.items() if value < least} == {}


@pytest.mark.parametrize("name", COLOURFUL)
def test_a_shipped_theme_needs_no_help_to_be_read(name: str) -> None:
    palette = palette_of(SHIPPED[name])
    assert [role for role in ROLES if not (palette.is_kept(role) and palette.is_kept(role, chosen=True))] == []


@pytest.mark.parametrize("name", BUILTIN_THEMES)
def test_no_theme_of_the_library_makes_a_text_unreadable(name: str) -> None:
    palette = palette_of(BUILTIN_THEMES[name])
    weak = {(role, chosen): palette.contrast(role, chosen=chosen) for role in TEXT for chosen in (False, True)}
    assert {key: round(value, 2) for key, value in weak.items() if value < READABLE} == {}


def test_a_theme_that_hides_its_text_is_overruled_and_lines_are_left_alone() -> None:
    hiding = dict.fromkeys((*DARK, "foreground", "background"), "#101010")
    palette = Palette(hiding)
    assert all(palette.contrast(role, chosen=chosen) >= READABLE for role in TEXT for chosen in (False, True))
    assert not palette.is_kept("dim")
    assert palette.contrast("rule") == 1


@pytest.mark.parametrize("table", [XTERM, CAMPBELL, GNOME, VGA], ids=["xterm", "windows", "gnome", "console"])
def test_the_sixteen_colours_can_be_read_as_terminals_draw_them(table: str) -> None:
    sixteen = [Color.parse(f"#{one}") for one in table.split()]
    palette = palette_of(SHIPPED["cockpit-ansi"])

    def drawn(colour: Drawn | None) -> Color:
        assert colour is not None
        assert colour.number is not None
        return sixteen[colour.number]

    def contrast(style: Style) -> float:
        return contrast_of(drawn(style.color), drawn(style.bgcolor))

    weak = {(role, chosen): contrast(palette.style(role, chosen=chosen)) for role in TEXT for chosen in (False, True)}
    assert {key: round(value, 2) for key, value in weak.items() if value < READABLE} == {}


@pytest.mark.parametrize("name", COLOURFUL)
def test_a_terminal_of_256_colours_draws_the_themes_so_that_they_can_be_read(name: str) -> None:
    palette = palette_of(SHIPPED[name])

    def drawn(colour: Drawn | None) -> Color:
        assert colour is not None
        return Color.from_rich_color(colour.downgrade(ColorSystem.EIGHT_BIT))

    pairs = {(role, chosen): palette.style(role, chosen=chosen) for role in TEXT for chosen in (False, True)}
    weak = {key: contrast_of(drawn(style.color), drawn(style.bgcolor)) for key, style in pairs.items()}
    assert {key: round(value, 2) for key, value in weak.items() if value < READABLE} == {}


def painted(seat: Seat) -> set[tuple[str, str]]:
    """Return every pair of ink and ground under which there is text on the screen now."""
    pairs: set[tuple[str, str]] = set()
    for strip in seat.app.screen._compositor.render_strips():
        for text, style, _ in strip:
            if style is not None and style.color and style.bgcolor and set(text) - DRAWN:
                pairs.add((Color.from_rich_color(style.color).hex, Color.from_rich_color(style.bgcolor).hex))
    return pairs


async def painted_in(seat: Seat, theme: str) -> set[tuple[str, str]]:
    """Return the pairs once the theme is on the screen."""
    seat.app._choice.chosen = theme
    seat.app.repaint()
    seat.app._new_palette()
    ground = palette_of(SHIPPED[theme], colourless=seat.app.no_color).background
    for _ in range(20):
        await seat.pilot.pause()
        pairs = painted(seat)
        grounds = [Color.parse(pair[1]) for pair in pairs]
        if any(contrast_of(one, ground) < 1.02 for one in grounds):
            return pairs
    raise AssertionError(f"{theme} was never painted")


@pytest.mark.parametrize("bare", [False, True], ids=["colours", "NO_COLOR"])
async def test_every_text_that_is_painted_can_be_read(bare: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if bare:
        monkeypatch.setenv("NO_COLOR", "1")
    weak: dict[tuple[str, str], tuple[str, str, float]] = {}
    seen = 0
    for name, face, size, keys, _ in SCREENS:
        if bare:
            monkeypatch.setenv("NO_COLOR", "1")  # the library takes it out of the environment
        async with seated(face(), size) as seat:
            await seat.press(*keys, after=0.01 if len(keys) > 3 else 0.5)
            for theme in ("cockpit-dark", "cockpit-light") if bare else COLOURFUL:
                pairs = await painted_in(seat, theme)
                seen += len(pairs)
                for pair in pairs:
                    contrast = contrast_of(*map(Color.parse, pair))
                    if contrast < READABLE:
                        weak[pair] = (name, theme, round(contrast, 2))
    assert weak == {}
    assert seen > 2 * len(SCREENS)


async def test_without_colours_the_screen_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async with seated(busy_face()) as seat:
        coloured = seat.text
    monkeypatch.setenv("NO_COLOR", "1")
    async with seated(busy_face()) as seat:
        assert seat.app.no_color
        assert seat.text == coloured
        greys = {part for pair in painted(seat) for part in pair}
        assert all(colour.r == colour.g == colour.b for colour in map(Color.parse, greys))


async def test_without_colours_a_screen_may_change_between_greys_and_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with seated(busy_face()) as seat:
        for theme in ("cockpit-ansi", "cockpit-light", "cockpit-ansi"):
            seat.app._choice.chosen = theme
            await seat.settle()
            styles = [one.style for strip in seat.app.screen._compositor.render_strips() for one in strip if one.style]
            bare = {style.color.name for style in styles if style.color}
            assert (bare == {"default"}) is (theme == "cockpit-ansi")


@pytest.mark.parametrize("name", SHIPPED)
def test_buying_selling_and_outcomes_differ_in_more_than_hue(name: str) -> None:
    palette = palette_of(SHIPPED[name])
    outcomes, sides = ("ok", "wait", "bad", "error"), ("buy", "sell")
    for together in (outcomes, sides):
        assert len({palette.style(role).color for role in together}) == len(together)
    if not SHIPPED[name].ansi:
        assert len({palette.style(role).color for role in (*outcomes, *sides)}) == len(outcomes) + len(sides)


def test_the_shipped_themes_are_found_in_the_package() -> None:
    assert list(SHIPPED) == ["cockpit-ansi", "cockpit-contrast", "cockpit-dark", "cockpit-light", "cockpit-okabe-ito"]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_theme_names_every_role(name: str) -> None:
    assert SHIPPED[name].variables.keys() == DARK.keys()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("primary = 'nope", "not TOML"),
        ("dark = true", "primary is missing"),
        ("primary = 'no colour'", "primary must be a whole colour such as #2FC79A or teal"),
        ("primary = '#fff'\nsparkle = '#fff'", "sparkle is no key; allowed are ansi, dark, variables, accent, "),
        ("primary = '#fff'\ndark = 'yes'", "dark must be true or false"),
        ("primary = '#fff'\nansi = 1", "ansi must be true or false"),
        ("primary = '#fff'\nvariables = 3", "variables must be a table"),
        ("primary = '#fff'\n[variables]\n'a; b' = '#fff'", "variables.a; b is none; allowed are ok, wait, "),
        ("primary = '#fff'\n[variables]\nokk = '#fff'", "variables.okk is none; allowed are ok, wait, "),
        ("primary = '#fff'\n[variables]\nok = 3", "ok must be a whole colour"),
        ("primary = '#ffffff80'", "primary must be a whole colour"),
        ("primary = 'ansi_red'", "primary must be a whole colour"),
        ("primary = '#fff'\nansi = true", "primary must be one of ansi_black … ansi_bright_white"),
        ("primary = 'ansi_default'\nansi = true", "primary must be one of ansi_black"),
    ],
)
def test_a_file_that_is_no_theme_is_refused_by_what_is_wrong_and_what_is_allowed(text: str, complaint: str) -> None:
    with pytest.raises(ThemeUnfit) as refused:
        theme_of("mine", text)
    assert complaint in str(refused.value)


def test_a_bad_file_is_left_out_with_a_notice_and_the_good_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text("primary = '#123456'")
    (tmp_path / "bad.toml").write_text("primary = 7")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "wei rd.toml").write_text("primary = '#123456'")
    (tmp_path / "huge.toml").write_text("#" * 70_000)
    (tmp_path / "folder.toml").mkdir()
    themes, notices = found_in(tmp_path)
    assert [theme.name for theme in themes] == ["good"]
    assert [notice.split(" left out")[0] for notice in notices] == [
        "theme bad.toml", "theme binary.toml", "theme folder.toml", "theme huge.toml", "theme wei rd.toml",
    ]  # fmt: skip
    assert "bad.toml left out: primary must be a whole colour such as #2FC79A or teal" in notices[0]
    assert found_in(tmp_path / "nowhere") == ((), ())


def test_a_pipe_in_the_folder_is_left_out_and_holds_nothing_up(tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text("primary = '#123456'")
    os.mkfifo(tmp_path / "pipe.toml")
    # Should the pipe be waited for after all, this lets the reader go on.
    late = threading.Timer(10, lambda: os.close(os.open(tmp_path / "pipe.toml", os.O_RDWR | os.O_NONBLOCK)))
    late.start()
    try:
        themes, notices = found_in(tmp_path)
        assert late.is_alive(), "the pipe was waited for"
    finally:
        late.cancel()
    assert [theme.name for theme in themes] == ["good"]
    assert notices == ("theme pipe.toml left out: no regular file",)


def test_of_too_many_files_the_first_are_read_and_that_is_told(tmp_path: Path) -> None:
    for number in range(103):
        (tmp_path / f"t{number:03}.toml").write_text("primary = '#123456'")
    themes, notices = found_in(tmp_path)
    assert len(themes) == 100
    assert notices == ("themes: 103 files; the first 100 by name are read",)


async def test_a_bad_file_never_breaks_the_start(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("primary = '#fff'\nsparkle = 1")
    async with seated(busy_face(), settings=ScreenSettings(theme="mine", theme_folder=tmp_path)) as seat:
        assert seat.app.theme == "cockpit-dark"
        assert "theme mine is not there" in seat.text


async def test_the_operators_theme_is_used_and_one_that_is_missing_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("primary = '#123456'\nbackground = '#101010'\n[variables]\nbuy = '#00ff00'")
    settings = ScreenSettings(theme="mine", theme_folder=tmp_path)
    async with seated(busy_face(), settings=settings) as seat:
        await seat.settle()
        assert seat.app.theme == "mine"
        assert str(seat.app.palette.style("buy").color) == str(Palette({"buy": "#00ff00"}).style("buy").color)
    async with seated(busy_face(), settings=ScreenSettings(theme="gone")) as seat:
        assert "theme gone is not there" in seat.text


@pytest.mark.parametrize("name", ["nord", "textual-light", "ansi-dark"])
async def test_themes_that_were_not_made_for_the_cockpit_draw_it_too(name: str) -> None:
    async with seated(busy_face(), settings=ScreenSettings(theme=name)) as seat:
        assert "SELL 20 NOVA" in seat.text
