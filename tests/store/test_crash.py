"""What survives when the process is killed, with real processes."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from cockpit.store.audit import AuditQuery
from cockpit.store.database import Store
from cockpit.store.export import export_audit
from cockpit.store.folder import StoreCannotOpen
from cockpit.store.verify import verify_offline
from tests.store.conftest import StandingClock
from tests.store.watch import facts

PROGRAM = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from cockpit.model.clock import SystemClock
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.writes import Write

async def caller(store, who):
    turn = 0
    while True:
        turn += 1
        entry = AuditEntry(datetime.now(UTC), "order", order_id=f"{sys.argv[2]}-{who}-{turn}")
        (number,) = await store.commit([Write("INSERT INTO meta VALUES (?, ?)", (entry.order_id, b""))], [entry])
        print(number, entry.order_id, flush=True)
        store.record(AuditEntry(datetime.now(UTC), "call"))

async def main():
    async with Store(Path(sys.argv[1]), SystemClock()) as store:
        await asyncio.gather(*(caller(store, who) for who in range(8)))

asyncio.run(main())
"""


async def start(folder: Path, run: int = 0) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        str(folder),
        str(run),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def lines(process: asyncio.subprocess.Process, count: int) -> list[bytes]:
    assert process.stdout is not None
    return [await process.stdout.readline() for _ in range(count)]


async def test_everything_that_was_answered_is_there_after_a_kill(folder: Path, clock: StandingClock) -> None:
    answered: dict[int, str] = {}
    for run in range(3):
        process = await start(folder, run)
        seen = await lines(process, 300)
        process.send_signal(signal.SIGKILL)
        rest, _ = await process.communicate()
        for line in (b"".join(seen) + rest).decode().splitlines(keepends=True):
            if line.endswith("\n"):
                number, name = line.split()
                answered[int(number)] = name
        assert len(answered) >= 300 * (run + 1)
        assert verify_offline(folder).ok
    async with Store(folder, clock) as store:
        kept = {row["number"]: row["order_id"] for row in await store.rows("SELECT number, order_id FROM audit")}
        assert answered.items() <= kept.items()
        assert set(answered.values()) <= await facts(store)
        assert (await store.audit_verify(structure=True)).ok


async def test_a_second_process_is_refused_with_the_first_ones_pid(folder: Path, clock: StandingClock) -> None:
    process = await start(folder)
    await lines(process, 1)
    with pytest.raises(StoreCannotOpen, match=f"pid {process.pid}"):
        await Store(folder, clock).__aenter__()
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    async with Store(folder, clock) as store:
        assert store.writable


ARCHIVING = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from cockpit.model.clock import SystemClock
from cockpit.store import archiving
from cockpit.store.archiving import Keep
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store

archiving.DELETED_AT_ONCE = 20

async def main():
    async with Store(Path(sys.argv[1]), SystemClock()) as store:
        print("open", flush=True)
        while True:
            for _ in range(200):
                store.record(AuditEntry(datetime.now(UTC), "call"))
            await store.audit_archive(Keep(records=100))
            print("archived", flush=True)

asyncio.run(main())
"""


async def test_a_kill_while_records_are_archived_loses_none_and_the_next_start_goes_on(folder: Path) -> None:
    newest = 0
    for kill in range(8):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ARCHIVING, str(folder), stdout=asyncio.subprocess.PIPE
        )
        await lines(process, 1 + kill % 3)
        # Each kill hits another place of copying, signing and removing.
        await asyncio.sleep(0.013 * kill)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        verdict = verify_offline(folder, structure=True)
        assert verdict.ok, verdict.reason
        assert verdict.records >= newest
        newest = verdict.records
        target = folder.parent / f"export-{kill}"
        written = export_audit(folder, target, AuditQuery(), sealed=True)
        assert (written.records, written.last or 0) == (newest, newest)
    assert newest > 500
