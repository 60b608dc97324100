"""Keeps ib_async's own log lines short and without account numbers: what they say is told by records and by the line."""

from __future__ import annotations

import logging
from typing import Final

from cockpit.brokers.ibkr.causes import masked
from cockpit.model.text import safe

_LONG: Final = 300
_LEVELS: Final = {
    "ib_async": logging.ERROR,
    "ib_async.client": logging.CRITICAL,
    "ib_async.ib": logging.CRITICAL,
    "ib_async.wrapper": logging.CRITICAL,
    "ib_async.Decoder": logging.ERROR,
    "eventkit": logging.ERROR,
}


class _Short(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a line, and drop the values that its traceback might quote."""
        record.msg, record.args = safe(masked(record.getMessage()), _LONG), ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


_SHORT: Final = _Short()


def hush() -> None:
    """Set levels and filters of ib_async's loggers; calling it again changes nothing."""
    for name, level in _LEVELS.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addFilter(_SHORT)
