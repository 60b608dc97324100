"""Orders that hang together: what a fact about one of them means for the others, also where an earlier run sent them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.brackets import Left, Leg, left_of_bracket, left_of_pair, leg_of
from cockpit.brokers.ibkr.tracking import Tracker
from cockpit.model.orders import (
    BrokerFact,
    Cancelled,
    CancelRefused,
    Executed,
    Expired,
    Linkage,
    Order,
    OrderRef,
    Rejected,
    Role,
)
from cockpit.model.refusals import Refused
from cockpit.model.text import Safe, safe

LEGS: Final = {Linkage.BRACKET: 3, Linkage.OCO: 2}
TWS_FIRST: Final = 0.5
"""Seconds that TWS has to cancel the other orders of a group by itself, and to tell what belongs together."""
AGAIN: Final = 2.0
"""Seconds after which what still works is withdrawn once more, at first."""
_DOING: Final = 10.0
"""Seconds that TWS has for a cancel that it has taken."""
_MOST_SELDOM: Final = 300.0
_MOST: Final = 2000
_ROLES: Final = tuple(Role)


class Groups:
    """Sees to it that no order goes on without the one that it needs."""

    def __init__(
        self,
        tracker: Tracker,
        start: Callable[[Coroutine[Any, Any, None]], object],
        say: Callable[[Safe], None],
        cancel: Callable[[OrderRef], Awaitable[None]],
    ) -> None:
        self._tracker = tracker
        self._start = start
        self._say = say
        self._cancel = cancel
        self._groups: dict[OrderRef, tuple[Linkage, tuple[OrderRef, ...]]] = {}
        self._kept: dict[OrderRef, Order] = {}
        """How an earlier run left what it sent."""
        self._meant: dict[OrderRef, bool] = {}
        """Orders whose cancel was asked for and not refused, newest last, and whether TWS is known to have taken one."""
        self._seen_to: dict[tuple[OrderRef, ...], asyncio.Event] = {}
        """Groups that are judged until nothing of them is left to withdraw; each is judged anew when its event is set."""
        self._leaving: set[OrderRef] = set()
        """Orders whose cancel is being asked for, or was just now."""
        self._found: dict[tuple[OrderRef, ...], Linkage] = {}
        """Groups of an earlier run that were not judged in this one."""

    def tie(self, linkage: Linkage, group: tuple[OrderRef, ...]) -> None:
        """Know orders that are about to be sent together."""
        for reference in group:
            self._groups[reference] = linkage, group
        while len(self._groups) > _MOST:
            self._groups.pop(next(iter(self._groups)))

    def know(self, groups: Iterable[Sequence[Order]], meant: Iterable[OrderRef]) -> None:
        """Know groups that an earlier run sent, and which of their orders it had asked to cancel."""
        for orders in groups:
            linkage = orders[0].linkage
            if linkage is None or len(orders) != LEGS.get(linkage):
                continue
            group = tuple(one.reference for one in sorted(orders, key=lambda one: _ROLES.index(one.role)))
            self.tie(linkage, group)
            self._kept |= {one.reference: one for one in orders}
            self._found[group] = linkage
        for reference in meant:
            self.mean(reference)

    def knows(self, reference: OrderRef) -> bool:
        """Whether an order is one of a group."""
        return reference in self._groups

    def mean(self, reference: OrderRef, *, taken: bool = False) -> None:
        """Take note that an order's cancel was asked for, or taken: its end surprises nobody."""
        self._meant[reference] = self._meant.pop(reference, False) or taken
        while len(self._meant) > _MOST:
            self._meant.pop(next(iter(self._meant)))

    def look_at_found(self) -> None:
        """Judge what an earlier run left, now that the books have been read: what ended since then is told by none.

        So is what could not be withdrawn while the line was down.
        """
        found, self._found = self._found, {}
        for group, linkage in found.items():
            self._judge_soon(linkage, group)
        for judge in self._seen_to.values():
            judge.set()

    def told(self, fact: BrokerFact) -> None:
        """Withdraw what a fact makes void: the rest of a group of which one was rejected before any of it worked.

        A group that loses an order later is judged anew.

        Of a pair, TWS itself cancels the one when the other fills, unless that filled before the first had arrived.
        """
        if isinstance(fact, CancelRefused) and not self._meant.get(fact.reference):
            # One that was taken before is still what ends it.
            self._meant.pop(fact.reference, None)
        linkage, group = self._groups.get(fact.reference, (None, ()))
        if linkage is None:
            return
        legs = self._legs(group)
        mine = next((one for one in legs if one.reference == fact.reference), None)
        never = isinstance(fact, Rejected) and mine is not None and not mine.accepted
        if never:
            # TWS has not begun with it: nothing that belongs together is still to come.
            for one in self._left(linkage, legs).withdraw:
                self._start(self._withdraw(one))
        ends = isinstance(fact, Rejected | Cancelled | Expired | Executed | CancelRefused) and any(
            one.lost for one in legs
        )
        if never or ends or (linkage is Linkage.OCO and isinstance(fact, Executed)):
            self._judge_soon(linkage, group)

    def _leg(self, reference: OrderRef) -> Leg | None:
        return leg_of(self._tracker.life(reference), self._kept.get(reference), meant=reference in self._meant)

    def _legs(self, group: tuple[OrderRef, ...]) -> list[Leg]:
        return [leg for one in group if (leg := self._leg(one)) is not None]

    def _left(self, linkage: Linkage, legs: Sequence[Leg]) -> Left:
        if len(legs) != LEGS[linkage]:
            return Left()
        return left_of_bracket(*legs) if linkage is Linkage.BRACKET else left_of_pair(*legs)

    def _judge_soon(self, linkage: Linkage, group: tuple[OrderRef, ...]) -> None:
        judge = self._seen_to.get(group)
        if judge is None:
            judge = self._seen_to[group] = asyncio.Event()
            self._start(self._see_to(linkage, group, judge))
        judge.set()

    async def _see_to(self, linkage: Linkage, group: tuple[OrderRef, ...], judge: asyncio.Event) -> None:
        """See to it that nothing goes on without what it needs, until nothing does; the pauses grow longer."""
        pause = AGAIN
        try:
            while judge.is_set():
                # What belongs together has time to come.
                await asyncio.sleep(TWS_FIRST)
                judge.clear()
                left = self._left(linkage, self._legs(group))
                if left.says is not None:
                    self._say(left.says)
                withdraw = [one for one in left.withdraw if self._tracker.life(one) is not None]
                if not withdraw:
                    continue
                for one in withdraw:
                    self._start(self._withdraw(one))
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await judge.wait()
                judge.set()
                pause = min(2 * pause, _MOST_SELDOM)
        finally:
            del self._seen_to[group]

    async def _withdraw(self, reference: OrderRef) -> None:
        life = self._tracker.life(reference)
        if life is None or life.over or reference in self._leaving:
            return
        self._leaving.add(reference)
        try:
            await self._cancel(reference)
            await asyncio.sleep(_DOING)
        except (Refused, BrokerUnavailable) as problem:
            why = problem.refusal.message if isinstance(problem, Refused) else problem
            says = f"{life.symbol}: what must not go on alone could not be cancelled and may still work ({reference})."
            self._say(safe(f"{says} It is tried again. {why}", 300))
        finally:
            self._leaving.discard(reference)
