"""Who is looked after next, where a round can't look after everything: one thing of each client in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence


class Turns:
    """Remembers where each client's turn ended, so that nobody who wants much holds up the others."""

    def __init__(self, most: int) -> None:
        """``most`` things are looked at in one round."""
        self._most = most
        self._rounds = 0
        self._places: dict[str, int] = {}

    def round(self, wanted: Mapping[str, Sequence[str]], resting: Collection[str] = ()) -> Iterator[tuple[str, str]]:
        """Give client and thing, each thing once. Only what is taken counts as looked at. ``resting`` may grow
        meanwhile: what those clients want waits for the next round.
        """
        self._places = {client: place for client, place in self._places.items() if client in wanted}
        clients = deque(sorted(client for client in wanted if wanted[client]))
        clients.rotate(-self._rounds)
        self._rounds += 1
        left = {client: len(wanted[client]) for client in clients}
        given: set[str] = set()
        while clients and len(given) < self._most:
            client = clients.popleft()
            if client in resting:
                continue
            place = self._places.get(client, 0) % len(wanted[client])
            self._places[client] = place + 1
            left[client] -= 1
            if left[client]:
                clients.append(client)
            thing = wanted[client][place]
            if thing not in given:
                given.add(thing)
                yield client, thing
