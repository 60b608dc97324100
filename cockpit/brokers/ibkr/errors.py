"""What each of Interactive Brokers' message codes means for us, as one table.

The codes are those of IB's document "Message Codes" that a client of our kind can meet, and those that ib_async 2.1.0
treats specially. A code that is not in the table is looked into where it names an order: nothing is believed of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ErrorKind(StrEnum):
    """What an error is about."""

    LINK = "link"
    """The line between TWS and IB's servers."""
    FARM = "farm"
    """One of IB's data farms."""
    SESSION = "session"
    """Our own connection to TWS."""
    ORDER = "order"
    DATA = "data"
    """Quotes and books."""
    HISTORY = "history"
    ENTITLEMENT = "entitlement"
    """The account has not subscribed to it."""
    REQUEST = "request"
    """A request that TWS could not read or carry out."""
    UNKNOWN = "unknown"


class Follow(StrEnum):
    """What follows for an order that the error names. None of them ends an order that the broker has accepted."""

    NOTE = "note"
    """Nothing: the order is as it was."""
    REJECT = "reject"
    """A new order that was never accepted is rejected, a change is refused; else the books are looked at."""
    CANCELLED = "cancelled"
    """It says why the order's status is Cancelled; the status is what ends it."""
    LOOK = "look"
    """Nobody can say from this: the books are looked at."""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """What one code means."""

    code: int
    kind: ErrorKind
    follow: Follow
    refusal: str
    """The refusal that a read comes to which ends in this error; empty where it says nothing about reads."""
    means: str
    """In a few words."""


_K, _F = ErrorKind, Follow

