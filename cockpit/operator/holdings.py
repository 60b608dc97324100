"""What the accounts hold, as their brokers said it last: kept with its time while a broker doesn't answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cockpit.desk.connections import Connection, Connections
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refused
from cockpit.operator.view import HeldBalances, HeldPosition

_Known = tuple[HeldBalances, tuple[HeldPosition, ...]]


class Holdings:
    """Positions and balances of all connections, from memory."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._said_at: dict[str, datetime] = {}

    @property
    def positions(self) -> tuple[HeldPosition, ...]:
        """Everything that is held, by connection."""
        return tuple(one for name in self._connections.names() if name in self._known for one in self._known[name][1])

    @property
    def balances(self) -> tuple[HeldBalances, ...]:
        """The money of every account that is known."""
        return tuple(self._known[name][0] for name in self._connections.names() if name in self._known)

    @property
    def unheard(self) -> tuple[str, ...]:
        """Connections of which nobody has said yet what they hold."""
        return tuple(name for name in self._connections.names() if name not in self._known)

    async def refresh(self) -> None:
        """Ask every broker."""
        for connection in self._connections:
            await self._ask(connection)

    async def _ask(self, connection: Connection) -> None:
        name, broker, asked_at = connection.name, connection.broker, self._clock.now()
        try:
            held = await connection.ask(broker.positions())
            money = await connection.ask(broker.balances())
        except Refused:
            if name in self._known:
                money_known, held_known = self._known[name]
                at = self._said_at[name]
                marked = tuple(replace(one, last_said=at) for one in held_known)
                self._known[name] = replace(money_known, last_said=at), marked
            return
        self._said_at[name] = asked_at
        self._known[name] = HeldBalances(name, money), tuple(HeldPosition(name, one) for one in held if one.quantity)
