"""Requests that wait for an answer: at most one of a kind at a time, each bounded, none without its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ib_async.wrapper import RequestError

from cockpit.brokers.base import BrokerUnavailable
from cockpit.brokers.ibkr.budget import Lane
from cockpit.brokers.ibkr.causes import masked
from cockpit.brokers.ibkr.guard import Unsendable
from cockpit.brokers.ibkr.tap import CockpitIB
from cockpit.brokers.ibkr.turns import PERMIT, NotSent, Turns
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe, safe

LINGER: Final = 30.0
"""Seconds that a request with a key is still waited for after everybody gave it up.

ib_async has one place for the answer of such a request: a second one that is sent while the first is unanswered would
get the first one's answer, or half of it.
"""

_T = TypeVar("_T")
_LONG: Final = 500


class Told(Exception):
    """The other side answered with an error instead of data."""

    def __init__(self, code: int, text: Safe) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


@dataclass(slots=True, eq=False)
class _Flight:
    """One request, and those who wait for it."""

    answer: asyncio.Future[Any]
    lane: Lane
    task: asyncio.Task[None] | None = None
    sent: bool = False
    waiting: int = field(default=0)


class Flights:
    """The requests of one connection."""

    def __init__(self, ib: CockpitIB, turns: Turns) -> None:
        self._ib = ib
        self._turns = turns
        self._by_key: dict[str, list[_Flight]] = {}
        self._all: set[_Flight] = set()
        self._over: str | None = None

    async def read(
        self,
        key: str,
        call: Callable[[CockpitIB], Awaitable[_T]],
        *,
        within: float,
        messages: int,
        shared: bool = False,
        lane: Lane = Lane.READ,
    ) -> _T:
        """Ask, and return the answer.

        Whoever comes with the key of a request that has not left yet joins it; one that has left is joined only where
        ``shared``, otherwise the next is sent after its answer, so that an answer is never older than its question.
        """
        if self._over is not None:
            raise BrokerUnavailable(self._over)
        flight = self._joined(key, shared) or self._new(key, call, messages, lane, within + LINGER)
        if lane < flight.lane and not flight.sent:
            flight.lane = lane
            self._turns.hurry(flight, lane)
        flight.waiting += 1
        try:
            async with asyncio.timeout(within):
                return await asyncio.shield(flight.answer)
        except TimeoutError:
            state = "no answer to" if flight.sent else "no turn for"
            raise BrokerUnavailable(f"{state} {key or 'a request'} within {within:g} s") from None
        finally:
            flight.waiting -= 1
            if not flight.waiting and not (key and flight.sent) and flight.task is not None:
                flight.task.cancel()

    def end(self, why: str) -> None:
        """Give up all requests: the line broke."""
        self._over = why
        for flight in tuple(self._all):
            if not flight.answer.done():
                flight.answer.set_exception(BrokerUnavailable(why))
            if flight.task is not None:
                flight.task.cancel()

    def _joined(self, key: str, shared: bool) -> _Flight | None:
        flights = self._by_key.get(key)
        if not key or not flights:
            return None
        last = flights[-1]
        return last if (shared or not last.sent) and not last.answer.done() else None

    def _new(
        self, key: str, call: Callable[[CockpitIB], Awaitable[Any]], messages: int, lane: Lane, patience: float
    ) -> _Flight:
        flight = _Flight(asyncio.get_running_loop().create_future(), lane)
        flight.answer.add_done_callback(_seen)
        before = self._by_key.setdefault(key, []) if key else []
        after = before[-1].task if before else None
        flight.task = asyncio.create_task(self._fly(flight, after, call, messages, patience), name=f"ask {key}")
        self._all.add(flight)
        before.append(flight)
        flight.task.add_done_callback(lambda task: self._landed(key, flight))
        return flight

    def _landed(self, key: str, flight: _Flight) -> None:
        self._all.discard(flight)
        if not flight.answer.done():
            flight.answer.set_exception(BrokerUnavailable("the request was given up"))
        flights = self._by_key.get(key)
        if flights and flight in flights:
            flights.remove(flight)
            if not flights:
                del self._by_key[key]

    async def _fly(
        self,
        flight: _Flight,
        after: asyncio.Task[None] | None,
        call: Callable[[CockpitIB], Awaitable[Any]],
        messages: int,
        patience: float,
    ) -> None:
        try:
            if after is not None and not after.done():
                await asyncio.wait({after})
            PERMIT.set(await self._turns.take(flight.lane, messages, flight))
            flight.sent = True
            async with asyncio.timeout(patience):
                answer = await call(self._ib)
        except Exception as problem:  # noqa: BLE001 - whatever a decoder raises belongs to whoever asked
            if not flight.answer.done():
                flight.answer.set_exception(_for_the_asker(problem))
        else:
            if not flight.answer.done():
                flight.answer.set_result(answer)


def _for_the_asker(problem: Exception) -> Exception:
    match problem:
        case RequestError():
            return Told(problem.code, safe(masked(problem.message), _LONG))
        case Unsendable():
            return Refused(refuse("BAD_ARGUMENTS", f"Interactive Brokers can't be asked that: {problem}."))
        case NotSent():
            return BrokerUnavailable(f"it was not sent: {problem}")
        case TimeoutError():
            return BrokerUnavailable("no answer came")
        case ConnectionError():
            return BrokerUnavailable("the line broke")
        case _:
            return problem


def _seen(answer: asyncio.Future[Any]) -> None:
    """Take note of an error that nobody waits for any more."""
    if not answer.cancelled():
        answer.exception()
