"""What closing a position would send, as the act that looks at it says, and the question before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from cockpit.model.text import Safe, counted, safe
from cockpit.operator.act import Command
from cockpit.operator.acts import CLOSE, POSITION
from cockpit.operator.view import HeldPosition
from tui.asking import Question
from tui.cells import Span
from tui.state import ScreenState, named
from tui.words import amount, gain, money, price

ANSWER_SECONDS: Final = 60
"""How long the question stands: what it shows gets old."""


@dataclass(frozen=True, slots=True)
class Closing:
    """One answer of the look. Numbers that nobody knows are None."""

    connection: Safe
    symbol: Safe
    side: Safe
    quantity: Decimal
    limit: Decimal | None
    held: Decimal
    held_after: Decimal
    others: Decimal
    """Quantity that open orders may close."""
    about: Decimal | None
    realises: Decimal | None
    currency: Safe
    touch: Decimal | None
    """The price at which that side trades now."""
    data_type: Safe
    source: Safe
    age_ms: Decimal | None
    refused: Safe
    """Why nothing would be sent; empty where it would."""
    seen: Safe
    """What the close is bound to."""
    warning: Safe = Safe("")
    """What would hold a client from it and leaves the decision to the operator."""


def closing_of(data: object) -> Closing | None:
    """Read an answer; None where it is none."""
    if not isinstance(data, Mapping):
        return None
    text = {str(name): safe(str(value), 300) for name, value in data.items() if value is not None}
    quantity, held, after = (_decimal(text.get(name)) for name in ("quantity", "held", "held_after"))
    if quantity is None or held is None or after is None:
        return None
    nothing = Safe("")
    return Closing(
        text.get("connection", nothing),
        text.get("symbol", nothing),
        text.get("side", nothing),
        quantity,
        _decimal(text.get("limit_price")),
        held,
        after,
        _decimal(text.get("closed_by_others")) or Decimal(0),
        _decimal(text.get("about")),
        _decimal(text.get("realises")),
        text.get("currency", nothing),
        _decimal(text.get("bid" if text.get("side") == "sell" else "ask")),
        text.get("data_type", nothing),
        text.get("source", nothing),
        _decimal(text.get("age_ms")),
        text.get("refused", nothing),
        text.get("seen", nothing),
        text.get("warning", nothing),
    )


def close_of(held: HeldPosition) -> Command:
    """Return the close of a whole position."""
    return Command(CLOSE.name, {"symbol": held.position.symbol, "connection": held.connection})


def look_at(command: Command) -> Command:
    """Return the look that comes before a close."""
    return Command(POSITION.name, {name: text for name, text in command.arguments.items() if name != "seen"})


def close_question(state: ScreenState, closing: Closing, command: Command, now: datetime) -> Question:
    """Ask whether to close, with side, quantity, price and its age, worth, what is left and what it realises."""
    arguments = {**command.arguments, "connection": str(closing.connection), "seen": str(closing.seen)}
    how = "at market" if closing.limit is None else f"limit {price(closing.limit)}"
    worth = "at no known price" if closing.about is None else f"about {money(closing.about, closing.currency)}"
    spans = [
        *([Span(f"{closing.warning} ", "bad")] if closing.warning else []),
        Span(f"{closing.side} {amount(closing.quantity)} {closing.symbol} {how}", closing.side),
        Span(f" on {closing.connection}, {worth}; "),
        Span(f"{amount(closing.held)} → {amount(closing.held_after)}"),
        Span(f"; {_priced(closing)}"),
    ]
    if closing.realises is not None:
        spans.append(Span(f"; profit about {gain(closing.realises, closing.currency)} before fees"))
    if closing.others:
        spans.append(Span(f"; open orders may close {amount(closing.others)} more"))
    return Question(
        "CLOSE",
        (*spans, Span("?")),
        Command(CLOSE.name, arguments),
        about=f"{closing.connection} {closing.symbol}",
        decide_by=now + timedelta(seconds=ANSWER_SECONDS),
        live=state.is_live(closing.connection),
        held=held_of(state, f"{closing.connection} {closing.symbol}"),
    )


def _priced(closing: Closing) -> str:
    if closing.touch is None or closing.age_ms is None:
        return "no price"
    word = "bid" if closing.side == "sell" else "ask"
    age = f"{closing.age_ms / 1000:.1f} s old"
    return f"{word} {price(closing.touch)}, {closing.data_type.replace('_', ' ')} from {closing.source}, {age}"


def held_of(state: ScreenState, name: str) -> Decimal:
    """Return what is held of the position of that name, by the snapshot."""
    found = (one.position.quantity for one in state.snapshot.positions if named(one) == name)
    return next(found, Decimal(0))


def moved(state: ScreenState, question: Question) -> str:
    """Return why a close has lost its ground since it was asked: the position moved. Nothing where it has not."""
    if question.command is None or question.held is None:
        return ""
    now, seen = held_of(state, question.about), _decimal(question.command.arguments.get("seen", "").partition("/")[0])
    if now in {question.held, seen}:
        return ""
    return f"{question.about}: {amount(now)} is held now, not {amount(question.held)}; nothing was sent."


def flatten_label(state: ScreenState, command: Command) -> str:
    """Say what flattening means, short enough to type the word behind it; empty where the connection is not named."""
    names = [one.name for one in state.snapshot.connections]
    name = command.arguments.get("connection") or (names[0] if len(names) == 1 else "")
    if not name:
        return ""
    held = sum(one.connection == name for one in state.snapshot.positions)
    live = "LIVE MONEY: " if state.is_live(name) else ""
    return f"{live}TYPE FLATTEN to close {counted(held, 'position')} on {name}"


def _decimal(text: str | None) -> Decimal | None:
    try:
        found = None if text is None else Decimal(text)
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None
