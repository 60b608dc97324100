"""The words by which arguments name an expiry and an option."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from cockpit.desk.option_choice import MONEYNESS
from cockpit.model.options import Right
from tools.instruments import lower


def day(value: object) -> object:
    """Read a day as ISO 8601 writes it, and nothing else."""
    if value is None or isinstance(value, date) or (isinstance(value, str) and len(value) == 10):
        return value
    raise ValueError("must be a day such as 2026-12-18")


def _known(value: str) -> str:
    if MONEYNESS.fullmatch(value) is None:
        raise ValueError("must be atm, itm1 to itm99 or otm1 to otm99")
    return value


ExpiryWord = Annotated[date, BeforeValidator(day)]
OffsetWord = Annotated[int, Field(ge=0, le=99)]
RightWord = Annotated[Right, BeforeValidator(lower)]
MoneynessWord = Annotated[str, StringConstraints(max_length=5), BeforeValidator(lower), AfterValidator(_known)]

EXPIRY: Final = "Last trading day (YYYY-MM-DD) of a listed series; either this or expiry_offset"
OFFSET: Final = "Place among the listed expiries instead of a day: 0 is the soonest"
RIGHT: Final = "call or put"
STRIKE: Final = "A listed strike; either this or moneyness"
MONEY: Final = "Instead of a strike: atm, or itm or otm with a number of strikes, such as otm2"
