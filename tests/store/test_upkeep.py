from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.upkeep import Upkeep
from tests.store.conftest import StandingClock


async def days(store: Store, clock: StandingClock, count: int) -> None:
    """Write one record a day up to today."""
    for back in range(count - 1, -1, -1):
        store.record(AuditEntry(clock.now() - timedelta(days=back), "call"))
    await store.flush()


async def first(store: Store) -> int:
    return (await store.rows("SELECT min(number) FROM audit"))[0][0]


async def test_old_records_are_archived_at_start_and_on_each_new_day(store: Store, clock: StandingClock) -> None:
    told: list[str] = []
    await days(store, clock, 10)
    upkeep = Upkeep(store, clock, days=3, records=None, trouble=told.append)
    await upkeep.look()
    assert await first(store) == 7
    clock.at += timedelta(hours=6)
    await upkeep.look()
    assert await first(store) == 7
    clock.at += timedelta(hours=6)
    await upkeep.look()
    assert await first(store) == 8
    assert (await store.audit_verify()).ok
    assert told == []


async def test_an_archive_that_fails_is_told_and_stops_nothing(
    store: Store, clock: StandingClock, folder: Path
) -> None:
    told: list[str] = []
    await days(store, clock, 10)
    (folder / "archive").mkdir(mode=0o755)
    (folder / "archive").chmod(0o755)
    await Upkeep(store, clock, days=3, records=None, trouble=told.append).look()
    assert len(told) == 1
    assert await first(store) == 1
    assert store.writable
