"""How a moment is stored: whole microseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Return the moment as microseconds since the epoch; one without a time zone is a ValueError."""
    if moment.tzinfo is None:
        raise ValueError("a moment that is stored needs a time zone")
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the moment in UTC that `to_micros` stored."""
    return _EPOCH + timedelta(microseconds=micros)
