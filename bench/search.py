"""What a search of the audit costs: every pair and triple of clear columns, over spans of time, newest hundred each.

    python -m bench.search                    a million records
    python -m bench.search --records 100000

Records are those of a busy desk: few clients make most calls, few symbols most orders, and refusals are rare. Each search
is timed by the processor time of the thread that reads, without opening the details.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cockpit.model.clock import SystemClock
from cockpit.store.audit import AuditEntry, AuditQuery
from cockpit.store.connection import DATABASE_NAME, reading
from cockpit.store.database import Store
from cockpit.store.reads import find_records

AIM_SECONDS: Final = 0.05
_BATCH: Final = 1000
_NEWEST: Final = 100
_DAYS: Final = 30
_BEGAN: Final = datetime(2026, 1, 5, tzinfo=UTC)
_COMMON: Final = {
    "kind": (("call", 90), ("order", 9), ("switch", 1)),
    "client": (("claude", 70), ("cursor", 25), ("script", 4), ("rare", 1)),
    "tool": (("get_quote", 80), ("get_bars", 14), ("place_order", 5), ("get_news", 1)),
    "outcome": (("ok", 95), ("denied", 5)),
    "code": (("", 95), ("RATE_LIMITED", 4), ("MAX_NOTIONAL", 1)),
    "symbol": (("ALFA", 60), ("BRVO", 30), ("CHRL", 9), ("ECHO", 1)),
}


def entries(count: int, chance: random.Random) -> Iterator[AuditEntry]:
    """Make what happened in a month, oldest first."""
    columns = {
        name: chance.choices([value for value, _ in values], [weight for _, weight in values], k=count)
        for name, values in _COMMON.items()
    }
    step = timedelta(days=_DAYS) / count
    for number in range(count):
        made = {name: values[number] for name, values in columns.items()}
        yield AuditEntry(_BEGAN + number * step, **made, grant_id=f"g-{number % 40}", detail={"says": "x" * 40})


def queries() -> Iterator[AuditQuery]:
    """Ask for one, two or three columns, commonest and rarest value, in all time, a day, and before a day far back."""
    far = _BEGAN + timedelta(days=2)
    spans: tuple[tuple[datetime | None, datetime | None], ...] = (
        (None, None),
        (_BEGAN + timedelta(days=14), _BEGAN + timedelta(days=15)),
        (None, far),
    )
    for some in (1, 2, 3):
        for names in itertools.combinations(_COMMON, some):
            for values in itertools.product(*({_COMMON[name][0][0], _COMMON[name][-1][0]} for name in names)):
                query = AuditQuery(**dict(zip(names, values, strict=True)))
                for since, until in spans:
                    yield replace(query, since=since, until=until)


async def fill(folder: Path, count: int) -> None:
    """Write the records, as many at once as the store takes."""
    made = entries(count, random.Random(1))
    async with Store(folder, SystemClock()) as store:
        while batch := list(itertools.islice(made, _BATCH)):
            await store.commit((), batch)


async def measured(folder: Path) -> list[tuple[float, AuditQuery]]:
    """Search over the store's own way of reading, and return what each took, quickest first."""

    def timed(connection: sqlite3.Connection, query: AuditQuery) -> float:
        began = time.thread_time()
        find_records(connection, query, _NEWEST, oldest_first=False, sealer=None)
        return time.thread_time() - began

    async with reading(folder / DATABASE_NAME) as connection:
        took = [(await connection.run(lambda raw, query=query: timed(raw, query)), query) for query in queries()]
    return sorted(took, key=lambda one: one[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    records = parser.parse_args().records
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "data"
        asyncio.run(fill(folder, records))
        took = asyncio.run(measured(folder))
    middle, most = took[len(took) // 2][0], took[int(len(took) * 0.99)][0]
    worst, what = took[-1]
    over = sum(1 for seconds, _ in took if seconds > AIM_SECONDS)
    print(
        f"{len(took)} searches of {records} records: p50 {middle * 1000:.1f} ms, p99 {most * 1000:.1f} ms,"
        f" worst {worst * 1000:.1f} ms ({what}); {over} above {AIM_SECONDS * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
