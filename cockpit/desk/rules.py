"""Which rule decides about an order, as a pure function: the first that fits; where none fits, the operator is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from cockpit.desk.risk import Meanings
from cockpit.model.identity import ClientName
from cockpit.model.orders import OrderRequest
from cockpit.model.text import Safe, safe
from cockpit.settings.approval import Day, Do, RuleSettings, WhenSettings

WAITS: Final = Safe("Waits for the operator.")
"""Why an order waits that no rule caught."""
CHANGE_WAITS: Final = Safe("A change waits for the operator.")
_DAYS: Final = tuple(Day)
_SEVERITY: Final = (Do.APPROVE, Do.ASK, Do.CONFIRM, Do.DENY)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may look at besides the order itself; None where it isn't known."""

    client: ClientName
    connection: str
    notional: Decimal | None
    """Worst-case value of the order with all the orders that are decided on with it."""
    adds_risk: bool | None
    """Whether any part of it may open or grow a position, whatever else fills, or uncovers a sold option."""
    now: datetime
    meanings: Meanings = Meanings()
    """What the symbols of rules stand for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is done with an order, and which rule says so."""

    do: Do
    rule: str = ""
    """Empty where no rule fits."""
    unsure: bool = False
    """Whether the rule might have been the one, but something that it needs isn't known."""


def decide(order: OrderRequest, facts: Facts, rules: Sequence[RuleSettings], off: Collection[str] = ()) -> Verdict:
    """Return what the rules say about an order.

    A rule that needs what isn't known does not apply. Where such a rule would not have approved, none behind it
    approves either: the operator is asked. A rule that is switched off still catches its orders, and asks.
    """
    unsure = ""
    for rule in rules:
        fits = _fits(order, facts, rule)
        if fits is None and rule.do is not Do.APPROVE:
            unsure = unsure or rule.name
        if not fits:
            continue
        do = Do.ASK if rule.name in off else rule.do
        return Verdict(Do.ASK, unsure, unsure=True) if do is Do.APPROVE and unsure else Verdict(do, rule.name)
    return Verdict(Do.ASK, unsure, unsure=bool(unsure))


def verdict_words(verdict: Verdict) -> Safe:
    """Say why an order waits, or by which rule it doesn't have to."""
    match verdict:
        case Verdict(rule=""):
            return WAITS
        case Verdict(unsure=True):
            return safe(f"Waits for the operator: what the rule {verdict.rule} needs isn't known.")
        case Verdict(do=Do.CONFIRM):
            return safe(f"Waits for its client: the rule {verdict.rule} wants it confirmed with confirm_order.")
        case Verdict(do=Do.APPROVE):
            return safe(f"The rule {verdict.rule} approves it.")
        case _:
            return safe(f"Waits for the operator: the rule {verdict.rule} asks.")


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on orders that are decided on together: the one that lets the least through."""
    return max(verdicts, key=lambda verdict: _SEVERITY.index(verdict.do))


def _fits(order: OrderRequest, facts: Facts, rule: RuleSettings) -> bool | None:
    """Return whether an order fits; None where that isn't known."""
    when = rule.when
    if when.clients and facts.client.casefold() not in {name.casefold() for name in when.clients}:
        return False
    if when.connections and facts.connection not in when.connections:
        return False
    if when.sides and order.side not in when.sides:
        return False
    if when.order_types and order.order_type not in when.order_types:
        return False
    if not _in_time(facts.now, when):
        return False
    answers = [_at_most(facts.notional, when.max_notional), _reduces(facts.adds_risk) if when.reducing else True]
    if when.symbols:
        # What approves is for exactly what is named; what holds back is for all that goes by the name.
        goes_by = facts.meanings.one_of if rule.do is Do.APPROVE else facts.meanings.any_of
        answers.append(goes_by(when.symbols, order.symbol))
    if False in answers:
        return False
    return None if None in answers else True


def _at_most(value: Decimal | None, limit: Decimal | None) -> bool | None:
    if limit is None:
        return True
    return None if value is None else value <= limit


def _reduces(adds_risk: bool | None) -> bool | None:
    return None if adds_risk is None else not adds_risk


def _in_time(now: datetime, when: WhenSettings) -> bool:
    """Return whether it is one of the days and within the hours, as clocks in the rule's zone show them."""
    local = now.astimezone(ZoneInfo(when.time_zone))
    day = local.date()
    if when.hours:
        begins, ends = (time.fromisoformat(part) for part in when.hours.split("-"))
        at = local.time()
        if begins < ends:
            if not begins <= at < ends:
                return False
        elif at < ends:
            day -= timedelta(days=1)
        elif at < begins:
            return False
    return not when.days or _DAYS[day.weekday()] in when.days
