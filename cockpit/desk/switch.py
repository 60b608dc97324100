"""Where the trading switch stands: moved in memory first, then on disk, and found again after a restart."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from cockpit.model.clock import Clock
from cockpit.model.events import Event, SwitchMoved
from cockpit.model.refusals import Refused, refuse
from cockpit.model.text import Safe, safe
from cockpit.model.trading import TradingState, TradingSwitch
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.times import from_micros, to_micros
from cockpit.store.writes import StoreBusy, StoreUnavailable, Write

T = TypeVar("T")

log = logging.getLogger(__name__)

MARKER: Final = "running"
"""File that a cockpit which may act owns. Removing it needs no space on the disk; a start without it is KILLED."""

_MARKED: Final = {TradingState.HALTED: "halted", TradingState.REDUCE_ONLY: "reduce-only"}
"""What the marker is renamed to where a state can't be written; that needs no space on the disk either."""

_FREEDOM: Final = (TradingState.KILLED, TradingState.HALTED, TradingState.REDUCE_ONLY, TradingState.RUNNING)


class Switch:
    """The one switch. Lowering it takes effect before anything is awaited; raising it only once it is durable."""

    def __init__(self, store: Store, folder: Path, clock: Clock, publish: Callable[[Event], None]) -> None:
        self._store = store
        self._marker = folder / MARKER
        self._clock = clock
        self._publish = publish
        self._stands = TradingSwitch(TradingState.KILLED, clock.now(), safe("not read yet"))
        self._lowered = 0
        self._until_kill: set[asyncio.Future[Any]] = set()
        self.on_lowered: Callable[[TradingState], None] = lambda state: None
        """Told each move towards less freedom, before anything else happens. Never raises."""

    @property
    def stands(self) -> TradingSwitch:
        """Where it stands now."""
        return self._stands

    @property
    def state(self) -> TradingState:
        """The state alone."""
        return self._stands.state

    async def load(self) -> None:
        """Find the state again. A first start is RUNNING; a database whose marker is gone is KILLED."""
        rows = await self._store.rows("SELECT state, since, reason FROM trading_switch")
        if not rows:
            self._stands = TradingSwitch(TradingState.RUNNING, self._clock.now(), safe("first start"))
            self._make_marker()
            await self._save("start", by="host")
            return
        row = rows[0]
        found = TradingSwitch(TradingState(row["state"]), from_micros(row["since"]), Safe(row["reason"]))
        if found.state is not TradingState.KILLED and not self._marker.exists():
            state = next((one for one, name in _MARKED.items() if self._beside(name).exists()), TradingState.KILLED)
            if _FREEDOM.index(state) < _FREEDOM.index(found.state):
                says = f"{state} before the last stop, which could not be written"
                self._stands = TradingSwitch(state, self._clock.now(), safe(says))
                with suppress(StoreUnavailable, StoreBusy):
                    await self._save("start", by="host")
                return
        self._stands = found

    def lower(self, state: TradingState, reason: str) -> bool:
        """Move towards less freedom, at once and in memory; a kill also removes the marker. False: already there.

        Never raises: whatever the disk does, what follows a kill goes on. A resume that is under way is called off.
        KILLED stands since it was asked for last: what was sent meanwhile came before that.
        """
        self._lowered += 1
        if state is self._stands.state is TradingState.KILLED:
            self._stands = replace(self._stands, since=self._clock.now())
        if _FREEDOM.index(state) >= _FREEDOM.index(self._stands.state):
            return False
        self._stands = TradingSwitch(state, self._clock.now(), safe(reason))
        self.on_lowered(state)
        self._publish(SwitchMoved(self._stands.since, self._stands))
        if state is TradingState.KILLED:
            for task in self._until_kill:
                task.cancel()
            self._drop_marker()
        return True

    async def unless_killed(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work, and be done with it at the moment of a kill: Refused with KILL_SWITCH, whatever it waits for."""
        task = asyncio.ensure_future(work)
        self._until_kill.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            mine = asyncio.current_task()
            if task.cancelled() and (mine is None or not mine.cancelling()):
                raise Refused(refuse("KILL_SWITCH")) from None
            raise
        finally:
            self._until_kill.discard(task)

    @property
    def marked(self) -> bool:
        """Whether the marker is there: after a kill it must not be, or a restart may not be KILLED."""
        return self._marker.exists()

    async def halt(self, reason: str) -> None:
        """Halt by the host itself. Where it can't be written it holds all the same."""
        if self.lower(TradingState.HALTED, reason):
            with suppress(StoreUnavailable, StoreBusy):
                await self.save("halt", by=reason)

    async def save(self, act: str, by: str) -> None:
        """Make where it stands durable. StoreUnavailable leaves memory as it is, and marks it for the next start."""
        try:
            await self._save(act, by)
        except (StoreUnavailable, StoreBusy, asyncio.CancelledError):
            self._mark_state()
            raise

    async def resume(self, reason: str, by: str) -> bool:
        """Move to RUNNING: the marker and the database first, then memory. False: it was lowered meanwhile."""
        killed, lowered = self._stands.state is TradingState.KILLED, self._lowered
        stands = TradingSwitch(TradingState.RUNNING, self._clock.now(), safe(reason))
        try:
            self._make_marker()
            await self._save("resume", by, stands)
        except BaseException:
            if killed or self._stands.state is TradingState.KILLED:
                self._drop_marker()
            raise
        if self._lowered != lowered:
            if self._stands.state is TradingState.KILLED:
                self._drop_marker()
            await self._save("resume called off", by)
            return False
        self._stands = stands
        for name in _MARKED.values():
            self._beside(name).unlink(missing_ok=True)
        self._publish(SwitchMoved(stands.since, stands))
        return True

    async def _save(self, act: str, by: str, stands: TradingSwitch | None = None) -> None:
        now = stands or self._stands
        await self._store.commit(
            [
                Write(
                    "INSERT INTO trading_switch (only, state, since, reason) VALUES (1, ?, ?, ?) "
                    "ON CONFLICT (only) DO UPDATE SET state=excluded.state, since=excluded.since, reason=excluded.reason",
                    (now.state, to_micros(now.since), now.reason),
                )
            ],
            [
                AuditEntry(
                    self._clock.now(), "switch", tool=act, outcome=now.state, detail={"by": by, "reason": now.reason}
                )
            ],
        )

    def _make_marker(self) -> None:
        descriptor = os.open(self._marker, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._sync_folder()

    def _beside(self, name: str) -> Path:
        return self._marker.with_name(name)

    def _mark_state(self) -> None:
        name = _MARKED.get(self._stands.state)
        if name is None:
            return
        for known in (self._marker, *map(self._beside, _MARKED.values())):
            try:
                known.rename(self._beside(name))
                self._sync_folder()
            except FileNotFoundError:
                continue
            except OSError:
                log.exception("%s can't be marked: a restart may forget it", self._stands.state)

    def _drop_marker(self) -> None:
        try:
            for name in (MARKER, *_MARKED.values()):
                self._beside(name).unlink(missing_ok=True)
            self._sync_folder()
        except OSError:
            log.exception("the marker %s can't be removed: a restart may not be KILLED", self._marker)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._marker.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
