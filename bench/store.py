"""What group commit brings: the store against plain aiosqlite that commits once for each caller, in the same run.

    python -m bench.store             rounds of 1, 16 and 100 callers, turn by turn
    python -m bench.store --chain N   write N audit records, search, verify and archive them, watching the event loop

Both write the same sealed and linked audit row of about 1.5 kB into the same schema, WAL, synchronous FULL.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import aiosqlite

from cockpit.model.clock import SystemClock
from cockpit.store.archiving import Keep
from cockpit.store.audit import AuditEntry, AuditQuery, draft
from cockpit.store.chain import Head, Sealer, link
from cockpit.store.connection import writing
from cockpit.store.database import Store
from cockpit.store.schema import migrate, shipped_migrations

INSERT = f"INSERT INTO audit VALUES ({', '.join('?' * 14)})"
CLOCK = SystemClock()
T = TypeVar("T")
Commit = Callable[[], Awaitable[object]]


def entry(turn: int = 1) -> AuditEntry:
    """A call as the gate would record it; of two clients, and only one of them is ever halted."""
    detail = {"arguments": {"symbol": "ALFA", "quantity": 3}, "text": "x" * 1_000}
    client, code = ("Claude", "") if turn % 2 else ("Cursor", "HALTED")
    outcome = "denied" if code else "ok"
    order = f"O-{turn // 10}"
    return AuditEntry(CLOCK.now(), "call", client, "place_order", outcome, code, "ALFA", order, "G-1", 850, detail)


class Naive:
    """One shared connection; each caller begins, inserts and commits for itself."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()
        self._head = Head()
        self._sealer = Sealer(b"k" * 32)

    async def commit(self) -> None:
        async with self._lock:
            rows, self._head = link([draft(entry(), self._head.number + 1)], self._head, self._sealer)
            await self._connection.execute("BEGIN IMMEDIATE")
            await self._connection.execute(INSERT, rows[0])
            await self._connection.execute("COMMIT")


async def measure(commit: Commit, callers: int, seconds: float) -> tuple[float, float, float]:
    """Return commits a second, and the median and 99th percentile of one caller's wait in milliseconds."""
    waits: list[float] = []
    started = time.perf_counter()

    async def caller() -> None:
        while (now := time.perf_counter()) - started < seconds:
            await commit()
            waits.append(time.perf_counter() - now)

    await asyncio.gather(*(caller() for _ in range(callers)))
    rate = len(waits) / (time.perf_counter() - started)
    cuts = statistics.quantiles(waits, n=100)
    return rate, cuts[49] * 1e3, cuts[98] * 1e3


async def compare(folder: Path, rounds: int, seconds: float) -> None:
    """Print both ways side by side, alternating, and the ratio of their rates."""
    (folder / "naive").mkdir(mode=0o700)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(folder / "store", CLOCK))
        plain = await stack.enter_async_context(writing(folder / "naive" / "cockpit.db"))
        await plain.run(migrate, shipped_migrations(), 0)
        naive = Naive(plain)
        print(
            f"{'callers':>7}  {'naive/s':>8} {'p50 ms':>7} {'p99 ms':>7}  {'group/s':>8} {'p50 ms':>7} {'p99 ms':>7}  ratio"
        )
        for callers in (1, 16, 100):
            for _ in range(rounds):
                one = await measure(naive.commit, callers, seconds)
                many = await measure(lambda: store.commit((), (entry(),)), callers, seconds)
                print(
                    f"{callers:7}  {one[0]:8.0f} {one[1]:7.2f} {one[2]:7.2f}  {many[0]:8.0f} {many[1]:7.2f} {many[2]:7.2f}"
                    f"  {many[0] / one[0]:5.1f}"
                )


async def lag(stop: asyncio.Event) -> list[float]:
    """Watch how late the event loop wakes a 1 ms timer, in milliseconds."""
    late: list[float] = []
    while not stop.is_set():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - before - 0.001) * 1e3)
    return late


async def chain(folder: Path, count: int) -> None:
    """Fill a chain with records at 1,000 a second for two seconds, then at full speed, and verify it."""
    async with Store(folder / "store", CLOCK) as store:
        await watched("record, 1,000/s", steady(store, 2_000))
        started = time.perf_counter()
        await watched(f"record, {count:,} at full speed", flood(store, count - 2_000))
        print(f"  {count / (time.perf_counter() - started):,.0f} records/s")
        started = time.perf_counter()
        verdict = await watched("verify", store.audit_verify())
        seconds = time.perf_counter() - started
        print(f"  {verdict} in {seconds:.2f} s: {seconds / count * 1e6:.2f} µs a record")
        await searches(store)
        started = time.perf_counter()
        await watched("archive of the older half", store.audit_archive(Keep(records=count // 2)))
        print(f"  {(time.perf_counter() - started) / count * 2e6:.2f} µs a record")
    size = (folder / "store" / "cockpit.db").stat().st_size
    started = time.perf_counter()
    async with Store(folder / "store", CLOCK):
        print(f"reopen with {size / 1e6:,.0f} MB: {time.perf_counter() - started:.2f} s")


async def searches(store: Store) -> None:
    """Print how long searches of the newest hundred take, from what many records have to what none has."""
    hour_ago = CLOCK.now() - timedelta(hours=1)
    for query in (
        AuditQuery(),
        AuditQuery(client="Claude", outcome="ok"),
        AuditQuery(order_id="O-7"),
        AuditQuery(client="Cursor", since=hour_ago),
        AuditQuery(client="Claude", code="HALTED"),
    ):
        started = time.perf_counter()
        found = await store.audit_search(query, 100)
        asked = ", ".join(name for name in ("client", "outcome", "code", "order_id", "since") if getattr(query, name))
        print(f"search by {asked or 'nothing'}: {len(found)} in {(time.perf_counter() - started) * 1e3:.1f} ms")


async def steady(store: Store, count: int) -> None:
    for _ in range(count // 10):
        for _ in range(10):
            store.record(entry())
        await asyncio.sleep(0.01)


async def flood(store: Store, count: int) -> None:
    for turn in range(count):
        store.record(entry(turn))
        if turn % 500 == 499:
            await store.flush()
    await store.flush()


async def watched(name: str, work: Awaitable[T]) -> T:
    stop = asyncio.Event()
    watching = asyncio.create_task(lag(stop))
    result = await work
    stop.set()
    late = sorted(await watching)
    print(
        f"{name}: event loop lag p50 {late[len(late) // 2]:.2f} ms, p99 {late[len(late) * 99 // 100]:.2f} ms, max {late[-1]:.1f} ms"
    )
    return result


def main() -> None:
    """Run what the arguments ask for."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--chain", type=int, default=0, metavar="N")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=2.0)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.chain:
            asyncio.run(chain(Path(folder), given.chain))
        else:
            asyncio.run(compare(Path(folder), given.rounds, given.seconds))


if __name__ == "__main__":
    main()
