"""What a code or an error of the line means, in a sentence that says what mends it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from cockpit.model.text import Safe, safe

CUT: Final = frozenset({1100, 2110})
"""TWS lost Interactive Brokers: the line to TWS stands, and behind it is nothing."""
CUT_SILENTLY: Final = 2110
RESTORED: Final = 1102
RESTORED_WITHOUT_DATA: Final = 1101
FARM_UP: Final = frozenset({2104, 2106, 2107, 2108, 2158})
FARM_DOWN: Final = frozenset({2103, 2105, 2157})
READ_ONLY_CODE: Final = 321

ENDS_THE_LINE: Final = frozenset({100, 326, 503, 507, 1300})
"""After these the connection is of no use, though the socket may still stand for a while."""

_CAUSES: Final[Mapping[int, str]] = {
    100: "TWS closed the line because too many messages came within a second",
    326: "its client number is in use: another program has it; end that one, or set another client_id",
    501: "TWS says that this client is connected already",
    502: "TWS says that it isn't connected",
    503: "TWS or IB Gateway is too old",
    504: "TWS says that it isn't connected",
    507: "TWS closed the line after a message that it could not read, often because its client number is in use",
    1300: "TWS moved its API to another port",
}
_READ_ONLY: Final = re.compile(r"read[ -]?only", re.IGNORECASE)
_ACCOUNT: Final = re.compile(r"\b([A-Z]{1,4})(\d{2,})(\d{3})\b")

READ_ONLY_NOTE: Final = (
    "its API is Read-Only: orders are neither shown nor taken; untick that in its API settings to trade"
)


def cause(code: int, text: str) -> Safe | None:
    """Return what a code says about the line, with TWS's own words, or None where it says nothing about it."""
    known = _CAUSES.get(code)
    return None if known is None else safe(f"{known} ({code}: {masked(text)})", 300)


def is_read_only(code: int, text: str) -> bool:
    """Whether an error says that the API only reads."""
    return code == READ_ONLY_CODE and _READ_ONLY.search(text) is not None


def of_failure(problem: BaseException, where: str, seconds: float) -> Safe:
    """Say why a connection could not be made."""
    match problem:
        case ConnectionRefusedError():
            said = f"nothing listens at {where}: is TWS or IB Gateway running, and its API on, at that port?"
        case TimeoutError():
            said = (
                f"{where} took the connection and said nothing for {seconds:g} s: a window of TWS may wait for an"
                " answer, or something else listens there"
            )
        case OSError():
            said = f"{where} can't be reached: {problem.strerror or type(problem).__name__}"
        case _:
            said = f"{where}: {type(problem).__name__}"
    return safe(said, 300)


def ended(words: str) -> str:
    """End words as a sentence."""
    return words if words.endswith((".", "?", "!")) else f"{words}."


def masked(text: str) -> str:
    """Hide the middle of what looks like an account's number."""
    return _ACCOUNT.sub(lambda found: f"{found[1]}…{found[3]}", text)


def farm_of(text: str) -> Safe:
    """Return the farm's name from "Market data farm connection is OK:usfarm"."""
    return safe(text.rpartition(":")[2].strip(), 40)
