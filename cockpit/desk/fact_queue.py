"""A broker's facts in the order of their arrival, and whether all of them have been applied."""

from __future__ import annotations

import asyncio
from collections import deque

from cockpit.model.orders import BrokerFact


class FactQueue:
    """What brokers said of orders, and what is said of them here, until it is applied."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, BrokerFact]] = deque()
        """Each with the connection whose broker says it; empty where it is said here."""
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def put(self, fact: BrokerFact, connection: str = "") -> None:
        """Take a fact; never waits."""
        self._waiting.append((connection, fact))
        self._none.clear()
        self._some.set()

    def put_back(self, connection: str, facts: list[BrokerFact]) -> None:
        """Put facts behind those of other orders, and before what came later about their own."""
        same = [one for one in self._waiting if one[1].reference == facts[0].reference]
        others = [one for one in self._waiting if one[1].reference != facts[0].reference]
        self._waiting = deque((*others, *((connection, fact) for fact in facts), *same))
        self._none.clear()
        self._some.set()

    async def of_one_order(self) -> tuple[str, list[BrokerFact]]:
        """Wait for the next fact and return it with those that the same side said of the same order right behind it."""
        if not self._waiting:
            self._none.set()
            self._some.clear()
        await self._some.wait()
        connection, fact = self._waiting.popleft()
        facts = [fact]
        while self._waiting and (self._waiting[0][0], self._waiting[0][1].reference) == (connection, fact.reference):
            facts.append(self._waiting.popleft()[1])
        return connection, facts

    async def applied(self) -> None:
        """Wait until whoever applies facts asks for more and there is none."""
        await self._none.wait()
