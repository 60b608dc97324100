from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.cells import Span, clip, cut, heading, left, right, spread, width_of, wrap

TEXTS = st.text(alphabet="ab 漢字é–", max_size=40)


@given(TEXTS, st.integers(0, 30))
def test_a_column_is_exactly_as_wide_as_asked_even_with_wide_characters(text: str, cells: int) -> None:
    assert cell_len(left(text, cells)) == cells
    assert cell_len(right(text, cells)) == cells


@given(TEXTS, st.integers(0, 30))
def test_a_cut_text_never_leaves_its_column_and_a_fitting_one_stays_whole(text: str, cells: int) -> None:
    assert cell_len(cut(text, cells)) <= cells
    if cell_len(text) <= cells:
        assert cut(text, cells) == text
    elif cells >= 1:
        assert cut(text, cells).endswith("…")


@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=3), st.integers(0, 60))
def test_spread_and_clip_never_grow_beyond_the_row(starts: list[str], ends: list[str], width: int) -> None:
    start = [Span(text) for text in starts]
    end = [Span(text) for text in ends]
    assert width_of(spread(start, end, width)) <= width
    assert width_of(clip(start, width)) <= width
    if width_of(start) + width_of(end) <= width:
        assert width_of(spread(start, end, width)) == width


@given(TEXTS, st.integers(2, 20))
def test_wrapping_loses_no_letter_and_no_row_is_too_wide(text: str, cells: int) -> None:
    rows = wrap(text, cells)
    assert all(cell_len(row) <= cells for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


def test_a_heading_fills_its_row_and_drops_the_facts_when_there_is_no_room() -> None:
    wide = heading([Span(" CALLS")], [Span("3 denied")], 30)
    assert "".join(span.text for span in wide.spans) == " CALLS ─────────── 3 denied ──"
    narrow = heading([Span(" CALLS")], [Span("3 denied")], 12)
    assert "".join(span.text for span in narrow.spans) == " CALLS ─────"
