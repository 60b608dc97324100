"""What the names in limits and rules stand for on each connection: asked of its broker, and told where it is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Final

from cockpit.brokers.base import BrokerUnavailable
from cockpit.desk.connections import Connection
from cockpit.desk.risk import Meanings
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.refusals import Refused
from cockpit.model.text import safe

_ANEW: Final = 3600.0
"""Seconds after which the broker is asked again what a name stands for."""
_SOON: Final = 60.0
"""The same where it named nothing or refused: a listing may be new."""
_AT_A_TIME: Final = 4


class Naming:
    """Keeps what was told. What stood for something goes on standing for it where the broker lists it no more."""

    def __init__(self, clock: Clock, publish: Callable[[Event], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._found: dict[tuple[str, str], frozenset[str]] = {}
        self._due: dict[tuple[str, str], float] = {}
        self._told: set[tuple[str, str]] = set()

    async def meanings(self, connection: Connection, names: Collection[str]) -> Meanings:
        """Return what the names stand for; only what was never told is asked for now."""
        await self._ask(connection, [name for name in names if (connection.name, name) not in self._found])
        found = {name: self._found.get((connection.name, name)) for name in names}
        untold = frozenset(name for name, symbols in found.items() if symbols is None)
        return Meanings({name: symbols for name, symbols in found.items() if symbols is not None}, untold)

    async def look(self, connection: Connection, names: Collection[str]) -> None:
        """Ask for what was never told or long ago, and tell once of each name that stands for nothing."""
        now = self._clock.monotonic()
        await self._ask(connection, [name for name in names if self._due.get((connection.name, name), now) <= now])
        empty = {name for name in names if self._found.get((connection.name, name)) == frozenset()}
        new = sorted(name for name in empty if (connection.name, name) not in self._told)
        if new:
            self._told.update((connection.name, name) for name in new)
            says = f"{connection.name}: the broker lists nothing under names in limits or rules: {', '.join(new)}."
            self._publish(Notice(self._clock.now(), safe(says, 300), True))

    async def _ask(self, connection: Connection, names: Iterable[str]) -> None:
        """Ask what names stand for, a few at a time; one question without an answer is the last."""

        turns, silent = asyncio.Semaphore(_AT_A_TIME), False

        async def ask(name: str) -> None:
            nonlocal silent
            key = (connection.name, name)
            async with turns:
                if silent:
                    return
                try:
                    listed = await connection.broker.find(name)
                except BrokerUnavailable:
                    silent = True
                    return
                except Refused:
                    self._due[key] = self._clock.monotonic() + _SOON
                    return
            self._found[key] = frozenset(one.symbol for one in listed) or self._found.get(key, frozenset())
            self._due[key] = self._clock.monotonic() + (_ANEW if listed else _SOON)

        await asyncio.gather(*(ask(name) for name in names))
