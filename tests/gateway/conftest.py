"""Fixtures of the gateway's own tests."""

from __future__ import annotations

from tests.gateway.asking import alfa, ib
from tests.gateway.fixtures import gateway

__all__ = ["alfa", "gateway", "ib"]
