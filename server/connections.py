"""How many connections there are at a time, and who gives way.

Who opens a connection and says nothing, or says it letter by letter, costs a place only for seconds; when all places
are taken, the one who has been idle longest in the largest crowd gives way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from server.connection import Connection, Patience

_SWEEP_SECONDS: Final = 1.0


class Connections:
    """The places that there are, and who has one."""

    def __init__(self, most: int, patience: Patience | None = None) -> None:
        self.patience = Patience() if patience is None else patience
        self._most = most
        self._open: set[Connection] = set()
        self._opening: dict[asyncio.Task[None], tuple[str, float]] = {}
        self._leaving: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._open) + len(self._opening) - len(self._leaving)

    def add(self, connection: Connection) -> None:
        """Count a connection that is open."""
        self._open.add(connection)

    def discard(self, connection: Connection) -> None:
        """Count it no longer."""
        self._open.discard(connection)
        self._leaving.discard(connection)

    def opens(self, task: asyncio.Task[None], place: str) -> None:
        """Count a connection from its handshake on."""
        self._opening[task] = (place, task.get_loop().time())
        task.add_done_callback(lambda done: self._opening.pop(done, None))

    def make_room(self) -> bool:
        """Let somebody idle go if all places are taken. False where nobody is idle."""
        return len(self) < self._most or self.give_way()

    def give_way(self) -> bool:
        """Let somebody idle go. False where nobody is."""
        crowd = Counter(connection.place for connection in self._open)
        crowd.update(place for place, _ in self._opening.values())
        idle = [one for one in self._open if one.is_idle and one not in self._leaving]
        rank = [(crowd[one.place], -one.idle_until, number) for number, one in enumerate(idle)]
        opening = list(self._opening)
        for task in opening:
            place, since = self._opening[task]
            rank.append((crowd[place], -since - self.patience.idle, len(rank)))
        if not rank:
            return False
        number = max(rank)[2]
        if number < len(idle):
            self._leaving.add(idle[number])
            idle[number].force_close()
        else:
            task = opening[number - len(idle)]
            self._opening.pop(task, None)
            task.cancel()
        return True

    def sweep(self, now: float) -> None:
        """End what is too slow."""
        for connection in tuple(self._open):
            connection.end_if_slow(now, self.patience)

    async def watch(self) -> None:
        """Sweep for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.sweep(loop.time())

    async def close(self) -> None:
        """Give up every connection that is only being opened."""
        opening = tuple(self._opening)
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
