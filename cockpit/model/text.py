"""Text from outside, made harmless before it is stored or shown."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NewType

Safe = NewType("Safe", str)
"""Text without control, format or bidirectional characters, of bounded length. The screen accepts nothing else."""

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f"
    "\u205f-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_ELLIPSIS: Final = "…"
_MOST_MARKS: Final = 3
"""Combining marks on one letter; more of them reach over the rows above and below."""
_MARKS: Final = frozenset({"Mn", "Me"})


def safe(text: str, limit: int = 200) -> Safe:
    r"""Make one line of outside text harmless: what is invisible or steers a terminal becomes a visible escape.

    ``\x1b`` stands for ESC, ``\u202e`` for the right-to-left override, and so on; longer text ends in an ellipsis.
    Covers C0, C1, DEL, soft hyphen, zero-width and bidirectional characters, variation selectors, tags, surrogates, and
    combining marks where they are heaped.
    """
    cut = text[: limit + 1]
    clean = cut if cut.isascii() and cut.isprintable() else _without_heaps(_UNSAFE.sub(_escape, cut))
    return Safe(clean if len(clean) <= limit else clean[: max(0, limit - 1)] + _ELLIPSIS)


def is_harmless(text: str) -> bool:
    """Whether a text can go to a terminal as it is."""
    return text.isprintable() and (text.isascii() or _UNSAFE.search(text) is None)


def is_plain(text: str) -> bool:
    """Whether the text is printable ASCII alone: the only kind that may look like a symbol or a known product."""
    return text.isascii() and text.isprintable()


def counted(number: int, one: str, many: str = "") -> str:
    """Say a number of things: ``1 client``, ``3 clients``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _without_heaps(text: str) -> str:
    """Make visible what is heaped on a letter beyond a few marks."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = 0
    for sign in text:
        marks = marks + 1 if unicodedata.category(sign) in _MARKS else 0
        kept.append(sign if marks <= _MOST_MARKS else visible(sign))
    return "".join(kept)


def _escape(found: re.Match[str]) -> str:
    return visible(found.group())


def visible(sign: str) -> str:
    r"""Write a character as its escape: ``\x1b``, ``\u202e``, ``\U000e0041``."""
    code = ord(sign)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
