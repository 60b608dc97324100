"""Which idempotency keys a client has used, and for what: the same key and request is the same order."""

from __future__ import annotations

import asyncio

from cockpit.desk import records
from cockpit.model.identity import ClientName
from cockpit.model.orders import OrderId
from cockpit.model.refusals import Refused, refuse
from cockpit.store.database import Store


class Keys:
    """The keys of all clients. Two calls with one key run one after the other, whatever they ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: dict[tuple[ClientName, str], asyncio.Lock] = {}
        self._users: dict[tuple[ClientName, str], int] = {}

    def alone(self, client: ClientName, key: str) -> Turn:
        """Return a context in which no other call of that client uses that key."""
        return Turn(self, client, key)

    async def order_of(self, client: ClientName, key: str, fingerprint: str) -> OrderId | None:
        """Return the order that the key stands for, or None; Refused where it stands for another request."""
        rows = await self._store.rows(records.SELECT_KEY, (client, key))
        if not rows:
            return None
        if rows[0]["fingerprint"] != fingerprint:
            raise Refused(refuse("IDEMPOTENCY_CONFLICT", order_id=rows[0]["order_id"]))
        return OrderId(rows[0]["order_id"])

    def enter(self, who: tuple[ClientName, str]) -> asyncio.Lock:
        """Count one more user of a key and return its lock."""
        self._users[who] = self._users.get(who, 0) + 1
        return self._running.setdefault(who, asyncio.Lock())

    def leave(self, who: tuple[ClientName, str]) -> None:
        """Count one user fewer; the last one takes the lock away."""
        self._users[who] -= 1
        if not self._users[who]:
            del self._users[who], self._running[who]


class Turn:
    """One call's turn with its key."""

    def __init__(self, keys: Keys, client: ClientName, key: str) -> None:
        self._keys = keys
        self._who = (client, key)

    async def __aenter__(self) -> None:
        self._lock = self._keys.enter(self._who)
        try:
            await self._lock.acquire()
        except BaseException:
            self._keys.leave(self._who)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
        self._keys.leave(self._who)
