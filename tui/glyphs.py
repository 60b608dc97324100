"""The signs of the screen: each state is a sign, a word and a colour, so that none of the three is needed alone."""

from __future__ import annotations

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
EIGHTHS: Final = " ▏▎▍▌▋▊▉"

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

_ASCII: Final = str.maketrans(
    "▲▼◆■✓✗◷–—…▸─│┃└█·≈→←↑↓●◐×“”‘’•" + EIGHTHS[1:] + "▁▂▃▄▅▆▇",
    "^vv#+x~--~>-||`#.~><^v*%x\"\"''*" + "...::##" + "_.-=+*#",
)


def in_ascii(text: str) -> str:
    """Draw the same cells with ASCII alone; a character that has no likeness becomes as many ``?`` as it is wide."""
    plain = text.translate(_ASCII)
    if plain.isascii():
        return plain
    return "".join(sign if sign.isascii() else "?" * cell_len(sign) for sign in plain)


def bar(share: float, cells: int) -> str:
    """Draw a share between 0 and 1 as a bar of ``cells``, exact to an eighth of a cell."""
    eighths = round(min(1.0, max(0.0, share)) * cells * 8)
    whole, rest = divmod(eighths, 8)
    drawn = "█" * whole + (EIGHTHS[rest] if rest else "")
    return drawn + "·" * (cells - len(drawn))
