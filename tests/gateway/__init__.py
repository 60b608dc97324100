"""A gateway that speaks the wire of TWS on loopback, for tests of the broker's adapter and for a cockpit that is run by hand."""

from tests.gateway import (  # noqa: F401  each registers what it answers
    account,
    contracts,
    depth,
    handshake,
    history,
    market,
    news,
    placing,
    profit,
    research,
    scans,
)
from tests.gateway.server import FakeGateway

__all__ = ["FakeGateway"]
