"""Which of the reported accounts is the connection's, and whether its money is what the settings say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cockpit.brokers.ibkr.causes import masked
from cockpit.model.trading import Mode

PAPER_PREFIXES: Final = ("DU", "DF")
"""How the numbers of paper accounts begin; all others are real money."""


class WrongAccount(Exception):
    """The account that answers is not the one that the settings name; says why."""


def mode_of(account: str) -> Mode:
    """Return what an account says of itself by its number."""
    return Mode.PAPER if account.startswith(PAPER_PREFIXES) else Mode.LIVE


def chosen(reported: Sequence[str], wanted: str, mode: Mode) -> str:
    """Return the account to use. Raises WrongAccount, with the code MODE_MISMATCH where it is about the money."""
    shown = ", ".join(masked(one) for one in reported[:5]) or "none"
    if wanted and wanted not in reported:
        raise WrongAccount(f"the settings name account {masked(wanted)}, and TWS reports {shown}")
    if not wanted and len(reported) != 1:
        raise WrongAccount(f"TWS reports {shown}: name the connection's account in the settings")
    account = wanted or reported[0]
    if mode_of(account) is not mode:
        raise WrongAccount(
            f"MODE_MISMATCH: account {masked(account)} is a {mode_of(account)} account, and the settings say {mode}"
        )
    return account


def unshared(account: str, other: str) -> str:
    """Return an account that no other connection has. Raises WrongAccount, which names the one that does."""
    if other:
        raise WrongAccount(
            f"account {masked(account)} belongs to the connection {other}: an account has one connection"
        )
    return account
