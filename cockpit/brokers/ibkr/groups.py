"""Orders that hang together: what a fact about one of them means for the others, also where an earlier run sent them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.brackets import Leg, left_of_bracket, left_of_pair, leg_of
from cockpit.brokers.ibkr.tracking import Tracker
from cockpit.model.money import ZERO
from cockpit.model.orders import (
    BrokerFact,
    Cancelled,
    Executed,
    Expired,
    Linkage,
    Order,
    OrderRef,
    Rejected,
    Role,
)
from cockpit.model.refusals import Refused
from cockpit.model.text import Safe

LEGS: Final = {Linkage.BRACKET: 3, Linkage.OCO: 2}
TWS_FIRST: Final = 0.5
"""Seconds that TWS has to cancel the other orders of a group by itself, and to tell what belongs together."""
_MOST: Final = 2000
_ROLES: Final = tuple(Role)

_LOG: Final = logging.getLogger(__name__)


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
        self._meant: dict[OrderRef, None] = {}
        """Orders whose cancel was asked for, newest last."""
        self._judged: set[tuple[OrderRef, ...]] = set()
        """Groups that are about to be judged."""
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

    def mean(self, reference: OrderRef) -> None:
        """Take note that an order's cancel was asked for: its end surprises nobody."""
        self._meant[reference] = None
        while len(self._meant) > _MOST:
            self._meant.pop(next(iter(self._meant)))

    def look_at_found(self) -> None:
        """Judge what an earlier run left, now that the books have been read: what ended since then is told by none."""
        found, self._found = self._found, {}
        for group, linkage in found.items():
            self._judge_soon(linkage, group)

    def told(self, fact: BrokerFact) -> None:
        """Withdraw what a fact makes void: the rest of a group of which one was rejected before any of it worked.

        A group that loses an order later is judged anew.

        Of a pair, TWS itself cancels the one when the other fills, unless that filled before the first had arrived.
        """
        linkage, group = self._groups.get(fact.reference, (None, ()))
        if linkage is None:
            return
        legs = [leg for one in group if (leg := self._leg(one)) is not None]
        others = [one.reference for one in legs if one.reference != fact.reference]
        match fact:
            case Rejected():
                taken = any(one.accepted for one in legs if one.reference == fact.reference)
                if not taken and all(one.filled == ZERO for one in legs):
                    for one in others:
                        self._start(self._withdraw(one, 0.0))
            case Executed() if linkage is Linkage.OCO:
                for one in others:
                    self._start(self._withdraw(one, TWS_FIRST))
            case _:
                pass
        if isinstance(fact, Rejected | Cancelled | Expired | Executed) and any(one.lost for one in legs):
            self._judge_soon(linkage, group)

    def _leg(self, reference: OrderRef) -> Leg | None:
        return leg_of(self._tracker.life(reference), self._kept.get(reference), meant=reference in self._meant)

    def _judge_soon(self, linkage: Linkage, group: tuple[OrderRef, ...]) -> None:
        if group not in self._judged:
            self._judged.add(group)
            self._start(self._judge(linkage, group))

    async def _judge(self, linkage: Linkage, group: tuple[OrderRef, ...]) -> None:
        """See to it that nothing goes on without what it needs, once what belongs together had time to come."""
        await asyncio.sleep(TWS_FIRST)
        self._judged.discard(group)
        legs = [leg for one in group if (leg := self._leg(one)) is not None]
        if len(legs) != LEGS[linkage]:
            return
        left = left_of_bracket(*legs) if linkage is Linkage.BRACKET else left_of_pair(*legs)
        if left.says is not None:
            self._say(left.says)
        for one in left.withdraw:
            self._start(self._withdraw(one, 0.0))

    async def _withdraw(self, reference: OrderRef, after: float) -> None:
        await asyncio.sleep(after)
        life = self._tracker.life(reference)
        if life is None or life.over:
            return
        try:
            await self._cancel(reference)
        except (Refused, BrokerUnavailable) as problem:
            _LOG.warning("what belonged to an order that ended could not be cancelled: %s", problem)
