from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cockpit.cli.stdio.streams import TOO_LONG, Lines

MOST = 8
TEXTS = st.lists(st.binary(max_size=20).map(lambda text: text.replace(b"\n", b".")), max_size=8)


@given(TEXTS, st.binary(max_size=20).map(lambda text: text.replace(b"\n", b".")), st.integers(1, 30))
def test_lines_are_the_same_however_their_bytes_come_and_none_is_kept_that_is_too_long(
    texts: list[bytes], last: bytes, size: int
) -> None:
    whole = b"".join(text + b"\n" for text in texts) + last
    lines = Lines(MOST)
    found = [line for at in range(0, len(whole), size) for line in lines.feed(whole[at : at + size])]
    found += lines.end()
    expected = [text if len(text) <= MOST else TOO_LONG for text in [*texts, *([last] if last else [])]]
    assert found == expected
