"""How many cells a text takes: characters about which terminals disagree are drawn as escapes, so that they can't.

A character that one side counts as a cell and the other doesn't moves all that stands right of it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from rich.cells import cell_len as _cell_len
from rich.cells import get_character_cell_size

from cockpit.model.text import is_harmless, safe, visible

_EVEN: Final = re.compile(r"[ -~¡-¬®-ÿ‐-‧€←-↕⏎≈─-▟■▲▸▼◆●◐○◷✓✗]*")
"""Text that takes a cell for each character in every terminal."""
_LONGEST_ESCAPE: Final = 10
_MARKS: Final = frozenset({"Mn", "Me"})
_VIRAMA: Final = 9
"""Combining class of what joins two letters into one, as wide as either or as both."""
_UNICODE_IN_USE: Final = "12.1.0"
"""The oldest version of Unicode by which a terminal in use may count."""
_DISPUTED: Final = frozenset(
    chr(code)
    for code in (
        *range(0x1F1E6, 0x1F200),  # regional indicators: two of them are one flag
        *range(0x3248, 0x3250),  # numbers in squares: ambiguous, and wide in some tables
        0x0E33, 0x0EB3, 0xFF9E, 0xFF9F,  # letters that some terminals join to the one before
    )
)  # fmt: skip


def is_even(text: str) -> bool:
    """Whether every terminal takes a cell for each character."""
    return (text.isascii() and text.isprintable()) or _EVEN.fullmatch(text) is not None


def drawn(text: str) -> str:
    """Return a text as it is drawn: what steers, hides, or takes cells that terminals don't agree on is an escape."""
    if is_even(text):
        return text
    clean = text if is_harmless(text) else safe(text, _LONGEST_ESCAPE * len(text))
    return "".join(visible(sign) if is_disputed(sign) else sign for sign in clean)


def cell_len(text: str) -> int:
    """Count the cells of a text as it is drawn."""
    return _cell_len(drawn(text))


@lru_cache(8192)
def is_disputed(sign: str) -> bool:
    """Whether terminals, or they and this screen, may count other cells for a character."""
    if not sign.isprintable() or sign in _DISPUTED or unicodedata.combining(sign) == _VIRAMA:
        return True
    category = unicodedata.category(sign)
    widths = {get_character_cell_size(sign), *(get_character_cell_size(sign, by) for by in (_UNICODE_IN_USE, "latest"))}
    return category == "Mc" or len(widths) > 1 or (widths == {0}) is not (category in _MARKS)
