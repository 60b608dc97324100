"""Archives old records by itself, at start and after each midnight in UTC, where the settings ask for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from cockpit.model.clock import Clock
from cockpit.store.archiving import ArchiveFailed, Keep
from cockpit.store.database import Store
from cockpit.store.writes import StoreBusy, StoreUnavailable

_LOOK_SECONDS: Final = 60.0
_log: Final = logging.getLogger(__name__)


class Upkeep:
    """Looks every minute whether a new day has begun; a clock that jumps costs one look more."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        days: int | None,
        records: int | None,
        trouble: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._days = days
        self._records = records
        self._trouble = trouble
        self._done_on: date | None = None

    async def run(self) -> None:
        """Keep the database small for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Archive what is old, once a day; what fails is told and tried again the next day."""
        today = self._clock.now().date()
        if today == self._done_on:
            return
        self._done_on = today
        try:
            archive = await self._store.audit_archive(self._keep())
        except (ArchiveFailed, StoreBusy, StoreUnavailable) as error:
            self._trouble(str(error))
            return
        if archive is not None:
            _log.info("records %d to %d were archived: %s", archive.first, archive.end.number, archive.file)

    def _keep(self) -> Keep:
        since = None if self._days is None else self._clock.now() - timedelta(days=self._days)
        return Keep(since, self._records)
