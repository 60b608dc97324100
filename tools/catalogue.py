"""All tools that there are: importing this module declares them."""

from __future__ import annotations

from tools import (
    account,
    brackets,
    calendar,
    closing,
    depth,
    fx,
    groups,
    instruments,
    market,
    option_orders,
    options,
    orders,
    portfolio,
    research,
    session,
    transfers,
)
from tools.registry import TOOLS

__all__ = [
    "TOOLS",
    "account",
    "brackets",
    "calendar",
    "closing",
    "depth",
    "fx",
    "groups",
    "instruments",
    "market",
    "option_orders",
    "options",
    "orders",
    "portfolio",
    "research",
    "session",
    "transfers",
]
