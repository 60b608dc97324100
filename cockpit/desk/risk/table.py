"""All checks in the order in which they are shown, and the one function that runs them: always all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cockpit.desk.risk import conflicts, data, exposure, losses, pace, prices, size, standing, terms
from cockpit.desk.risk.seen import Seen
from cockpit.desk.risk.verdicts import Check, OnClose
from cockpit.model.checks import CheckResult
from cockpit.model.orders import OrderRequest
from cockpit.model.refusals import Refusal, refuse
from cockpit.settings.policy import PolicySettings

CHECKS: Final[tuple[Check, ...]] = (
    *standing.CHECKS,
    *terms.CHECKS,
    *data.CHECKS,
    *size.CHECKS,
    *prices.CHECKS,
    *exposure.CHECKS,
    *losses.CHECKS,
    *pace.CHECKS,
    *conflicts.CHECKS,
)


def evaluate(order: OrderRequest, seen: Seen, policy: PolicySettings) -> tuple[CheckResult, ...]:
    """Run every check, always all of them, in the order of the table."""
    known = _as_known(order, seen, policy)
    return tuple([one(order, known if one.on_close is OnClose.REFUSES_KNOWN else seen, policy) for one in CHECKS])


def warnings_of(order: OrderRequest, seen: Seen, policy: PolicySettings) -> tuple[CheckResult, ...]:
    """Return what would refuse a client's order and only warns where the operator closes by hand."""
    if not seen.closes_by_hand(order):
        return ()
    as_clients, known = replace(seen, by_operator=False), _as_known(order, seen, policy)
    found = (
        (one(order, as_clients, policy), one(order, known, policy))
        for one in CHECKS
        if one.on_close in {OnClose.WARNS, OnClose.REFUSES_KNOWN}
    )
    return tuple(strict for strict, told in found if told.ok and not strict.ok)


def _as_known(order: OrderRequest, seen: Seen, policy: PolicySettings) -> Seen:
    """Return what may refuse a closing by hand: a price that nobody may trust says neither yes nor no."""
    if not seen.closes_by_hand(order) or data.is_priced(order, seen, policy):
        return seen
    return replace(seen, quote=None, halted=None)


def evaluate_entry(entry: OrderRequest, seen: Seen, policy: PolicySettings) -> tuple[CheckResult, ...]:
    """Run the checks that judge an entry by its exits; an entry that works needs no other again when an exit changes."""
    return tuple([one(entry, seen, policy) for one in CHECKS if one.of_exits])


def refusal_of(results: Sequence[CheckResult]) -> Refusal | None:
    """Return the first refusal, with every refusal's facts in its details; None where all passed."""
    failed = [result for result in results if not result.ok]
    if not failed:
        return None
    first = failed[0]
    return refuse(first.code, first.message, **{result.code: result.message for result in failed})
