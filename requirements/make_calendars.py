"""Write the trading calendars that the cockpit ships: cockpit/model/calendars/table.json.

Run it when a year comes into sight or an exchange announces a change, with exchange_calendars (Apache-2.0) in an
environment of its own, because it brings pandas, which the cockpit itself doesn't need:

    python3 -m venv /tmp/calendars && /tmp/calendars/bin/pip install exchange_calendars==4.13.2
    /tmp/calendars/bin/python requirements/make_calendars.py

Normal hours are those of most sessions of a month; sessions that differ are listed with their own. Times are local.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import exchange_calendars  # pyright: ignore[reportMissingImports]

TABLE = Path(__file__).parent.parent / "cockpit" / "model" / "calendars" / "table.json"
FIRST, LAST = date(2015, 1, 1), date(2030, 12, 31)
NAMES = [
    "XNYS",
    "XNAS",
    "XTSE",
    "BVMF",
    "XMEX",
    "XLON",
    "XETR",
    "XFRA",
    "XPAR",
    "XAMS",
    "XBRU",
    "XMIL",
    "XMAD",
    "XSWX",
    "XSTO",
    "XCSE",
    "XOSL",
    "XJSE",
    "XTKS",
    "XHKG",
    "XSHG",
    "XKRX",
    "XSES",
    "XBOM",
    "XASX",
    "XNZE",
]


def hours(calendar, session) -> tuple[str, ...]:
    """Return opening and close of a session, and the beginning and end of its break, where it has one."""

    def local(at) -> str:
        return at.tz_convert(calendar.tz).strftime("%H:%M")

    row = calendar.schedule.loc[session]
    times = (local(row["open"]), local(row["close"]))
    pause = (
        ()
        if row["break_start"] is None or row["break_start"] != row["break_start"]
        else (
            local(row["break_start"]),
            local(row["break_end"]),
        )
    )
    for at in (row["open"], row["close"]):
        if at.tz_convert(calendar.tz).date() != session.date():
            raise SystemExit(f"{calendar.name}: the session of {session.date()} crosses midnight")
    return times + pause


def written(name: str) -> dict[str, object]:
    """Return one calendar as the table holds it."""
    bound = type(exchange_calendars.get_calendar(name)).bound_max()
    last = LAST if bound is None else min(LAST, bound.date())
    calendar = exchange_calendars.get_calendar(name, start=str(FIRST), end=str(last))
    days = {session.date(): hours(calendar, session) for session in calendar.sessions}
    week = sorted({day for day, count in Counter(day.weekday() for day in days).items() if count > 100})
    months: dict[tuple[int, int], Counter[tuple[str, ...]]] = {}
    for day, times in days.items():
        months.setdefault((day.year, day.month), Counter())[times] += 1
    normal: list[list[str]] = []
    usual: dict[tuple[int, int], tuple[str, ...]] = {}
    for (year, month), times in sorted(months.items()):
        usual[year, month] = times.most_common(1)[0][0]
        if not normal or tuple(normal[-1][1:]) != usual[year, month]:
            normal.append([date(year, month, 1).isoformat(), *usual[year, month]])
    closed = [
        day
        for day in (FIRST + timedelta(number) for number in range((last - FIRST).days + 1))
        if day.weekday() in week and day not in days
    ]
    holidays: dict[str, str] = {}
    for day in closed:
        holidays[str(day.year)] = f"{holidays.get(str(day.year), '')} {day:%m%d}".strip()
    special = {
        day.isoformat(): " ".join(times)
        for day, times in days.items()
        if times != usual[day.year, day.month] or day.weekday() not in week
    }
    return {
        "zone": str(calendar.tz),
        "first": FIRST.isoformat(),
        "last": last.isoformat(),
        "week": week,
        "normal": [[since, " ".join(times)] for since, *times in normal],
        "holidays": holidays,
        "special": special,
    }


def main() -> None:
    table = {
        "made": date.today().isoformat(),  # noqa: DTZ011 - the day at the desk of whoever runs it
        "source": f"exchange_calendars {exchange_calendars.__version__}",
        "calendars": {name: written(name) for name in NAMES},
    }
    TABLE.write_text(
        json.dumps(table, separators=(",", ":")).replace('},"X', '},\n"X').replace('},"B', '},\n"B') + "\n"
    )
    print(f"{TABLE}: {TABLE.stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
