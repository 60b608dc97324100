"""Which of IB's data farms are broken, and what each may serve: a farm of another continent spoils no price."""

from __future__ import annotations

from typing import Final

from cockpit.brokers.ibkr.causes import farm_of
from cockpit.brokers.ibkr.listing import SMART, Listed
from cockpit.brokers.ibkr.wire import WireError, WireLink, WireRecord

_BROKEN: Final = 2103
_MENDED: Final = frozenset({2104, 2108})
"""Connected again, or asleep until it is asked; others are about farms of history and contracts."""
_MOST: Final = 50
_AMERICAN_FARMS: Final = ("usfarm", "usopt", "usfuture", "usbond", "cafarm")
_FARMS_OVERSEAS: Final = ("eufarm", "jfarm", "hfarm")
_FARM_OF_PAIRS: Final = "cashfarm"
_PAIR: Final = "CASH"
_AMERICAN_MONEY: Final = frozenset({"USD", "CAD", "MXN"})
_AMERICAN_VENUES: Final = frozenset(
    {
        *("NASDAQ", "NYSE", "ARCA", "AMEX", "BATS", "IEX", "PINK", "TSE", "VENTURE", "MEXI"),
        *("CBOE", "CBOE2", "ISE", "PHLX", "CME", "CBOT", "NYMEX", "COMEX", "CFE"),
    }
)


def may_serve(farm: str, listed: Listed) -> bool:
    """Whether prices of a contract may come from a farm. Only what is known not to is left out."""
    if farm.startswith(_FARM_OF_PAIRS):
        return listed.sec_type == _PAIR
    if farm.startswith(_FARMS_OVERSEAS):
        return not (listed.sec_type == _PAIR or _is_american(listed))
    if farm.startswith(_AMERICAN_FARMS):
        return listed.sec_type == _PAIR or listed.currency in _AMERICAN_MONEY or _venue(listed) in _AMERICAN_VENUES
    return True


def _is_american(listed: Listed) -> bool:
    """Whether it trades in America alone: dollars buy shares in London, too, so the venue has to be known."""
    venue = _venue(listed)
    at_home = venue in _AMERICAN_VENUES or (listed.sec_type == "OPT" and venue in ("", SMART))
    return at_home and listed.currency in _AMERICAN_MONEY


def _venue(listed: Listed) -> str:
    return listed.primary or listed.exchange


class Farms:
    """The market data farms that one connection was told are broken."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._down: set[str] = set()

    def take(self, record: WireRecord) -> None:
        """Take a record of the line: another connection begins with none broken, and is told again."""
        if isinstance(record, WireLink):
            if record.epoch != self._epoch:
                self._epoch = record.epoch
                self._down.clear()
        elif isinstance(record, WireError):
            if record.code == _BROKEN and len(self._down) < _MOST:
                self._down.add(farm_of(record.text))
            elif record.code in _MENDED:
                self._down.discard(farm_of(record.text))

    def spoil(self, listed: Listed) -> bool:
        """Whether a broken farm may be the one of this contract: TWS tells what it remembers then."""
        return any(may_serve(farm, listed) for farm in self._down)
