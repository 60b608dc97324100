"""How a check is declared and what it may find: passed, refused, or nothing to say about this order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple, TypeVar

from cockpit.desk.risk.seen import Seen
from cockpit.model.checks import Applies, CheckResult
from cockpit.model.money import plain
from cockpit.model.orders import OrderRequest
from cockpit.model.refusals import REFUSALS
from cockpit.settings.policy import PolicySettings

T = TypeVar("T")


class MissingInput(Exception):
    """Something that the check needs isn't known: the order is refused for it."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class OnClose(StrEnum):
    """What a check is to an order by which the operator closes by hand and opens nothing.

    A price that can't be trusted must never keep him in a position; what the order itself, the account or the venue
    says still holds.
    """

    REFUSES = "refuses"
    """The same as to a client's order."""
    REFUSES_KNOWN = "refuses_known"
    """It refuses by what is known, prices only where they are young and live; for what nobody knows it warns."""
    WARNS = "warns"
    """It says what it finds and lets him decide."""
    SKIPPED = "skipped"
    """It is there to hold clients back, and says nothing."""


class Verdict(NamedTuple):
    """What a check found."""

    ok: bool
    limit: str
    value: str
    says: str
    applies: Applies = Applies.YES
    code: str = ""
    """Where a check has more than one: which."""


@lru_cache(maxsize=1024)
def _result(found: Verdict, code: str) -> CheckResult:
    """Write a verdict as the rest of the product knows it. Kept, because most checks say the same each time."""
    kind = REFUSALS[code]
    return CheckResult(code, found.ok, found.limit, found.value, found.says, kind.retryable, kind.who, found.applies)


Judge = Callable[[OrderRequest, Seen, PolicySettings], Verdict]


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence that every order must satisfy, with where it comes from and what it needs to know."""

    row: str
    """Its row in the table of checks: G authority, V terms, D data, P prices, S size, E exposure, L losses, R activity, X conflicts."""
    code: str
    says: str
    source: str
    parameters: tuple[str, ...]
    """Limits of the policy that it applies."""
    inputs: tuple[str, ...]
    """Fields of Seen without which it refuses, where it applies."""
    judge: Judge
    advisory: bool
    """Whether it only shows; such a check never refuses."""
    of_exits: bool
    """Whether it judges an entry by its exits: the entry is judged again where one of them changes."""
    on_close: OnClose = OnClose.REFUSES

    def __call__(self, order: OrderRequest, seen: Seen, policy: PolicySettings) -> CheckResult:
        """Judge an order. Pure, and never raises."""
        by_hand = self.on_close is not OnClose.REFUSES and seen.closes_by_hand(order)
        if by_hand and self.on_close is OnClose.SKIPPED:
            return _result(BY_HAND, self.code)
        warns = by_hand and self.on_close is OnClose.WARNS
        try:
            found = self.judge(order, seen, policy)
        except MissingInput as missing:
            warns = by_hand
            found = Verdict(self.advisory, "", "unknown", f"Not known: {missing.what}.")
        except ArithmeticError:
            warns = by_hand
            found = Verdict(self.advisory, "", "unknown", "What the broker says can't be reckoned with.")
        if warns and not found.ok:
            found = found._replace(ok=True, says=f"{WARNING}{found.says}")
        return _result(found, found.code or self.code)


def check(
    row: str,
    code: str,
    source: str,
    *,
    parameters: tuple[str, ...] = (),
    inputs: tuple[str, ...] = (),
    advisory: bool = False,
    of_exits: bool = False,
    on_close: OnClose = OnClose.REFUSES,
) -> Callable[[Judge], Check]:
    """Declare a check; its sentence is the first line of the function's docstring."""

    def declared(judge: Judge) -> Check:
        sentence = (judge.__doc__ or "").strip().splitlines()[0]
        return Check(row, code, sentence, source, parameters, inputs, judge, advisory, of_exits, on_close)

    return declared


def known(value: T | None, what: str) -> T:
    """Return a value that the check can't do without."""
    if value is None:
        raise MissingInput(what)
    return value


def idle(says: str) -> Verdict:
    """Say that the check has nothing to say about this order, and why."""
    return Verdict(True, "", "", says, Applies.NOT_APPLICABLE)


def judged(ok: bool, limit: str, value: str, says: str, code: str = "") -> Verdict:
    """Return a verdict on a fact."""
    return Verdict(ok, limit, value, says, Applies.YES, code)


def at_most(limit: Decimal | int, value: Decimal | int, what: str, write: Callable[[Decimal], str] = plain) -> Verdict:
    """Pass a value up to the limit, the limit included."""
    least, most = write(Decimal(value)), write(Decimal(limit))
    return Verdict(value <= limit, most, least, f"{what} {least}, at most {most}.")


@lru_cache(maxsize=256)
def listed(words: frozenset[str]) -> str:
    """Write what is allowed, in alphabetical order."""
    return ", ".join(sorted(words))


def percent(share: Decimal) -> str:
    """Write a share as a percentage."""
    return f"{share * 100:.2f} %"


WARNING: Final = "Warning: "
"""How the words of a check begin that has something against an order and doesn't refuse it."""
ONLY_REDUCES: Final = idle("The order only reduces.")
LOWERS: Final = idle("The change only lowers the risk.")
PAPER: Final = idle("Only where the money is real.")
NOBODY: Final = idle("No client is meant.")
BY_HAND: Final = idle("The operator closes by hand.")
