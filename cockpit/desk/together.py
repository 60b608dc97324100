"""One judgement over everything that is decided on together, each order on top of those that would go with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from cockpit.desk.connections import Connection
from cockpit.desk.groups import Wanted, inconsistency, told_together, whole_of
from cockpit.desk.observer import Judged, Observer
from cockpit.desk.risk import Linked, refusal_of
from cockpit.desk.surroundings import provisional
from cockpit.model.checks import CheckResult
from cockpit.model.identity import Scope
from cockpit.model.money import ZERO
from cockpit.model.orders import Linkage, Order, OrderId
from cockpit.model.refusals import Refusal, refuse

_PRICE_LASTS: Final = timedelta(seconds=1)
"""How much older the price of one order may be than that of the one judged last, before it is judged on a newer one."""


@dataclass(frozen=True, slots=True)
class JudgedTogether:
    """What was wanted, with what was found of each order."""

    wanted: Wanted
    judged: tuple[Judged, ...]
    whole: Judged | None = None
    """A split order as if it were sent in one."""

    @property
    def head(self) -> Judged:
        """What was found of the first order."""
        return self.judged[0]

    def checks(self) -> tuple[CheckResult, ...]:
        """Return the checks of the first, or of the whole, and what failed of the others."""
        first = self.head if self.whole is None else self.whole
        return told_together(self.wanted, [first.checks, *(one.checks for one in self.judged[1:])])

    def each_checks(self) -> tuple[tuple[CheckResult, ...], ...]:
        """Return the checks as they are kept with each order: the first one's tell of all."""
        return self.checks(), *(one.checks for one in self.judged[1:])

    def notional(self) -> Decimal | None:
        """Return the worst-case value of it all: linked orders never all fill, others may."""
        values = [one.notional for one in self.judged if one.notional is not None]
        if len(values) < len(self.judged):
            return None
        if self.wanted.linkage is Linkage.BRACKET:
            return values[0]
        return max(values) if self.wanted.linkage is Linkage.OCO else sum(values, ZERO)

    def opens(self) -> tuple[bool, ...]:
        """Return of each order whether it adds risk, on top of those before it."""
        return tuple(one.seen.adds_risk(one.request) for one in self.judged)

    def refusal(self) -> Refusal | None:
        """Return why nothing of it may be sent; None where all of it may."""
        fault = inconsistency(self.wanted, self.head.seen.touch(self.head.request.side))
        if fault is not None:
            return fault
        refusal = refusal_of(self.checks())
        if refusal is not None:
            return refusal
        for leg, one in zip(self.wanted.legs, self.judged, strict=True):
            held = one.seen.position
            if leg.expected_position is None:
                continue
            if held != leg.expected_position:
                return refuse("POSITION_CHANGED", symbol=leg.request.symbol, then=leg.expected_position, now=held)
            if leg.request.quantity <= -held * leg.request.side.sign and one.seen.opening(leg.request) > ZERO:
                says = "Other open orders close it too; this one would open a position."
                return refuse("POSITION_CHANGED", says, symbol=leg.request.symbol, held=held)
        return None


async def judge_together(
    observer: Observer,
    connection: Connection,
    wanted: Wanted,
    *,
    but: OrderId | None = None,
    client: str = "",
    scopes: frozenset[Scope] | None = None,
    by_operator: bool = False,
    told: bool | None = None,
) -> JudgedTogether:
    """Check every order of it on fresh facts, and a split one as a whole too. Raises Refused.

    ``told`` is whether the broker told just now what others have open; None where each look asks for it.
    """
    judged: list[Judged] = []
    earlier: list[Order] = []
    whole = whole_of(wanted)
    as_one = None if whole is None else await observer.judge(connection, whole, but=but, client=client, scopes=scopes)
    for place, leg in enumerate(wanted.legs):
        one = await observer.judge(
            connection,
            leg.request,
            but=but,
            earlier=earlier,
            client=client,
            scopes=scopes,
            linked=_linked(wanted, place),
            previewed_at=None if place else wanted.previewed_at,
            by_operator=by_operator,
            told=told,
        )
        judged.append(one)
        earlier.append(provisional(connection.name, client, wanted, place, one.request, one.unit_worth, one.seen.now))
    newest = judged[-1].seen.now

    async def fresh(one: Judged) -> Judged:
        return one if newest - one.seen.now <= _PRICE_LASTS else await observer.priced(connection, one)

    as_one = None if as_one is None else await fresh(as_one)
    return JudgedTogether(wanted, tuple([await fresh(one) for one in judged]), as_one)


def _linked(wanted: Wanted, place: int) -> Linked | None:
    if wanted.linkage is None:
        return None
    others = tuple((leg.role, leg.request) for at, leg in enumerate(wanted.legs) if at != place)
    return Linked(wanted.linkage, wanted.legs[place].role, others)
