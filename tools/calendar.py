"""When exchanges trade, days ahead: from calendars that are shipped, not from the broker."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from cockpit.desk.gate import Served
from cockpit.model.calendars.calendar import Session
from cockpit.model.calendars.shipped import calendar, names, source
from cockpit.model.identity import Scope
from cockpit.model.text import safe
from tools.registry import Arguments, Call, Result, Toolset, tool
from tools.words import iso


def _day(value: object) -> object:
    if isinstance(value, str) and len(value) == 10:
        return value
    raise ValueError("must be a day such as 2026-11-20")


class CalendarArguments(Arguments):
    """Which exchange and days."""

    exchange: Annotated[str, StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^[A-Za-z0-9]{4}$")] = (
        Field("XNYS", description="ISO 10383 code, such as XNYS, XLON or XTKS")
    )
    first: Annotated[date, BeforeValidator(_day)] | None = Field(None, description="First day (YYYY-MM-DD); today")
    days: int = Field(14, ge=1, le=366, description="How many days")


class SessionRow(Result):
    """One trading day."""

    day: str
    opens_at: str
    closes_at: str
    pause_from: str | None
    pause_to: str | None
    special: bool
    """Whether the hours differ from the usual ones."""

    @classmethod
    def of(cls, session: Session) -> SessionRow:
        """Write a session."""
        pause = session.pause
        return cls(
            day=session.day.isoformat(),
            opens_at=iso(session.opens_at) or "",
            closes_at=iso(session.closes_at) or "",
            pause_from=None if pause is None else iso(pause[0]),
            pause_to=None if pause is None else iso(pause[1]),
            special=session.special,
        )


class CalendarResult(Result):
    """Sessions and holidays of one exchange."""

    exchange: str
    timezone: str
    sessions: list[SessionRow]
    holidays: list[str]
    """Days on which it usually trades and stays closed."""
    source: str
    known: list[str]
    """Codes of all exchanges whose calendars there are."""


@tool(
    "get_calendar",
    scope=Scope.READ_MARKET,
    title="Trading calendar",
    arguments=CalendarArguments,
    result=CalendarResult,
    toolset=Toolset.ORDERS,
)
async def get_calendar(call: Call, asked: CalendarArguments) -> Served[CalendarResult]:
    """Sessions with opening and closing times, breaks, half days and holidays of one exchange, from a shipped table;
    days that it doesn't know are refused with SESSION_UNKNOWN. With days=1 it tells of one day whether it is a session,
    a holiday or neither (a weekend). A simulated connection may trade at other hours:
    get_clock tells what holds for yours.
    """
    exchange = calendar(asked.exchange)
    first = asked.first or call.rooms.clock.now().astimezone(exchange.zone).date()
    try:
        last = first + timedelta(days=asked.days - 1)
    except OverflowError:
        last = date.max
    result = CalendarResult(
        exchange=exchange.name,
        timezone=str(exchange.zone),
        sessions=[SessionRow.of(one) for one in exchange.sessions(first, last)],
        holidays=[day.isoformat() for day in exchange.holidays(first, last)],
        source=source(),
        known=list(names()),
    )
    return Served(result, summary=safe(f"{exchange.name} {first} + {asked.days}"))
