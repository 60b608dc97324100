"""How the limits look: what has latched and what to do about it, then how far each limit is used up, as a bar."""

from __future__ import annotations

from datetime import tzinfo
from decimal import Decimal
from typing import Final, NamedTuple

from rich.cells import cell_len

from cockpit.model.latches import Latch, LatchKind
from cockpit.model.trading import TradingSwitch
from cockpit.operator.view import LimitUse, Snapshot
from tui.cells import Line, Span, clip, heading, left, right, wrap
from tui.glyphs import CHOSEN, SWITCH, bar
from tui.policy import LimitValue, Policy, Rule
from tui.rows.waiting_row import currency_of
from tui.stable_rows import StableRows
from tui.words import amount, clock_time, money

_LABELS: Final = {
    "max_daily_orders": "orders today",
    "max_daily_notional": "value today",
    "connection_daily_orders": "orders today, all clients",
    "connection_daily_notional": "value today, all clients",
    "max_open_orders": "open orders",
    "max_daily_loss": "loss today",
    "max_drawdown": "drawdown",
    "max_position": "largest position",
}
_MONEY: Final = frozenset({"max_daily_notional", "connection_daily_notional", "max_daily_loss", "max_drawdown"})
_NARROWEST_CLIENT: Final = 4
_NEARLY, _FULL, _MOST = Decimal("0.75"), Decimal(1), Decimal(99)
HOLDS: Final = {
    LatchKind.DAILY_LOSS: "only orders that reduce a position pass here",
    LatchKind.DRAWDOWN: "no order passes here",
    LatchKind.REPEATED_EXECUTION: "no order of this client passes",
    LatchKind.REJECT_RATE: "no order of this client passes",
}


def limit_rows(
    latches: StableRows[Latch], snapshot: Snapshot, policy: Policy | None, width: int, zone: tzinfo | None = None
) -> list[Line]:
    """The switch and latches on top; then how far limits are used up; then every limit and rule with its source."""
    facts = [Span(f" {len(latches.items)} latched ", "halted")] if latches.items else [Span("nothing latched", "ok")]
    lines = [heading([Span(" LIMITS", "title")], facts, width), _switch(snapshot.switch, width, zone)]
    for latch in latches.items:
        lines += _latch(latch, latch.latch_id == latches.chosen_key, width, zone)
    if latches.items:
        lines.append(Line())
    cells = _use_cells(snapshot, width)
    on = ""
    client = ""
    for use in snapshot.limits:
        if use.connection != on:
            lines.append(heading([Span(f" {use.connection}", "title-off")], (), width))
            on, client = use.connection, ""
        name = use.client if use.client != client else ""
        client = use.client
        lines.append(_use(use, name, currency_of(snapshot, use.connection), cells, width))
    if not snapshot.limits:
        lines.append(Line((Span("  Not known yet.", "dim"),)))
    note = "Tighten or loosen within the settings file: :limits set NAME LIMIT VALUE"
    lines += [Line(), *(Line((Span(f"  {row}", "dim"),)) for row in wrap(note, max(10, width - 4)))]
    if policy is None:
        return [*lines, Line((Span("  Every limit and rule is being asked for …", "dim"),))]
    if policy.complaint:
        lines += [Line((Span(f"  {row}", "bad"),)) for row in wrap(policy.complaint, max(10, width - 4), 3)]
    return [*lines, *policy_rows(policy, width), *rule_rows(policy.rules, width)]


def _switch(stands: TradingSwitch, width: int, zone: tzinfo | None) -> Line:
    mark = SWITCH[stands.state]
    spans = [
        Span("  trading ", "dim"), mark,
        Span(f" since {clock_time(stands.since, zone)}", "dim"),
    ]  # fmt: skip
    if stands.reason:
        spans.append(Span(f"  {stands.reason}", "dim"))
    return Line(clip(tuple(spans), width))


def policy_rows(policy: Policy, width: int) -> list[Line]:
    """Every limit of every connection with its value and source; below, what holds otherwise for a client."""
    lines: list[Line] = []
    holders = dict.fromkeys((one.connection, one.client) for one in policy.limits)
    for connection, client in sorted(holders):
        found = policy.of(connection, client)
        mine = sum(one.is_set for one in found)
        title = [Span(f" ALL LIMITS of {connection}", "title-off")]
        if client:
            title = [Span(" OTHERWISE for ", "title-off"), Span(client, "name"), Span(f" on {connection}", "title-off")]
        facts = [Span(f"{mine} set by you", "wait")] if mine else [Span("as the settings say", "dim")]
        lines += [Line(), heading(title, facts, width), *(_limit(one, width) for one in found)]
    return lines


def _limit(one: LimitValue, width: int) -> Line:
    source = "settings" if one.value == one.file else "settings, for this client"
    if one.is_set:
        source = f"you; settings say {one.file}"
    name, value = (30, 30) if width >= 110 else (27, 20)
    role = "wait" if one.is_set else ""
    return Line(
        clip(
            (Span(f"  {left(one.limit, name)} "), Span(right(one.value, value), role), Span(f"  {source}", "dim")),
            width,
        )
    )


