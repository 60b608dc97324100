"""How questions, typed lines, messages, the hint and the key row look: the rows at the screen's foot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cockpit.model.text import Safe
from tui.asking import Asks, Entry, Message, Question
from tui.cells import Line, Span, clip, cut, left, spread, width_of, wrap
from tui.commands import matching, usage, whole_act
from tui.finding import MOST_SHOWN, found_by
from tui.glyphs import CHOSEN, ENTER
from tui.key_map import KeyHint
from tui.rows.waiting_row import URGENT_SECONDS
from tui.widths import cell_len
from tui.words import countdown

_MOST_ROWS = 3
_MOST_WORDS = 10
"""Rows of words that a question may have: the rows of the smallest screen, less those that stay."""
_LEAST_TYPED = 24
"""Cells that a typed line has behind its label."""


def question_rows(question: Question, now: datetime, width: int) -> list[Line]:
    """The question, the two answers and the time left. Words that don't fit go to further rows, never away."""
    chip = [Span(f" {question.verb} ", "ask"), Span(" ")]
    if question.live:
        chip.insert(0, Span(" ● LIVE MONEY ", "live"))
    whole = [*chip, *question.says]
    for gap in ("  ", " "):
        answers = _answers(question, now, gap)
        if width_of(whole) + width_of(answers) <= width:
            return [Line(spread(whole, answers, width))]
    answers = _answers(question, now, "  ")
    text = "".join(span.text for span in question.says)
    indent = width_of(chip)
    rows = wrap(text, max(10, width - indent - 1))
    if len(rows) > _MOST_WORDS:
        rows = [
            *rows[: _MOST_WORDS - 1],
            f"… and {len(rows) - _MOST_WORDS + 1} more rows: read them on the ticket, n and ⏎",
        ]
    if len(rows) > 1 and cell_len(rows[-1]) + indent + width_of(answers) <= width:
        lines = [Line((*chip, Span(rows[0], "strong")))]
        lines += [Line((Span(" " * indent), Span(row, "strong"))) for row in rows[1:-1]]
        lines.append(Line(spread([Span(" " * indent), Span(rows[-1], "strong")], answers, width)))
    else:
        lines = [
            Line((*(chip if place == 0 else [Span(" " * indent)]), Span(row, "strong")))
            for place, row in enumerate(rows)
        ]
        lines.append(Line(spread([], answers, width)))
    return lines


def _answers(question: Question, now: datetime, gap: str) -> list[Span]:
    answers = [Span(gap), Span("y", "key"), Span(f" yes{gap}"), Span("n", "key"), Span(" no")]
    if question.decide_by is not None:
        seconds = (question.decide_by - now).total_seconds()
        answers.append(Span(f"{gap}{countdown(seconds, fine=True)}", "alarm" if seconds < URGENT_SECONDS else "wait"))
    return [*answers, Span(" ")]


def entry_rows(entry: Entry, width: int, *, looks_only: bool = False, enter: str = ENTER) -> list[Line]:
    """The label, the line with its cursor, and what may come next or what was wrong; the palette above its line.

    ``enter`` is how that key is written.
    """
    above = _found(entry, width, looks_only) if entry.asks is Asks.PALETTE else []
    note = (entry.note or _next(entry, looks_only)).replace(ENTER, enter)
    return [*above, *_entry_line(entry, note, width)]


