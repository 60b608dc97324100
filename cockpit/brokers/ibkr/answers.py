"""What an error answer to a request for data comes to: a refusal with IB's own words, or nothing found."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cockpit.brokers.ibkr.errors import ErrorKind, row_of
from cockpit.brokers.ibkr.line import Told
from cockpit.model.refusals import Mender, Refused, refuse
from cockpit.model.text import safe

NO_CONTRACT: Final = 200
HISTORY: Final = 162
"""Bars and scans alike: asked too fast, none there, or not allowed; the text says which."""
NOTHING_SCANNED: Final = 165
RETRY_SECONDS: Final = 15
"""After which a request for history that came too fast may come again."""
_TOO_FAST: Final = ("pacing violation", "pacing limit")
_NOTHING: Final = (
    "no data",
    "no historical data",
    "no items retrieved",
    "no results",
    "scanner subscription cancelled",
)
_PERHAPS_NONE: Final = 430
"""Told of fundamentals that aren't subscribed to, and of those that nobody has."""
NOT_SUBSCRIBED: Final = "The account has no subscription to that which covers the API; its operator can get one."
_OR_DELAYED: Final = (
    "The account has no subscription to live prices of that which covers the API; its operator can get one, or set"
    ' market_data = "delayed".'
)
_DENIED: Final = ("no market data permissions", "not subscribed", "permission")


def refused(told: Told, default: str = "MARKET_DATA_MISSING", message: str | None = None) -> Refused:
    """Return the refusal that an error comes to, with the code and the words of the broker.

    What the account may not read is CAPABILITY_UNAVAILABLE, whatever was asked for; a subscription mends it.
    """
    row = row_of(told.code)
    code = row.refusal or default
    if row.kind is ErrorKind.ORDER:
        code = default
    details = {"broker": safe(told.text), "broker_code": told.code}
    if not is_denied(told):
        return Refused(refuse(code, message, **details))
    if told.code == _PERHAPS_NONE:
        return Refused(refuse("CAPABILITY_UNAVAILABLE", message, **details))
    said = message or (_OR_DELAYED if _has_delayed(told) else NOT_SUBSCRIBED)
    return Refused(replace(refuse("CAPABILITY_UNAVAILABLE", said, **details), who_can_fix=Mender.OPERATOR))


def too_fast(seconds: float = RETRY_SECONDS, **details: object) -> Refused:
    """Return the refusal of what would be asked too soon, with the seconds after which it may be."""
    wait = max(1, int(-(-seconds // 1)))
    return Refused(
        refuse("RATE_LIMITED", "The broker must not be asked that so often.", retry_after_seconds=wait, **details)
    )


def is_too_fast(told: Told) -> bool:
    """Whether history was asked too fast."""
    return told.code == 420 or (told.code == HISTORY and _says(told, _TOO_FAST))


def is_nothing(told: Told) -> bool:
    """Whether there is simply nothing of what was asked."""
    if told.code in (NOTHING_SCANNED, 166, 366):
        return True
    return told.code == HISTORY and _says(told, _NOTHING) and not is_denied(told)


def is_denied(told: Told) -> bool:
    """Whether the account lacks a subscription or permission for what it asks."""
    if row_of(told.code).kind is ErrorKind.ENTITLEMENT:
        return True
    return told.code == HISTORY and _says(told, _DENIED)


def _has_delayed(told: Told) -> bool:
    """Whether there may be delayed prices, which were not asked for."""
    text = told.text.casefold()
    return "delayed" in text and "not available" not in text


def _says(told: Told, words: tuple[str, ...]) -> bool:
    text = told.text.casefold()
    return any(word in text for word in words)
