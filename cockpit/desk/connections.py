"""The broker accounts that the settings name, each with its broker and what may be done on it."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

from cockpit.brokers.base import Broker, BrokerUnavailable, HasAccount
from cockpit.desk.unsettled import Unsettled
from cockpit.model.accounts import Position
from cockpit.model.identity import Scope
from cockpit.model.orders import Execution, Order
from cockpit.model.quotes import Quote
from cockpit.model.refusals import Refused, refuse
from cockpit.settings.model import ConnectionSettings

T = TypeVar("T")


@dataclass(slots=True)
class Heard:
    """What was heard last on a connection, for the operator's eyes."""

    quote: Quote | None = None
    """The newest quote that anybody asked for."""
    compared_at: datetime | None = None
    """When our orders were last brought to what the broker's books say."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One broker account."""

    name: str
    settings: ConnectionSettings
    broker: Broker
    heard: Heard = field(default_factory=Heard, compare=False)
    unsettled: Unsettled = field(default_factory=Unsettled, compare=False)

    @property
    def allowed(self) -> frozenset[Scope]:
        """Scopes that settings allow on it now."""
        return self.settings.grantable

    async def ask(self, answer: Awaitable[T]) -> T:
        """Await a broker's answer; a line that is down is the refusal BROKER_NOT_READY."""
        try:
            return await answer
        except BrokerUnavailable as error:
            raise Refused(refuse("BROKER_NOT_READY", connection=self.name, note=error)) from error

    def note_fill(self, execution: Execution) -> None:
        """Take note of a fill on the account, anybody's, that its positions may not show yet.

        Where a broker's books are complete, its positions show a fill as soon as it is told.
        """
        if not self.broker.books_complete:
            self.unsettled.note(execution)

    async def positions(self) -> tuple[Sequence[Position], tuple[Order, ...]]:
        """Return what is held, with the fills that it may not show yet, as orders that may still fill.

        Whoever decides by it on an order counts both. Raises Refused where the broker doesn't answer.
        """
        asked = self.unsettled.asking()
        positions = await self.ask(self.broker.positions())
        return positions, self.unsettled.answered(asked, positions, self.name)


class Connections:
    """All of them, by name. No two have one account: what is sent over one of them is not counted on another."""

    def __init__(self, connections: Mapping[str, Connection]) -> None:
        self._by_name = dict(connections)
        shared = {name: one.broker for name, one in connections.items() if isinstance(one.broker, HasAccount)}
        self._accounts = {name: said for name in shared if (said := connections[name].settings.account)}
        """Which account each has: the one that settings name, also while its line is down, else the one told last."""
        for name, broker in shared.items():
            broker.on_account(partial(self._claim, name))

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._by_name.values())

    def get(self, name: str) -> Connection | None:
        """Return the connection of that name, or None."""
        return self._by_name.get(name)

    def need(self, name: str) -> Connection:
        """Return the connection of that name; Refused with CONNECTION_UNKNOWN where settings have none."""
        found = self._by_name.get(name)
        if found is None:
            raise Refused(refuse("CONNECTION_UNKNOWN", connection=name))
        return found

    def names(self) -> tuple[str, ...]:
        """Return all names in the order of the settings."""
        return tuple(self._by_name)

    def _claim(self, name: str, account: str) -> str:
        """Give a connection an account; return the name of the one that has it already, else ""."""
        other = next((one for one, its in self._accounts.items() if its == account and one != name), "")
        if not other:
            self._accounts[name] = account
        return other


async def answer_or_none(asked: Awaitable[T]) -> T | None:
    """Return a broker's answer, or None where there is none."""
    try:
        return await asked
    except Refused:
        return None
