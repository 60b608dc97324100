"""A whole cockpit whose connections with real money stand on a fake live broker: ``python -m tests.e2e.live_host``.

Takes its settings like the product, and draws its screen where there is a terminal.
"""

from __future__ import annotations

import sys

from cockpit.app.brokers import broker_of
from cockpit.app.process import run
from cockpit.brokers.base import Broker
from cockpit.model.clock import Clock
from cockpit.model.trading import Mode
from cockpit.settings.load import load
from cockpit.settings.model import ConnectionSettings
from cockpit.store.database import Store
from tests.desk.live_broker import LiveBroker


def fake(name: str, settings: ConnectionSettings, store: Store, clock: Clock) -> Broker:
    """Build the fake where money is real."""
    if settings.mode is Mode.LIVE:
        return LiveBroker(name, settings, store, clock, tick_seconds=0.2)
    return broker_of(name, settings, store, clock)


if __name__ == "__main__":
    sys.exit(run(load(), screen=sys.stdout.isatty(), demo=False, brokers=fake))
