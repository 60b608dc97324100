"""The signs of the screen: each state is a sign, a word and a colour, so that none of the three is needed alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.cells import cell_len

from cockpit.model.events import Outcome
from cockpit.model.orders import OrderState
from cockpit.model.trading import Link, TradingState
from tui.cells import Span

CHOSEN: Final = "▸"
WAITS: Final = "◷"
PASSED: Final = "✓"
FAILED: Final = "✗"
NOTHING: Final = "–"
ENTER: Final = "⏎"
"""The key's sign; ASCII has none, so the key rows write a word there."""

SWITCH: Final = {
    TradingState.RUNNING: Span("▲ RUNNING", "running"),
    TradingState.REDUCE_ONLY: Span("◆ REDUCE-ONLY", "reduce"),
    TradingState.HALTED: Span("■ HALTED", "halted"),
    TradingState.KILLED: Span("■ KILLED", "halted"),
}

OUTCOME: Final = {
    Outcome.OK: Span("✓ ok", "ok"),
    Outcome.WAIT: Span("◷ wait", "wait"),
    Outcome.DENIED: Span("✗ denied", "bad"),
    Outcome.ERROR: Span("! error", "error"),
}

LINK: Final = {
    Link.READY: Span("✓", "ok"),
    Link.CONNECTING: Span("◷", "wait"),
    Link.DEGRADED: Span("!", "wait"),
    Link.DOWN: Span("✗", "bad"),
}

ORDER: Final = {
    OrderState.PREVIEWED: Span("– previewed", "dim"),
    OrderState.PENDING: Span("◷ waits", "wait"),
    OrderState.APPROVED: Span("✓ approved", "ok"),
    OrderState.SENDING: Span("→ sending", "wait"),
    OrderState.WORKING: Span("● working", "buy"),
    OrderState.PARTLY_FILLED: Span("◐ part filled", "buy"),
    OrderState.FILLED: Span("✓ filled", "ok"),
    OrderState.CANCELLED: Span("– cancelled", "dim"),
    OrderState.REJECTED: Span("✗ rejected", "bad"),
    OrderState.REFUSED: Span("✗ refused", "bad"),
    OrderState.EXPIRED: Span("– expired", "dim"),
    OrderState.UNKNOWN: Span("! unknown", "error"),
}

_ASCII_LOCALES: Final = frozenset({"C", "POSIX"})
_COERCED: Final = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})

_ASCII: Final = str.maketrans(
    "▲▼◆■✓✗◷–—…▸─━╸│┃└█·≈→←↑↓●◐×“”‘’•€£¥" + "▁▂▃▄▅▆▇▀",
    "^vv#+x~--~>-#=||`#.~><^v*%x\"\"''*ELY" + "_.-=+*#^",
)


def in_ascii(text: str) -> str:
    """Draw the same cells with ASCII alone; a character that has no likeness becomes as many ``?`` as it is wide."""
    plain = text.translate(_ASCII)
    if plain.isascii():
        return plain
    return "".join(sign if sign.isascii() else "?" * cell_len(sign) for sign in plain)


def draws_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale lets the terminal draw more than ASCII; no locale at all counts as UTF-8.

    Python turns a locale of C into one of UTF-8 for itself by setting LC_CTYPE (PEP 538); LANG still says what was meant.
    """
    said = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "utf-8")
    coerced = not environ.get("LC_ALL") and said in _COERCED and environ.get("LANG") in _ASCII_LOCALES
    return "utf" in said.lower() and not coerced


def bar(share: float, cells: int) -> str:
    """Draw a share between 0 and 1 as a bar of ``cells``, exact to half a cell; what isn't nothing is seen.

    A line and no block: blocks of rows that stand under each other would run into one.
    """
    halves = round(min(1.0, share) * cells * 2) or int(share > 0)
    whole, rest = divmod(max(0, halves), 2)
    drawn = "━" * whole + ("╸" if rest else "")
    return drawn + "·" * (cells - len(drawn))
