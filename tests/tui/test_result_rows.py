"""Answers that are pages: a drawing stays whole, with the words beside it where there is no room below."""

from __future__ import annotations

from io import StringIO

import pytest
import segno

from cockpit.operator.act import Done
from tests.tui.fake_face import busy_face
from tests.tui.screens import seated
from tui.rows.result_rows import result_rows, texts_of

TOLD = "Open this where the passkey shall be. It works once, for ten minutes:"


def answer(link: str) -> Done:
    drawn = StringIO()
    segno.make(link, error="l", boost_error=False, micro=False).terminal(out=drawn, border=1, compact=True)
    return Done(f"{drawn.getvalue().rstrip()}\n{TOLD}\n{link}", {"link": link})


def link(length: int) -> str:
    return "https://cockpit.example/oauth/web/enrol/".ljust(length, "x")


def drawn(rows: list[str]) -> list[str]:
    return [row for row in rows if any(sign in row for sign in "▀▄█")]


@pytest.mark.parametrize("length", [60, 83, 106])
async def test_a_link_and_its_drawing_stand_whole_on_a_small_screen(length: int) -> None:
    face = busy_face()
    face.answers["web.enroll"] = answer(link(length))
    async with seated(face) as seat:
        await seat.type(":web enroll")
        await seat.press("enter", "y")
        await seat.settle()
        rows = seat.rows()
        whole = answer(link(length)).says.splitlines()[:-2]
        assert [row.strip() for row in whole] == [row[1 : len(whole[0]) + 1].strip() for row in drawn(rows)]
        assert "more rows" not in seat.text
        beside = "".join(row[len(whole[0]) + 3 :].strip() for row in rows[2:])
        assert link(length) in beside or any(link(length) in row for row in rows)
        await seat.press("Y")
        assert seat.app.clipboard == f"{link(length)}\n"


def test_where_there_is_room_the_words_stay_below() -> None:
    page = result_rows(texts_of("web enroll", answer(link(83))), 100, 60)
    texts = ["".join(span.text for span in line.spans).strip() for line in page]
    assert texts[-2:] == [TOLD, link(83)]


def test_a_drawing_that_is_too_large_says_which_window_shows_it_and_the_link_comes_first() -> None:
    page = result_rows(texts_of("web enroll", answer(link(300))), 80, 21)
    texts = ["".join(span.text for span in line.spans).strip() for line in page]
    assert texts[1] == TOLD
    assert "".join(texts[2:7]).startswith(link(300)[:76])
    assert any("a window of" in text for text in texts[:8])
