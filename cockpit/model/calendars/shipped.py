"""The calendars that are shipped: read from the table beside this file when the first one is asked for."""

from __future__ import annotations

import json
from datetime import date, time
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from cockpit.model.calendars.calendar import Calendar, Hours
from cockpit.model.refusals import Refused, refuse


def names() -> tuple[str, ...]:
    """Return the codes of the exchanges whose calendars are shipped, sorted."""
    return tuple(sorted(_table()["calendars"]))


@cache
def calendar(name: str) -> Calendar:
    """Return the calendar of an exchange; Refused with SESSION_UNKNOWN where none is shipped."""
    row = _table()["calendars"].get(name)
    if row is None:
        raise Refused(refuse("SESSION_UNKNOWN", "There is no calendar of that name.", known=" ".join(names())))
    return Calendar(
        name=name,
        zone=ZoneInfo(row["zone"]),
        first=date.fromisoformat(row["first"]),
        last=date.fromisoformat(row["last"]),
        week=frozenset(row["week"]),
        normal=tuple((date.fromisoformat(since), _hours(times)) for since, times in row["normal"]),
        closed=frozenset(
            date(int(year), int(day[:2]), int(day[2:]))
            for year, days in row["holidays"].items()
            for day in days.split()
        ),
        special={date.fromisoformat(day): _hours(times) for day, times in row["special"].items()},
    )


def source() -> str:
    """Return where the table is from, and the day on which it was made."""
    table = _table()
    return f"{table['source']}, {table['made']}"


def _hours(times: str) -> Hours:
    opens, closes, *pause = (time.fromisoformat(each) for each in times.split())
    return Hours(opens, closes, (pause[0], pause[1]) if pause else None)


@cache
def _table() -> dict[str, Any]:
    return json.loads(files("cockpit.model.calendars").joinpath("table.json").read_text("utf-8"))
