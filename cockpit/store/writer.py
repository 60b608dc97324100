"""The one writer: it drains a bounded queue in batches, and tells each caller once its unit is on disk."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from cockpit.model.clock import Clock
from cockpit.store.audit import AuditEntry, draft, void
from cockpit.store.batch import Unit, Written, write_batch
from cockpit.store.chain import Head, Sealer
from cockpit.store.connection import StoreConnection
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write

LINGER_SECONDS: Final = 0.02
"""How long records that nobody waits for may gather before they are written."""
IDLE_SECONDS: Final = 1.0
"""How long nothing must be written before the write-ahead log is moved into the database."""
_BATCH_UNITS: Final = 1_000
_BATCH_BYTES: Final = 4 * 1024 * 1024
_QUEUE_BYTES: Final = 64 * 1024 * 1024
_ENTRY_BYTES: Final = 500
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much the writer may hold, and how often it tries again."""

    queue: int
    """Units that may wait."""
    probe_seconds: float
    """Pause between attempts while the database can't be written."""
    stall_seconds: float = 10.0
    """A write that takes longer is trouble, although it may still succeed."""


class Writer:
    """Numbers audit entries as they come, writes everything in that order, and never skips a number."""

    def __init__(
        self,
        connection: StoreConnection,
        head: Head,
        sealer: Sealer,
        clock: Clock,
        pace: Pace,
        check_file: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._head = head
        self._sealer = sealer
        self._clock = clock
        self._pace = pace
        self._check_file = check_file
        self._next_number = head.number + 1
        self._queue: deque[Unit] = deque()
        self._held = 0
        self._held_bytes = 0
        self._arrived = asyncio.Event()
        self._urgent = asyncio.Event()
        self._closing = asyncio.Event()
        self._trouble = ""
        self._log_grew = False
        self.on_trouble: Callable[[str], None] | None = None
        self.on_recovery: Callable[[], None] | None = None
        self.on_written: Callable[[], None] | None = None

    @property
    def trouble(self) -> str:
        """Why the database can't be written now; empty when it can."""
        return self._trouble

    def place(self, writes: Sequence[Write], audit: Sequence[AuditEntry], *, wait: bool) -> Unit:
        """Put a unit into the queue and give its entries their numbers; `StoreBusy` or `StoreUnavailable` if not."""
        if self._closing.is_set():
            raise StoreUnavailable("the store is closed")
        if wait and self._trouble:
            raise StoreUnavailable(self._trouble)
        if self._held >= self._pace.queue:
            raise StoreBusy(f"{self._held} units wait to be written")
        drafts = tuple([draft(entry, number) for number, entry in enumerate(audit, self._next_number)])
        size = _ENTRY_BYTES
        for each in drafts:
            size += len(each.detail) + _ENTRY_BYTES
        if self._held_bytes + size > _QUEUE_BYTES:
            raise StoreBusy(f"{self._held_bytes} bytes wait to be written")
        done = asyncio.get_running_loop().create_future() if wait else None
        unit = Unit(tuple(writes), drafts, done, size)
        self._next_number += len(drafts)
        self._queue.append(unit)
        self._held += 1
        self._held_bytes += size
        if not self._arrived.is_set():
            self._arrived.set()
        if wait or len(self._queue) >= _BATCH_UNITS:
            self._urgent.set()
        return unit

    def close(self) -> None:
        """Take nothing more; `run` ends when the queue is empty or can't be written."""
        self._closing.set()
        self._arrived.set()
        self._urgent.set()

    async def run(self) -> None:
        """Write until closed. Whatever ends it, nobody is left waiting."""
        try:
            while self._queue or not self._closing.is_set():
                await self._next_work()
                batch = self._take()
                if batch and not await self._write(batch) and await self._pause():
                    break
        except Exception:  # noqa: BLE001 - the outermost edge of the writer's task
            _log.exception("the store's writer broke")
            self._fail("the store's writer broke; the log has the details")
        finally:
            self.close()
            self._trouble = self._trouble or "the store is closed"
            self._refuse_callers(self._trouble)
            if self._queue:
                _log.error("%d audit records could not be written before the stop", self._held)

    async def _next_work(self) -> None:
        while not self._arrived.is_set():
            try:
                async with asyncio.timeout(IDLE_SECONDS if self._log_grew else None):
                    await self._arrived.wait()
            except TimeoutError:
                await self._checkpoint()
        if not self._urgent.is_set():
            try:
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._urgent.wait()
            except TimeoutError:
                pass

    def _take(self) -> list[Unit]:
        batch: list[Unit] = []
        size = 0
        while self._queue and len(batch) < _BATCH_UNITS and size < _BATCH_BYTES:
            batch.append(self._queue.popleft())
            size += batch[-1].size
        if self._queue:
            self._urgent.set()
        elif not self._closing.is_set():
            self._arrived.clear()
            self._urgent.clear()
        return batch

    async def _write(self, batch: list[Unit]) -> bool:
        try:
            with self._watched():
                written = await self._connection.run(self._write_in_thread, batch, self._head)
        except (sqlite3.Error, OSError) as error:
            self._queue.extendleft(reversed(batch))
            self._fail(f"the database can't be written: {error}")
            return False
        except BaseException:
            self._queue.extendleft(reversed(batch))
            raise
        self._head = written.head
        self._log_grew = True
        self._settle(batch, written)
        self._recover()
        if self.on_written is not None:
            self.on_written()
        return True

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Call it trouble when the disk doesn't answer in time. The write itself goes on, and whoever waits for it does."""
        seconds = self._pace.stall_seconds
        timer = asyncio.get_running_loop().call_later(
            seconds, self._fail, f"the disk has not taken a write for {seconds:g} s"
        )
        try:
            yield
        finally:
            timer.cancel()

    def _write_in_thread(self, connection: sqlite3.Connection, batch: Sequence[Unit], head: Head) -> Written:
        self._check_file()
        return write_batch(connection, batch, head, self._sealer)

    def _settle(self, batch: Sequence[Unit], written: Written) -> None:
        for place, unit in enumerate(batch):
            self._held -= 1
            self._held_bytes -= unit.size
            if unit.done is None or unit.done.done():
                continue
            failure = written.failures.get(place)
            if failure is None:
                unit.done.set_result(unit.numbers)
            else:
                unit.done.set_exception(failure)

    def _fail(self, reason: str) -> None:
        first, self._trouble = not self._trouble, reason
        self._refuse_callers(reason)
        if not first:
            return
        _log.error("audit and orders stop: %s", reason)
        try:
            self.place((), (self._note("store_failed", "error", reason),), wait=False)
        except (StoreBusy, StoreUnavailable):
            _log.warning("the queue has no room for a record of the trouble")
        if self.on_trouble is not None:
            asyncio.get_running_loop().call_soon(self.on_trouble, reason)

    def _recover(self) -> None:
        if not self._trouble:
            return
        self._trouble = ""
        _log.warning("the database can be written again")
        if self.on_recovery is not None:
            asyncio.get_running_loop().call_soon(self.on_recovery)

    def _refuse_callers(self, reason: str) -> None:
        """Tell everybody who waits; their numbers stay in the chain as void records."""
        kept: deque[Unit] = deque()
        for unit in self._queue:
            if unit.done is None:
                kept.append(unit)
                continue
            if not unit.done.done():
                unit.done.set_exception(StoreUnavailable(reason))
            if unit.drafts:
                drafts = tuple(void(each, "unavailable") for each in unit.drafts)
                kept.append(Unit((), drafts, None, unit.size))
            else:
                self._held -= 1
                self._held_bytes -= unit.size
        self._queue = kept
        if kept:
            self._arrived.set()

    async def _pause(self) -> bool:
        """Wait before the next attempt; True when the store is closing and the last attempt has failed."""
        if self._closing.is_set():
            return True
        try:
            async with asyncio.timeout(self._pace.probe_seconds):
                await self._closing.wait()
        except TimeoutError:
            pass
        # On a full disk an emptied log gives its own space back.
        await self._checkpoint()
        return False

    async def _checkpoint(self) -> None:
        self._log_grew = False
        try:
            with self._watched():
                await self._connection.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            _log.info("the write-ahead log can't be moved into the database now: %s", error)

    def _note(self, event: str, outcome: str, reason: str) -> AuditEntry:
        return AuditEntry(self._clock.now(), "host", tool=event, outcome=outcome, detail={"reason": reason})
