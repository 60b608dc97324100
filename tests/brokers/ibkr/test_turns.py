"""Who goes first when many wait for the message budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from cockpit.brokers.ibkr.budget import SLACK, Budget, Lane, most
from cockpit.brokers.ibkr.turns import MOST_WAITING, PERMIT, NotSent, Permit, Turns


class Timers(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer as soon as nothing else is left to do."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0

    def time(self) -> float:
        return 1000.0 + self.jumped

    def _run_once(self) -> None:
        timers: list[Any] = self._scheduled  # type: ignore[attr-defined]  # a heap: the next one is first
        if not self._ready and timers:  # type: ignore[attr-defined]
            self.jumped = max(self.jumped, timers[0].when() - 1000.0)
        super()._run_once()  # type: ignore[misc]


def in_made_up_time(work: Awaitable[Any]) -> None:
    loop = Timers()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


def turns() -> Turns:
    return Turns(Budget(), lambda: asyncio.get_running_loop().time())


async def took(gate: Turns, lane: Lane, count: int) -> None:
    for _ in range(count):
        await gate.take(lane, 1)


async def queue_of(gate: Turns, went: list[tuple[str, float]], name: str, lane: Lane, count: int = 1) -> None:
    await gate.take(lane, count)
    went.append((name, asyncio.get_running_loop().time()))


def test_a_cancel_goes_before_orders_and_reads_that_wait_longer() -> None:
    async def work() -> None:
        gate, went = turns(), list[tuple[str, float]]()
        await took(gate, Lane.CANCEL, 40)
        reads = [asyncio.create_task(queue_of(gate, went, "read", Lane.READ)) for _ in range(150)]
        await asyncio.sleep(0)
        orders = [asyncio.create_task(queue_of(gate, went, "order", Lane.ORDER)) for _ in range(3)]
        await asyncio.sleep(0)
        cancel = asyncio.create_task(queue_of(gate, went, "cancel", Lane.CANCEL))
        await asyncio.gather(cancel, *orders, *reads)
        assert [name for name, _ in went[:5]] == ["cancel", "order", "order", "order", "read"]

    in_made_up_time(work())


def test_a_cancel_does_not_wait_at_all_behind_a_hundred_and_fifty_reads() -> None:
    async def work() -> None:
        gate, went = turns(), list[tuple[str, float]]()
        reads = [asyncio.create_task(queue_of(gate, went, "read", Lane.READ)) for _ in range(150)]
        await asyncio.sleep(0)
        assert gate.waiting(Lane.READ) == 150 - most(Lane.READ, 0)
        before = asyncio.get_running_loop().time()
        await queue_of(gate, went, "order", Lane.ORDER)
        await queue_of(gate, went, "cancel", Lane.CANCEL)
        assert asyncio.get_running_loop().time() == before
        await asyncio.gather(*reads)

    in_made_up_time(work())


def test_a_kill_goes_at_once_whatever_left_before_it_and_however_many_orders_rest() -> None:
    async def work() -> None:
        gate, went = turns(), list[tuple[str, float]]()
        gate.resting = lambda: 20
        others = [asyncio.create_task(queue_of(gate, went, "other", lane)) for lane in (Lane.READ, Lane.ORDER) * 50]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        begun = asyncio.get_running_loop().time()
        assert went != []
        await took(gate, Lane.CANCEL, 20)
        assert asyncio.get_running_loop().time() == begun
        await asyncio.gather(*others)

    in_made_up_time(work())


def test_a_large_request_is_not_starved_by_small_ones_of_its_lane() -> None:
    async def work() -> None:
        gate, went = turns(), list[tuple[str, float]]()
        await took(gate, Lane.READ, 25)
        waiting = [asyncio.create_task(queue_of(gate, went, "large", Lane.READ, 9))]
        await asyncio.sleep(0)
        waiting += [asyncio.create_task(queue_of(gate, went, "small", Lane.READ)) for _ in range(50)]
        await asyncio.gather(*waiting)
        assert went[0][0] == "large"

    in_made_up_time(work())


def test_whoever_gives_up_waiting_takes_nothing_from_the_budget() -> None:
    async def work() -> None:
        gate, went = turns(), list[tuple[str, float]]()
        begun = asyncio.get_running_loop().time()
        await took(gate, Lane.READ, 25)
        given_up = asyncio.create_task(queue_of(gate, went, "given up", Lane.READ, 9))
        await asyncio.sleep(0)
        behind = asyncio.create_task(queue_of(gate, went, "behind", Lane.READ, 3))
        await asyncio.sleep(0)
        given_up.cancel()
        await behind
        await queue_of(gate, went, "next", Lane.READ, 2)
        assert went == [("behind", begun), ("next", begun)]

    in_made_up_time(work())


async def test_all_who_wait_are_turned_away_when_the_line_breaks() -> None:
    gate = turns()
    await took(gate, Lane.READ, 30)
    waiting = [asyncio.create_task(gate.take(Lane.READ, 1)) for _ in range(3)]
    await asyncio.sleep(0)
    gate.abandon("the line broke")
    for one in waiting:
        with pytest.raises(NotSent, match="the line broke"):
            await one


async def test_a_crowd_that_is_too_large_is_turned_away_at_once() -> None:
    gate = turns()
    await took(gate, Lane.READ, 30)
    waiting = [asyncio.create_task(gate.take(Lane.READ, 1)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(NotSent, match="too many requests"):
        await gate.take(Lane.READ, 1)
    gate.abandon("over")
    await asyncio.gather(*waiting, return_exceptions=True)


def test_a_permit_that_grew_old_counts_anew_at_the_socket() -> None:
    now = [0.0]
    gate = Turns(Budget(), lambda: now[0])
    PERMIT.set(Permit(Lane.READ, 100, now[0]))
    for _ in range(50):
        gate.at_socket()
    now[0] += SLACK * 1.01
    for _ in range(most(Lane.READ, 0)):
        gate.at_socket()
    with pytest.raises(NotSent, match="used up"):
        gate.at_socket()


async def test_a_turn_that_comes_while_the_loop_stands_still_is_taken_anew() -> None:
    now = [0.0]
    gate = Turns(Budget(), lambda: now[0])
    await took(gate, Lane.READ, 30)
    waiting = asyncio.create_task(gate.take(Lane.READ, 1))
    await asyncio.sleep(0)
    now[0] = 1.2
    await gate.take(Lane.CANCEL, 1)
    now[0] += 5 * SLACK
    assert (await waiting).at == now[0]
