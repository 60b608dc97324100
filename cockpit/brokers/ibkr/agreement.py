"""Whether TWS tells the same of what is held by both of its ways: as positions, and as the lines of the portfolio.

Where they differ for longer than it takes to tell both, neither is taken for the right one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from cockpit.brokers.ibkr.terms import tidy
from cockpit.brokers.ibkr.wire import WireHeld, WireLink, WireRecord, WireUnread
from cockpit.model.money import ZERO, plain
from cockpit.model.text import Safe, safe

SETTLES: Final = 60.0
"""Seconds in which both ways come to the same after a fill, or after a line has begun."""
_HOLDINGS: Final = frozenset({7, 61})
_IN_ONE_WAY: Final = frozenset({"CASH"})
"""Currencies that were exchanged stand in the portfolio alone."""
_UNREAD: Final = 0


class Agreement:
    """What is told of one account over one line. Its end is the end of all that was told."""

    def __init__(self, notice: Callable[[Safe], None]) -> None:
        self._notice = notice
        self._epoch = 0
        self._told: dict[bool, dict[int, Decimal]] = {True: {}, False: {}}
        """Quantities that are not zero, by IB's number: those of the portfolio, and those of the positions."""
        self._differing: dict[int, asyncio.TimerHandle] = {}
        self._unsure: set[int] = set()

    @property
    def unsure(self) -> int:
        """Return of how many instruments nobody can say how much is held."""
        return len(self._unsure)

    def take(self, record: WireRecord) -> None:
        """Take one record about this account; never blocks."""
        match record:
            case WireLink() if record.epoch != self._epoch:
                self.close()
                self._epoch = record.epoch
            case WireHeld() if record.contract.kind not in _IN_ONE_WAY:
                self._held(record)
            case WireUnread() if record.message in _HOLDINGS and _UNREAD not in self._unsure:
                self._unsure.add(_UNREAD)
                self._notice(
                    Safe(
                        "TWS told something of what is held that could not be read. Nothing is sent for clients until "
                        "the next connection; look at TWS."
                    )
                )
            case _:
                pass

    def close(self) -> None:
        """Forget what was told."""
        for timer in self._differing.values():
            timer.cancel()
        for told in (*self._told.values(), self._differing, self._unsure):
            told.clear()

    def _held(self, record: WireHeld) -> None:
        number, told = record.contract.con_id, self._told[record.valued]
        told[number] = record.quantity or ZERO
        if told[number] == ZERO:
            del told[number]
        if self._of(number, valued=True) == self._of(number, valued=False):
            self._agrees(record, number)
        elif number not in self._differing and number not in self._unsure:
            loop = asyncio.get_running_loop()
            self._differing[number] = loop.call_later(SETTLES, self._differs, record, number)

    def _agrees(self, record: WireHeld, number: int) -> None:
        timer = self._differing.pop(number, None)
        if timer is not None:
            timer.cancel()
        if number in self._unsure:
            self._unsure.discard(number)
            self._notice(safe(f"TWS tells one quantity of {_name(record)} again: {self._words(number, valued=True)}."))

    def _differs(self, record: WireHeld, number: int) -> None:
        del self._differing[number]
        self._unsure.add(number)
        self._notice(
            safe(
                f"TWS tells two quantities of {_name(record)}: {self._words(number, valued=False)} as position, "
                f"{self._words(number, valued=True)} in the portfolio. Nothing is sent for clients until they agree; "
                "look at TWS.",
                300,
            )
        )

    def _of(self, number: int, *, valued: bool) -> Decimal:
        return self._told[valued].get(number, ZERO)

    def _words(self, number: int, *, valued: bool) -> str:
        return plain(tidy(self._of(number, valued=valued)))


def _name(record: WireHeld) -> str:
    return record.contract.local_symbol or record.contract.symbol
