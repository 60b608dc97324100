"""What the accounts hold, as their brokers said it last: kept with its time while a broker doesn't answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from cockpit.desk.connections import Connection, Connections
from cockpit.model.clock import Clock
from cockpit.model.refusals import Refused
from cockpit.operator.view import HeldBalances, HeldPosition


class Holdings:
    """Positions and balances of all connections, from memory: each as it was told last, whether or not the other was."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self._positions: dict[str, tuple[datetime, tuple[HeldPosition, ...]]] = {}
        self._balances: dict[str, tuple[datetime, HeldBalances]] = {}

    @property
    def positions(self) -> tuple[HeldPosition, ...]:
        """Everything that is held, by connection."""
        known = (self._positions[name][1] for name in self._connections.names() if name in self._positions)
        return tuple(one for held in known for one in held)

    @property
    def balances(self) -> tuple[HeldBalances, ...]:
        """The money of every account that is known."""
        return tuple(self._balances[name][1] for name in self._connections.names() if name in self._balances)

    @property
    def unheard(self) -> tuple[str, ...]:
        """Connections of which nobody has said yet what they hold."""
        return tuple(name for name in self._connections.names() if name not in self._positions)

    async def refresh(self) -> None:
        """Ask every broker."""
        for connection in self._connections:
            await asyncio.gather(self._ask_held(connection), self._ask_money(connection))

    async def _ask_held(self, connection: Connection) -> None:
        name, asked_at = connection.name, self._clock.now()
        try:
            told = await connection.ask(connection.broker.positions())
            self._positions[name] = asked_at, tuple(HeldPosition(name, one) for one in told if one.quantity)
        except Refused:
            if name in self._positions:
                at, held = self._positions[name]
                self._positions[name] = at, tuple(replace(one, last_said=at) for one in held)

    async def _ask_money(self, connection: Connection) -> None:
        name, asked_at = connection.name, self._clock.now()
        try:
            self._balances[name] = asked_at, HeldBalances(name, await connection.ask(connection.broker.balances()))
        except Refused:
            if name in self._balances:
                at, money = self._balances[name]
                self._balances[name] = at, replace(money, last_said=at)
