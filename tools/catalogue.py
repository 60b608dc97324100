"""All tools that there are: importing this module declares them."""

from __future__ import annotations

from tools import (
    account,
    accounts,
    audit,
    brackets,
    calendar,
    closing,
    depth,
    fx,
    groups,
    holdings,
    instruments,
    market,
    option_orders,
    options,
    orders,
    pnl,
    portfolio,
    research,
    session,
    transfers,
)
from tools.registry import TOOLS

__all__ = [
    "TOOLS",
    "account",
    "accounts",
    "audit",
    "brackets",
    "calendar",
    "closing",
    "depth",
    "fx",
    "groups",
    "holdings",
    "instruments",
    "market",
    "option_orders",
    "options",
    "orders",
    "pnl",
    "portfolio",
    "research",
    "session",
    "transfers",
]
