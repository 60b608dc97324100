"""A gateway that speaks the wire of TWS on loopback, for tests of the broker's adapter and for a cockpit that is run by hand."""

from tests.gateway import account, contracts, depth, handshake, market, placing  # noqa: F401  each registers what it answers
from tests.gateway.server import FakeGateway

__all__ = ["FakeGateway"]
