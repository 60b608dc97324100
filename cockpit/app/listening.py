"""What a broker says, and who hears it: facts about orders, how its line is, and what the operator has to know."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

from cockpit.brokers.base import BrokerUnavailable, HasLine, HasNotices
from cockpit.desk.connections import Connection
from cockpit.desk.decisions import Decisions
from cockpit.desk.facts import Facts
from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.text import Safe, safe
from cockpit.model.trading import Link


@contextlib.asynccontextmanager
async def listening(connection: Connection, facts: Facts) -> AsyncIterator[None]:
    """Open a connection's broker and take its facts."""
    broker, wanted = connection.broker, connection.settings.account
    async with broker:
        reported = broker.status().account
        if wanted and wanted != reported and not isinstance(broker, HasLine):
            # A broker with a line says it there, and looks again: the account may only be known once it is up.
            raise BrokerUnavailable(
                f"connection {connection.name!r}: the settings name account {wanted!r}, the broker reports {reported!r}"
            )
        broker.listen(facts.sink(connection.name))
        yield


def hear(connection: Connection, decisions: Decisions, clock: Clock, publish: Callable[[Event], None]) -> None:
    """Hear from now on how a broker's line is, and what it has to tell the operator."""
    broker = connection.broker
    if isinstance(broker, HasLine):
        compared = decisions.reconciler.link_sink(connection.name)
        withdrawn = decisions.withdrawing.link_sink(connection)

        def line_is(link: Link, note: str) -> None:
            compared(link, note)
            withdrawn(link, note)

        broker.on_link(line_is)
    if isinstance(broker, HasNotices):

        def says(text: Safe) -> None:
            publish(Notice(clock.now(), safe(f"{connection.name}: {text}", 300), True))

        broker.on_notice(says)
