"""All deaths: every step of every act, with every fault; and what must hold after each of them."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cockpit.desk.groups import AT_THE_BROKER
from cockpit.model.money import ZERO
from cockpit.model.orders import DONE, BrokerOrder, GroupId, Order, OrderRef, OrderState
from cockpit.model.trading import TradingState
from tests.desk.desks import Desk, place
from tests.outside import victim
from tests.outside.acts import KEY, asks, order_of
from tests.outside.adapter import OutsideBroker
from tests.outside.control import Outside
from tests.outside.desks import WallClock, desk_outside, notices
from tests.outside.exchange import references
from tests.outside.victim import Case

FAULTS: Final = (
    "",
    "drop_before",
    "drop_after",
    "silent",
    "silent_after",
    "duplicate",
    "late",
    "reorder",
    "facts_first",
    "reject",
    "restart",
    "slow",
)


def _around(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}.{when}" for name in names for when in ("before", "after"))


def _wire(name: str) -> tuple[str, ...]:
    return f"{name}.before", f"{name}.sent", f"{name}.answered"


_SECOND: Final = tuple(f"{step} 2" for step in _wire("submit"))
"""In the middle of what is sent one by one."""
STEPS: Final = {
    "approve": (*_around("approved"), *_wire("submit"), *_around("fact"), "end"),
    "rule": (*_around("asked", "approved"), *_wire("submit"), *_around("fact"), "end"),
    "confirm": (*_around("confirmed", "approved"), *_wire("submit"), *_around("fact"), "end"),
    "bracket": (*_around("approved"), *_wire("submit_linked"), *_around("fact"), "end"),
    "oco": (*_around("approved"), *_wire("submit_linked"), *_around("fact"), "end"),
    "basket": (*_around("approved"), *_wire("submit"), *_SECOND, *_around("fact"), "end"),
    "modify": (*_around("change_sent"), *_wire("replace"), *_around("fact"), "end"),
    "modify_leg": (*_around("change_sent"), *_wire("replace"), *_around("fact"), "end"),
    "cancel": (*_around("cancel_asked"), *_wire("cancel"), *_around("fact"), "end"),
    "kill": (*_around("marker", "switch", "voided"), *_wire("cancel"), *_around("fact"), "end"),
}
_MADE_OF_OTHERS: Final = frozenset({"rule", "confirm", "bracket", "oco", "basket", "modify_leg"})
"""Acts that come to the broker by the way of the others."""
_MAY_FILL: Final = _MADE_OF_OTHERS | {"approve"}
_FORKS: Final = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.outside.victim"])


def every_case() -> Iterator[Case]:
    """Return every step of every act with every fault."""
    for fills in (False, True):
        yield from (Case("place", step, "", fills) for step in _around("asked"))
    number = itertools.count()
    for act, steps in STEPS.items():
        for step, fault in itertools.product(steps, FAULTS):
            yield Case(act, step, fault, fills=act in _MAY_FILL and next(number) % 2 == 1)


def some_cases() -> list[Case]:
    """Return every step of every act: the first ones of old, each with two faults, so that every fault comes with every
    act; of those that are made of them, each with one."""
    cases = [Case("place", step, "", fills=False) for step in _around("asked")]
    fault = itertools.cycle(FAULTS)
    for act, steps in STEPS.items():
        for place_, step in enumerate(steps):
            if act in _MADE_OF_OTHERS:
                cases.append(Case(act, step, next(fault), fills=place_ % 2 == 1))
                continue
            for turn in range(2):
                cases.append(
                    Case(act, step, FAULTS[(2 * place_ + turn) % len(FAULTS)], fills=act == "approve" and turn == 1)
                )
    return cases


async def die_and_rise(case: Case, folder: Path, outside: Outside) -> bool:
    """Have a desk killed as the case says, start it again, and look whether all is true.

    Returns whether it died at its step: a fault may keep a cockpit from ever coming to it.
    """
    await outside.reset()
    dying = _FORKS.Process(target=victim.run, args=(case, str(folder), outside.port))
    dying.start()
    await asyncio.to_thread(dying.join)
    assert dying.exitcode == -signal.SIGKILL, f"{case}: exit code {dying.exitcode}"
    await outside.heal()
    await outside.settle()
    clock = WallClock()
    broker = OutsideBroker(outside.port, patience=2.0)
    async with desk_outside(folder, broker, clock=clock) as desk:
        truth = await outside.books()
        _look(case, desk, truth, must_know=False)
        # Five seconds later and with the line up, nothing is left in doubt.
        clock.pass_time(6)
        await desk.decisions.reconcile()
        truth = await outside.books()
        _look(case, desk, truth, must_know=True)
        await _look_at_requests(case, desk, outside)
        verdict = await desk.store.audit_verify()
        assert verdict.ok, f"{case}: {verdict}"
        _look_at_groups(case, desk, truth)
        if case.act in {"place", "rule", "confirm"}:
            await _ask_again(case, desk)
        if case.act == "kill":
            _look_at_switch(case, desk)
    return case.step == "end" or victim.note_of(folder).exists()


def _look(case: Case, desk: Desk, truth: dict[OrderRef, BrokerOrder], *, must_know: bool) -> None:
    ours = {order.reference: order for order in desk.book.all()}
    assert truth.keys() <= ours.keys(), f"{case}: lost {truth.keys() - ours.keys()}"
    for order in ours.values():
        if order.state is OrderState.UNKNOWN and not must_know:
            assert any(order.order_id in text for text in notices(desk)), f"{case}: unknown without a notice"
            continue
        theirs = truth.get(order.reference)
        if theirs is None:
            assert order.state in DONE | {OrderState.PENDING}, f"{case}: {order.state}, but the broker has nothing"
            assert order.filled == ZERO, f"{case}: filled {order.filled}, but the broker has nothing"
        else:
            _same(case, order, theirs)


def _same(case: Case, order: Order, theirs: BrokerOrder) -> None:
    filled = sum((one.quantity for one in theirs.executions), ZERO)
    assert (order.state, order.filled) == (theirs.state, filled), f"{case}: {order.state} {order.filled} {theirs}"
    assert order.request == theirs.request, f"{case}: {order.request.words()}, the broker {theirs.request.words()}"


def _look_at_groups(case: Case, desk: Desk, truth: dict[OrderRef, BrokerOrder]) -> None:
    """The broker has all of what it has to keep together, or nothing; what waits together still does."""
    groups: dict[GroupId, list[Order]] = {}
    for order in desk.book.all():
        if order.group_id is not None:
            groups.setdefault(order.group_id, []).append(order)
    for orders in groups.values():
        there = [order for order in orders if order.reference in truth]
        if orders[0].linkage in AT_THE_BROKER:
            assert len(there) in {0, len(orders)}, f"{case}: a part of a group was sent"
        waiting = [order for order in orders if order.state is OrderState.PENDING]
        assert len(waiting) in {0, len(orders)}, f"{case}: a part of a group waits"


async def _look_at_requests(case: Case, desk: Desk, outside: Outside) -> None:
    ours = {order.reference for order in desk.book.all()}
    journal = await outside.journal()
    sent = [line for line in journal if line["do"] in {"submit", "submit_linked"}]
    submits = Counter(reference for line in sent for reference in references(line))
    assert set(submits) <= ours, f"{case}: sent and forgotten"
    assert all(times == 1 for times in submits.values()), f"{case}: sent twice: {submits}"
    replaces = Counter((line["reference"], str(line["request"])) for line in journal if line["do"] == "replace")
    assert all(times == 1 for times in replaces.values()), f"{case}: changed twice: {replaces}"


async def _ask_again(case: Case, desk: Desk) -> None:
    """The same key and request is the same order, or the first one where the first time never reached the disk."""
    before = {order.order_id: order.version for order in desk.book.all()}
    again = await place(desk, desk.grants.give(asks(case.act)), order_of(case.fills), KEY)
    after = {order.order_id: order.version for order in desk.book.all()}
    assert after == (before or {again.order_id: again.version}), f"{case}: {before} became {after}"


def _look_at_switch(case: Case, desk: Desk) -> None:
    if case.step != "marker.before":
        assert desk.switch.state is TradingState.KILLED, f"{case}: {desk.switch.state} after a kill"
