"""How a client looks whose scopes are changed: who it is, what it may do, and below the difference that would be made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cockpit.model.identity import WRITE_SCOPES, Scope
from cockpit.model.text import counted
from cockpit.operator.view import ClientView
from tui.cells import Line, Span, clip, heading
from tui.glyphs import CHOSEN
from tui.rows.client_ticket import MEANING
from tui.scope_form import LASTS, ScopeForm
from tui.words import ago, span_of


def scope_ticket_rows(form: ScopeForm, alike: Sequence[ClientView], now: datetime, width: int) -> list[Line]:
    """The toggles; below them what would change, and nothing is changed before it is sent."""
    view = form.view
    lines = [
        heading([Span(" SCOPES of ", "title"), Span(view.client, "strong")], [Span(view.connection, "dim")], width)
    ]
    used = f"{ago(view.last_used, now)}{f' from {view.last_address}' if view.last_address else ''}"
    ends = "never" if view.expires_at is None else f"in {span_of(view.expires_at - now)}"
    lines.append(_fact("comes from", [Span(view.host, "strong")], width))
    lines.append(
        _fact("last used", [Span(used), Span(f", let in {ago(view.made_at, now)}, ends {ends}", "dim")], width)
    )
    if len(alike) > 1:
        said = f"{counted(len(alike), 'authority', 'authorities')} of this name change together"
        lines.append(_fact("group", [Span(said, "wait")], width))
    lines.append(Line())
    until = dict(view.timed)
    for row in form.rows:
        chosen = row == form.at
        mark = Span(f"{CHOSEN if chosen else ' '} ", "key")
        spans = _scope(form, row, until, now) if isinstance(row, Scope) else _life(form, chosen)
        lines.append(Line(clip((mark, *spans), width), chosen=chosen))
    lines.append(Line())
    lines.append(heading([Span(" WOULD CHANGE", "title-off")], (), width))
    added = [Span(f"+{scope}  ", "wait" if scope in WRITE_SCOPES else "ok") for scope in form.added]
    dropped = [Span(f"-{scope}  ", "bad") for scope in form.dropped]
    difference = [*added, *dropped] or [Span("nothing yet: space toggles", "dim")]
    lines.append(Line(clip((Span("  "), *difference), width)))
    return lines


def _scope(form: ScopeForm, scope: Scope, until: dict[Scope, datetime], now: datetime) -> list[Span]:
    on, was = scope in form.chosen, scope in form.view.scopes
    writes = scope in WRITE_SCOPES
    box = Span("[✓] " if on else "[ ] ", ("wait" if writes else "ok") if on else "dim")
    mark = Span("+ ", "ok") if on and not was else Span("- ", "bad") if was and not on else Span("  ")
    left = Span(f"{span_of(until[scope] - now)} left  ", "wait") if scope in until and on else Span("")
    role = ("wait" if writes else "strong") if on else "dim"
    return [mark, box, Span(f"{scope.value:<15} ", role), left, Span(MEANING[scope], "dim")]


def _life(form: ScopeForm, chosen: bool) -> list[Span]:
    key = (Span("   space next", "key"),) if chosen else ()
    return [Span("  what is added lasts  ", "dim"), Span(LASTS[form.life_at][1], "strong"), *key]


def _fact(label: str, value: list[Span], width: int) -> Line:
    return Line(clip((Span(f"  {label:<13} ", "dim"), *value), width))
