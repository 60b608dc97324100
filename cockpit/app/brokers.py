"""Which broker stands behind a connection, as its settings say."""

from __future__ import annotations

from cockpit.brokers.base import Broker
from cockpit.brokers.paper.broker import PaperBroker
from cockpit.model.clock import Clock
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store


def broker_of(name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> Broker:
    """Build a connection's broker. What Interactive Brokers needs is imported only where a connection uses it."""
    match settings.broker:
        case "paper":
            return PaperBroker(name, settings, store, clock)
        case "ibkr":
            from cockpit.brokers.ibkr.broker import IbkrBroker

            return IbkrBroker(name, settings, store, clock)
