"""All checks in the order in which they are shown, and the one function that runs them: always all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cockpit.desk.risk import conflicts, data, exposure, losses, pace, prices, size, standing, terms
from cockpit.desk.risk.seen import Seen
from cockpit.desk.risk.verdicts import Check
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
    return tuple([one(order, seen, policy) for one in CHECKS])


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
