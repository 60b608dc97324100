"""What of a share can be borrowed to be sold short, asked for anew each time: a stream that ends with its answer."""

from __future__ import annotations

from typing import Final

from cockpit.brokers.ibkr.feeds import Feeds, until
from cockpit.brokers.ibkr.listing import Listed
from cockpit.brokers.ibkr.quotes import Quotes
from cockpit.model.quotes import Borrow

_GENERIC: Final = "236"
"""IB's generic tick of shares to borrow; no snapshot brings one."""
_WITHIN: Final = 2.0
_GRACE: Final = 0.3
"""Seconds within which the number of shares follows how hard they are to borrow."""


class Borrowing:
    """Asks what can be borrowed."""

    def __init__(self, feeds: Feeds, quotes: Quotes) -> None:
        self._feeds = feeds
        self._quotes = quotes

    async def borrow(self, listed: Listed) -> Borrow | None:
        """Return what can be borrowed; None where nothing is told, or what a broken data farm left behind may be.

        Raises Refused with the broker's words where it refuses, BrokerUnavailable where the line breaks.
        """
        watch = await self._feeds.open(listed.contract(), snapshot=False, generic=_GENERIC)
        board = watch.board
        try:
            await until(watch, _WITHIN, lambda: board.borrowable is not None)
            if board.borrowable is not None:
                await until(watch, _GRACE, lambda: board.shares is not None)
        finally:
            await self._feeds.close(watch)
        return None if self._quotes.may_be_remembered(listed) else board.borrow(listed)
