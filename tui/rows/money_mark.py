"""How it looks whose money a connection moves: calm on paper; where it is real, in words that can't be overlooked."""

from __future__ import annotations

from datetime import tzinfo

from cockpit.model.trading import Mode
from cockpit.operator.view import ConnectionView
from tui.cells import Span
from tui.words import clock_time


def money_mark(seen: ConnectionView) -> Span:
    """Say whose money it is."""
    return Span(" ● LIVE MONEY ", "live") if seen.mode is Mode.LIVE else Span("PAPER", "paper")


def armed_until(seen: ConnectionView, zone: tzinfo | None) -> str:
    """Say until when orders may open positions, ``22:15``; empty where they may not, and on paper."""
    return "" if seen.armed_until is None else clock_time(seen.armed_until, zone)[:5]


def armed_mark(seen: ConnectionView, zone: tzinfo | None) -> list[Span]:
    """Say whether orders may open positions with real money; nothing on paper, where they always may."""
    if seen.mode is not Mode.LIVE:
        return []
    until = armed_until(seen, zone)
    return [Span(f" ARMED until {until} ", "live")] if until else [Span("not armed", "wait")]


def money_in_status(
    seen: ConnectionView, zone: tzinfo | None, armed: int = 1
) -> tuple[list[Span], list[Span], list[Span]]:
    """Say both in the status row: in full, shorter, and in as few cells as ever are there.

    ``armed``: how many armed connections this one stands for, as that which stays armed the longest.
    """
    until, mark = armed_until(seen, zone), [money_mark(seen)]
    if until:
        word = "ARMED" if armed == 1 else f"{armed} ARMED"
        return (
            [Span(f" ● LIVE MONEY · {word} until {until} ", "live")],
            [Span(f" ● LIVE {word} until {until} ", "live")],
            [Span(f" ● LIVE {word} {until} ", "live")],
        )
    if seen.mode is not Mode.LIVE:
        return mark, mark, mark
    unarmed = [*mark, Span(" not armed ", "wait")]
    return unarmed, unarmed, mark
