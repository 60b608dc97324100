"""The pictures of docs/ are what the screen draws now. ``COCKPIT_PICTURES=write`` draws them anew (make pictures)."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.segment import Segment
from rich.style import Style

from tests.docs.drawing import HIGH, WIDE, draw
from tests.docs.pictures import FOLDER, PICTURES, Picture
from tests.tui.screens import seated

SVG = "{http://www.w3.org/2000/svg}"
ROOT = Path(__file__).parent.parent.parent
LARGEST = 60_000


def seen(picture: str) -> Counter[tuple[str, ...]]:
    """Everything that an eye sees in a picture: texts and shapes, where they are, and their colours."""
    found: Counter[tuple[str, ...]] = Counter()

    def look(part: ElementTree.Element, inherited: dict[str, str]) -> None:
        look_of = inherited | part.attrib
        if part.tag in {f"{SVG}text", f"{SVG}rect"}:
            found[part.tag, part.text or "", *(f"{name}={look_of[name]}" for name in sorted(look_of))] += 1
        for below in part:
            look(below, look_of)

    look(ElementTree.fromstring(picture), {})
    return found


@pytest.mark.parametrize("picture", PICTURES, ids=[picture.name for picture in PICTURES])
async def test_a_picture_is_what_the_screen_draws_now(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    drawn = await picture.drawn()
    if os.environ.get("COCKPIT_PICTURES") == "write":
        FOLDER.mkdir(exist_ok=True)
        picture.path.write_text(drawn, "utf-8")
    shown = picture.path.read_text("utf-8") if picture.path.exists() else draw([[Segment(" ")]], "", Style())
    differ = (seen(shown) - seen(drawn)) + (seen(drawn) - seen(shown))
    assert not differ, (
        f"{picture.name}.svg is not current, run make pictures: {sorted({what[1] for what in differ})[:12]}"
    )


@pytest.mark.parametrize("picture", PICTURES, ids=[picture.name for picture in PICTURES])
def test_a_picture_is_small_and_loads_nothing(picture: Picture) -> None:
    text = picture.path.read_text("utf-8")
    assert len(text.encode()) < LARGEST
    assert {part.tag for part in ElementTree.fromstring(text).iter()} == {
        f"{SVG}{name}" for name in ("svg", "title", "g", "rect", "text")
    }
    attributes = {name for part in ElementTree.fromstring(text).iter() for name in part.attrib}
    assert attributes.isdisjoint({"href", "style", "class", "id"})
    assert not re.search(r"url\(|@import|<!|<\?", text)
    for address in re.findall(r"https?://[^\s<\"]*", text.replace(SVG[1:-1], "", 1)):
        assert address.startswith(("http://127.0.0.1:8722", "https://chatgpt.com/")), address
    places = re.findall(r"/(?:home|root|tmp|work|usr|Users)\b", text)
    assert places == []


def test_every_picture_that_is_there_is_one_of_ours_and_shown_somewhere() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {picture.path.name for picture in PICTURES}
    pages = "".join(page.read_text("utf-8") for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
    unused = [picture.name for picture in PICTURES if f"pictures/{picture.path.name}" not in pages]
    assert unused == []


async def test_two_drawings_of_one_picture_are_the_same_to_the_byte() -> None:
    assert await PICTURES[0].drawn() == await PICTURES[0].drawn()


async def test_a_picture_holds_every_word_of_its_screen() -> None:
    picture = PICTURES[0]
    async with seated(picture.face(), picture.size) as seat:
        words = Counter(re.findall(r"[\w.,:$%@-]+", seat.text))
    root = ElementTree.fromstring(await picture.drawn())
    texts = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
    assert Counter(re.findall(r"[\w.,:$%@-]+", texts)) == words


def test_a_cell_stands_where_it_stands_on_the_screen() -> None:
    row = [Segment("ab  ◷c"), Segment("──", Style(color="#112233")), Segment(" █╸", Style(bgcolor="#445566"))]
    root = ElementTree.fromstring(draw([[Segment(" ")], row], "A & B", Style()))
    places = [(text.text, text.get("x"), text.get("textLength")) for text in root.iter(f"{SVG}text")]
    assert places == [("◷", f"{4 * WIDE + WIDE // 2}", None), ("ab", "0", f"{2 * WIDE}"), ("c", f"{5 * WIDE}", None)]
    rects = [tuple(map(rect.get, ("x", "y", "width", "height", "fill"))) for rect in root.iter(f"{SVG}rect")][1:]
    paper, rule, block, half = rects
    assert paper == (f"{8 * WIDE}", f"{HIGH}", f"{3 * WIDE}", f"{HIGH}", "#445566")
    assert rule[:3] == (f"{6 * WIDE}", f"{HIGH + HIGH // 2 - 1}", f"{2 * WIDE}")
    assert block[:4] == (f"{9 * WIDE}", f"{HIGH}", f"{WIDE}", f"{HIGH}")
    assert half[::2] == (f"{10 * WIDE}", f"{WIDE // 2}", half[4])
    assert root.findtext(f"{SVG}title") == "A & B"


def test_colours_that_change_places_are_drawn_changed() -> None:
    plain = Style(color="#eeeeee", bgcolor="#000000")
    root = ElementTree.fromstring(draw([[Segment("x", Style(reverse=True))]], "", plain))
    assert [part.get("fill") for part in root.iter() if part.get("fill")] == ["#000000", "#eeeeee", "#000000"]