def _found(entry: Entry, width: int, looks_only: bool) -> list[Line]:
    found = found_by(entry.edit.text, looks_only)
    top = max(0, min(entry.place - MOST_SHOWN // 2, len(found) - MOST_SHOWN))
    lines: list[Line] = []
    for place, act in enumerate(found[top : top + MOST_SHOWN], top):
        chosen = place == entry.place
        spans = (
            Span(f"{CHOSEN if chosen else ' '} ", "key"),
            Span(left(act.command, 16), "strong"),
            Span(act.help, "dim"),
        )
        lines.append(Line(clip(spans, width), chosen=chosen))
    return lines


def _entry_line(entry: Entry, note: str, width: int) -> list[Line]:
    chip = [Span(f" {cut(entry.label, max(8, width - _LEAST_TYPED))} ", "ask"), Span(" ")]
    text, at = entry.edit.text, entry.edit.at
    room = max(8, width - width_of(chip) - 2)
    before, under, after = text[:at], text[at : at + 1] or " ", text[at + 1 :]
    while cell_len(before) > room - 1:
        before = before[1:]
    line = [*chip, Span(before, "strong"), Span(under, "cursor"), Span(after, "strong")]
    role = "bad" if entry.note else "dim"
    spare = width - width_of(line) - 3
    if note and (entry.note or spare >= 12):
        if cell_len(note) <= spare:
            return [Line(spread(line, [Span(note + " ", role)], width))]
        if entry.note:
            return [Line((Span(" " + cut(note, width - 2), role),)), Line(clip(line, width))]
        return [Line(spread(line, [Span(cut(note, spare) + " ", role)], width))]
    return [Line(clip(line, width))]


def _next(entry: Entry, looks_only: bool) -> str:
    match entry.asks:
        case Asks.CODE:
            return "⏎ looks it up   esc back"
        case Asks.COMMAND:
            acts = matching(entry.edit.text, looks_only=looks_only)
            if entry.offers and whole_act(entry.before_offers if entry.offered_at is not None else entry.edit.text):
                return _offered(entry)
            return usage(acts[0]) if len(acts) == 1 else "  ".join(act.command for act in acts[:12])
        case Asks.PALETTE:
            return "↑ ↓ choose  ⏎ takes it  esc back"
        case Asks.FILTER:
            return "words  !not  client:x  tool:get_*  state:denied"
        case Asks.RECORDS:
            return "client:x  tool:y  state:denied  order:o  since:2h"
        case Asks.REASON:
            return "⏎ rejects with it   esc back"
        case Asks.TOTP:
            return "six digits, or a backup code   esc back"
        case Asks.EDIT:
            return "less: 50, @ 411.90 or 50 @ 411.90"
    return "⏎ takes it   esc back"


def _offered(entry: Entry) -> str:
    """Name what tab may put at the line's end, beginning with what it has put there."""
    at = entry.offered_at or 0
    said = "  ".join((*entry.offers[at:], *entry.offers[:at])[:12])
    return f"→ {said}"


def message_rows(message: Message | None, width: int) -> list[Line]:
    """The last message, or an empty row that keeps everything else in place."""
    if message is None:
        return [Line()]
    return [Line((Span(" " + row, message.role),)) for row in wrap(message.text, max(8, width - 2), _MOST_ROWS)]


def hint_rows(hint: Safe, width: int) -> list[Line]:
    """What the host has to say to the operator, in at most two rows."""
    rows = wrap(hint, max(8, width - 4), 2)
    return [
        Line((Span(" ▸ " if place == 0 else "   ", "hint-key"), Span(row, "hint")), fill="hint")
        for place, row in enumerate(rows)
    ]


def key_row(hints: Sequence[KeyHint], width: int) -> Line:
    """The keys that are valid here, kill first; what there is no room for is left out by rank."""
    kept = list(hints)
    while len(kept) > 1 and width_of(_keys(kept)) > width:
        worst = max(hint.rank for hint in kept[1:])
        at = max(place for place, hint in enumerate(kept) if place and hint.rank == worst)
        del kept[at]
    return Line(clip(_keys(kept), width))


def _keys(hints: Sequence[KeyHint]) -> list[Span]:
    first, *others = hints
    spans = [Span(f" {first.key} {first.word} ".replace("  ", " "), "kill" if first.key else "looks")]
    for hint in others:
        spans += [Span("  "), Span(hint.key, "key"), Span(f" {hint.word}", "dim")]
    return spans