_GROUPS: Final[tuple[tuple[ErrorKind, Follow, str, Mapping[int, str]], ...]] = (
    (
        _K.LINK,
        _F.NOTE,
        "BROKER_NOT_READY",
        {
            1100: "TWS has lost IB's servers",
            1101: "TWS is back, what was subscribed is lost",
            1102: "TWS is back, what was subscribed goes on",
            1300: "TWS takes connections at another port now",
            2110: "TWS has lost IB's servers and tries again",
        },
    ),
    (
        _K.FARM,
        _F.NOTE,
        "",
        {
            2100: "account updates went to another client",
            2103: "a market data farm is broken",
            2104: "a market data farm is connected",
            2105: "a history farm is broken",
            2106: "a history farm is connected",
            2107: "a history farm sleeps until it is asked",
            2108: "a market data farm sleeps until it is asked",
            2119: "a market data farm is connecting",
            2157: "the contract farm is broken",
            2158: "the contract farm is connected",
        },
    ),
    (
        _K.SESSION,
        _F.LOOK,
        "BROKER_NOT_READY",
        {
            100: "too many messages in one second",
            326: "the client id is in use",
            501: "already connected",
            502: "TWS can't be reached",
            503: "TWS is too old",
            504: "not connected",
            505: "a message that TWS doesn't know",
            506: "a version that TWS doesn't know",
            507: "a message of a wrong length",
            508: "a message that can't be read",
            509: "a message could not be sent",
        },
    ),
    (
        _K.ORDER,
        _F.REJECT,
        "BROKER_REJECTED",
        {
            103: "the order id was used before",
            104: "a filled order can't be changed",
            105: "the change doesn't fit the order",
            106: "the order can't be transmitted",
            107: "the order is incomplete",
            109: "the price is outside the precautions set in TWS",
            110: "the price is not on the tick",
            111: "time in force and type don't go together",
            113: "the time in force must be DAY",
            116: "the exchange takes no orders now",
            133: "the order could not be submitted",
            134: "the change could not be submitted",
            140: "the size must be a whole number",
            141: "the price must be a number",
            145: "a field of the order is not valid",
            146: "the trigger is not valid",
            154: "the venue has halted it",
            160: "the order is not valid",
            163: "the price is too far from the market for TWS",
            164: "TWS has no price to check the order by",
            200: "no such contract, or more than one",
            201: "rejected",
            203: "the account may not trade it",
            303: "the side is not valid",
            320: "TWS could not read the request",
            321: "TWS found the request not valid, or takes no orders by its settings",
            322: "TWS could not carry the request out",
            323: "TWS failed at the request",
            328: "a trailing stop can't be attached to it",
            329: "an order's type can't be changed",
            355: "the size doesn't fit the market's rule",
            382: "the price is outside the limits set in TWS",
            383: "the size is outside the limits set in TWS",
            387: "the exchange doesn't take this type",
            388: "the size is below the exchange's least",
            392: "the contract has expired",
            395: "the terms don't go together",
            434: "the size is zero",
            435: "the account is missing",
            436: "the allocation is missing",
            463: "the price must be a limit that the exchange takes",
            10006: "the parent order is missing",
            10052: "the time in force is not valid",
            10311: "direct routing has to be allowed in TWS",
            10318: "the account may not trade fractions of it",
        },
    ),
    (_K.ORDER, _F.CANCELLED, "", {202: "cancelled"}),
    (
        _K.ORDER,
        _F.NOTE,
        "",
        {
            399: "a message about an order that works",
            404: "shares are being located for the short sale",
            492: "a message about an order that works",
            2109: "outside regular hours is ignored for it",
            2161: "the price was bounded by IB's rules",
            10349: "the time in force was set by a preset in TWS",
        },
    ),
    (
        _K.ORDER,
        _F.LOOK,
        "ORDER_UNKNOWN",
        {
            135: "TWS knows no such order",
            136: "the order can't be cancelled",
            161: "the order can't be cancelled in its state",
            10147: "TWS knows no such order to cancel",
            10148: "the order can't be cancelled in its state",
        },
    ),
    (
        _K.DATA,
        _F.LOOK,
        "MARKET_DATA_MISSING",
        {
            101: "no market data line is left",
            102: "the request's id was used before",
            300: "no such subscription",
            309: "no book line is left",
            310: "no such book",
            316: "the book was halted and has to be asked for again",
            317: "the book begins anew",
            10092: "there is no book of it",
            10197: "another session of the same user has the live data",
        },
    ),
    (_K.DATA, _F.NOTE, "", {10167: "delayed data instead of live"}),
    (
        _K.HISTORY,
        _F.LOOK,
        "MARKET_DATA_MISSING",
        {
            162: "history: asked too fast, or there is none; the text says which",
            165: "history: a message of its service",
            166: "history: none that is so old",
            366: "history: no such request",
            420: "bars as they come: asked too fast, or none",
            10225: "a busted trade; bars begin anew",
        },
    ),
    (
        _K.ENTITLEMENT,
        _F.LOOK,
        "CAPABILITY_UNAVAILABLE",
        {
            354: "the account has not subscribed to live data",
            430: "fundamentals are not there, or not subscribed to",
            10089: "the data needs another subscription",
            10090: "a part of the data is not subscribed to",
            10091: "a part of the data needs another subscription",
            10168: "neither live data nor delayed",
            10186: "neither live data nor delayed",
            10276: "news are not subscribed to",
        },
    ),
)

MODIFY_ALONE: Final = frozenset({104, 105, 134, 329})
"""Refusals that only a change can have: they say nothing about an order that is new."""

_WARNINGS: Final = range(2100, 2200)
"""IB's block of warnings; as ib_async 2.1.0 does, all of it leaves an order as it is."""


def _rows() -> Iterator[tuple[int, ErrorRow]]:
    for kind, follow, refusal, codes in _GROUPS:
        for code, means in codes.items():
            yield code, ErrorRow(code, kind, follow, refusal, means)


ERRORS: Final[Mapping[int, ErrorRow]] = dict(_rows())


def row_of(code: int) -> ErrorRow:
    """Return what a code means; for an order, one that is not in the table is looked into."""
    known = ERRORS.get(code)
    if known is not None:
        return known
    if code in _WARNINGS:
        return ErrorRow(code, ErrorKind.FARM, Follow.NOTE, "", "a warning that IB doesn't number")
    return ErrorRow(code, ErrorKind.UNKNOWN, Follow.LOOK, "", "a code that isn't known here")


def is_known(code: int) -> bool:
    """Whether the table, or IB's block of warnings, has the code; the operator is told of one that neither has."""
    return code in ERRORS or code in _WARNINGS