def rule_rows(rules: tuple[Rule, ...], width: int) -> list[Line]:
    """The rules in their order, the first that fits decides; whether each is on."""
    off = sum(not rule.on for rule in rules)
    facts = [Span(f"{off} off", "wait")] if off else []
    lines = [Line(), heading([Span(" RULES", "title"), Span(f" {len(rules)}", "strong")], facts, width)]
    for rule in rules:
        sign = Span("on   ", "ok") if rule.on else Span("off  ", "wait")
        spans = (
            Span("  "),
            sign,
            Span(left(rule.name, 16) + " ", "strong"),
            Span(left(rule.does, 8)),
            Span(rule.when, "dim"),
        )
        lines.append(Line(clip(spans, width)))
    says = ":rules off NAME lets a rule ask you instead; :rules on NAME, then y, lets it decide again"
    if not rules:
        says = "There are none: every order asks you."
    return [*lines, *(Line((Span(f"  {row}", "dim"),)) for row in wrap(says, max(10, width - 4)))]


def _latch(latch: Latch, chosen: bool, width: int, zone: tzinfo | None) -> list[Line]:
    title = (
        Span(f"{CHOSEN if chosen else ' '} ", "key"),
        Span(f" ■ {latch.kind.replace('_', ' ').upper()} ", "halted"),
        Span(f" {latch.subject}", "strong"),
        Span(f"  since {clock_time(latch.since, zone)}  ", "dim"),
        Span(latch.reason, "bad"),
    )
    does = (
        Span(f"    {HOLDS[latch.kind]} until released: ", ""),
        Span("r", "key"),
        Span(", then "),
        Span("y", "key"),
    )
    return [Line(clip(title, width), chosen=chosen), Line(clip(does, width))]


class _Cells(NamedTuple):
    who: int
    label: int
    figures: int
    bar: int


def _use_cells(snapshot: Snapshot, width: int) -> _Cells:
    """Give the label what the longest needs, since contracts differ at their end: from the bar, figures and client."""
    who, label, figures, cells = (18, 28, 30, 20) if width >= 110 else (11, 26, 22, 10)
    short = max(0, max((cell_len(_said(use)) for use in snapshot.limits), default=0) - label)
    label += short
    widest = max((cell_len(_of(use, currency_of(snapshot, use.connection))) for use in snapshot.limits), default=0)
    taken = min(short, cells)
    cells, short = cells - taken, short - taken
    taken = min(short, max(0, figures - widest - 1))
    figures, short = figures - taken, short - taken
    return _Cells(max(_NARROWEST_CLIENT, who - short), label, figures, cells)


def _said(use: LimitUse) -> str:
    return _LABELS.get(use.name, use.name.replace("_", " ")) + (f" {use.symbol}" if use.symbol else "")


def _of(use: LimitUse, currency: str) -> str:
    return f"{_figure(use, use.used, currency)} / {_figure(use, use.limit, currency)}"


def _use(use: LimitUse, client: str, currency: str, cells: _Cells, width: int) -> Line:
    share = use.used / use.limit if use.limit else _FULL
    role = "bad" if share >= _FULL else "wait" if share >= _NEARLY else "ok"
    return Line(
        clip(
            (
                Span("  "),
                Span(left(client, cells.who) + " ", "name"),
                Span(left(_said(use), cells.label) + " "),
                Span(bar(float(share), cells.bar) if cells.bar else "", role),
                Span(right(_of(use, currency), cells.figures), "" if role == "ok" else role),
                Span(right(f"{min(share, _MOST):.0%}{'!' if share >= _FULL else ' '}", 7), role),
            ),
            width,
        )
    )


def _figure(use: LimitUse, value: Decimal, currency: str) -> str:
    return money(value, currency) if use.name in _MONEY else amount(value)


def _share_told(use: LimitUse, currency: str) -> str:
    return f"{_figure(use, use.used, currency)} / {_figure(use, use.limit, currency)}"


def _percent(use: LimitUse) -> str:
    return f"{min(use.used / use.limit if use.limit else _FULL, _MOST):.0%}"


def side_limit_rows(snapshot: Snapshot, width: int) -> list[Line]:
    """The limits that are used up most, for the side of a wide screen."""
    fullest = sorted(snapshot.limits, key=lambda use: -(use.used / use.limit if use.limit else _FULL))[:5]
    latched = [Span(f"{len(snapshot.latches)} latched", "bad")] if snapshot.latches else []
    lines = [heading([Span(" LIMITS", "title-off")], latched, width)]
    wide = width >= 56
    told = [_share_told(use, currency_of(snapshot, use.connection)) if wide else _percent(use) for use in fullest]
    cells, figures = 8 if wide else 5, max(6, *(cell_len(of) + 1 for of in told)) if told else 6
    room = max(8, width - cells - figures - 4)
    for use, of in zip(fullest, told, strict=True):
        share = use.used / use.limit if use.limit else _FULL
        role = "bad" if share >= _FULL else "wait" if share >= _NEARLY else "ok"
        label = f"{use.symbol or use.client or use.connection} {_LABELS.get(use.name, use.name)}"
        spans = (Span("  "), Span(left(label, room) + " "), Span(bar(float(share), cells), role))
        lines.append(Line(clip((*spans, Span(right(of, figures), "dim")), width)))
    return lines
