"""What the settings must say before a connection may have real money: nothing of it has a default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from typing import Any

from cockpit.model.trading import Mode


def is_live(said: Mapping[str, Any]) -> bool:
    """Whether what is said of a connection calls its money real."""
    return said.get("mode") == Mode.LIVE


def missing_for_live(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is not said of a live connection and has to be."""
    return tuple(_missing(said))


def _missing(said: Mapping[str, Any]) -> Iterator[str]:
    broker = str(said.get("broker", "paper"))
    if not isinstance(said.get(broker), dict):
        yield f"a table {broker} of its own"
    if not said.get("account"):
        yield "the account by name"
    if "trade" not in said:
        yield "trade = true or false"
    policy = said.get("policy")
    if policy is None or (isinstance(policy, dict) and not policy):
        yield "a table policy"
    symbols = policy.get("allowed_symbols") if isinstance(policy, dict) else getattr(policy, "allowed_symbols", None)
    if symbols is None or (isinstance(symbols, Sized) and not len(symbols)):
        yield "policy.allowed_symbols with at least one symbol"
