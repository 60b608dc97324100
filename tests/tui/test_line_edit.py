from hypothesis import given
from hypothesis import strategies as st

from tui.line_edit import LONGEST, LineEdit


def test_keys_edit_the_line_where_the_cursor_is() -> None:
    line = LineEdit.of("halt nws")
    for _ in range(2):
        line = line.pressed("left") or line
    assert line.typed("e").text == "halt news"
    assert line.pressed("backspace") == LineEdit("halt ws", 5)
    assert line.pressed("delete") == LineEdit("halt ns", 6)
    assert line.pressed("ctrl+u") == LineEdit("ws", 0)
    assert LineEdit.of("halt news").pressed("ctrl+w") == LineEdit("halt ", 5)
    assert line.pressed("f5") is None


def test_pasted_text_is_one_line_and_harmless() -> None:
    assert LineEdit().typed("KWMRTB\nkill\x1b[2J").text == "KWMRTB"
    assert "\x1b" not in LineEdit().typed("a\x1b]52;c;x\x07").text


@given(st.text(), st.text(), st.integers(0, 500))
def test_the_line_stays_bounded_and_printable(first: str, second: str, at: int) -> None:
    line = LineEdit().typed(first)
    line = LineEdit(line.text, min(at, len(line.text))).typed(second)
    assert len(line.text) <= LONGEST
    assert 0 <= line.at <= len(line.text)
    assert not any(ord(sign) < 32 or 0x7F <= ord(sign) <= 0x9F for sign in line.text)
