"""ASCII mode: each sign of ours has a likeness, whether a picture of the screen happens to show it or not."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from cockpit.model.screen import ScreenSettings
from tests.tui.fake_face import FakeFace, busy_face
from tests.tui.screens import seated
from tests.tui.test_goldens import SCREENS
from tui.glyphs import ENTER, draws_utf8, in_ascii

View = tuple[str, Callable[[], FakeFace], tuple[int, int], tuple[str, ...], bool]
ROOT = Path(__file__).parents[2]
WORDS = [
    *(ROOT / "tui").rglob("*.py"),
    *(ROOT / "cockpit" / "operator").rglob("*.py"),
    *(ROOT / "cockpit" / "model").glob("*.py"),
    *(ROOT / "desk").rglob("*.py"),
]


def texts(path: Path) -> Iterator[str]:
    """Yield every text in a module but its docstrings and its regular expressions."""
    tree = ast.parse(path.read_text("utf-8"))
    loose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    loose |= {id(node) for call in calls if ast.unparse(call.func) == "re.compile" for node in ast.walk(call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in loose:
            yield node.value


def test_every_sign_that_the_cockpit_writes_has_a_likeness_in_ascii() -> None:
    bare = {
        f"{path.relative_to(ROOT)}: {sign}"
        for path in WORDS
        for text in texts(path)
        for sign in text
        if not sign.isascii() and sign.isprintable() and "?" in in_ascii(sign)
    }
    assert {one for one in bare if not one.endswith(ENTER)} == set()


@pytest.mark.parametrize("view", SCREENS, ids=[row[0] for row in SCREENS])
async def test_every_view_is_ascii_alone_when_that_is_wanted_and_loses_no_sign(view: View) -> None:
    _, face, size, keys, _ = view
    asked: list[int] = []
    for ascii_only in (False, True):
        async with seated(face(), size, ScreenSettings(ascii=ascii_only)) as seat:
            await seat.press(*keys, after=0.01 if len(keys) > 3 else 0.5)
            asked.append(seat.text.count("?"))
            assert seat.text.isascii() is ascii_only
    assert asked[0] == asked[1]


async def test_the_enter_key_is_a_word_in_ascii() -> None:
    async with seated(busy_face(), settings=ScreenSettings(ascii=True)) as seat:
        await seat.press("j", "a")
        assert "enter looks it up" in seat.text


def test_what_has_no_likeness_keeps_its_cells() -> None:
    assert in_ascii("▸ 漢字 ✓") == "> ???? +"


@pytest.mark.parametrize(
    ("environ", "utf8"),
    [
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "en_GB.utf8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LANG": "de_DE"}, False),
        ({"LC_ALL": "C", "LANG": "C.UTF-8"}, False),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, True),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, False),
        ({"LC_CTYPE": "en_GB.UTF-8", "LANG": "C"}, True),
        ({"LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": ""}, True),
        ({}, True),
    ],
)
def test_the_locale_decides_whether_more_than_ascii_is_drawn(environ: Mapping[str, str], utf8: bool) -> None:
    assert draws_utf8(environ) is utf8


async def test_a_locale_without_utf8_draws_the_screen_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "POSIX")
    async with seated(busy_face(), (160, 45), ScreenSettings()) as seat:
        assert "SELL 20 NOVA" in seat.text
        assert seat.text.isascii()
