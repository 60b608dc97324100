"""What goes on beside the audit while a cockpit runs: the mirror file, and the archive of what is old."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator

from cockpit.model.clock import Clock
from cockpit.model.events import Event, Notice
from cockpit.model.text import safe
from cockpit.settings.model import AuditSettings
from cockpit.store.connection import DATABASE_NAME
from cockpit.store.database import Store
from cockpit.store.mirror import Mirror
from cockpit.store.upkeep import Upkeep


def record_keeping(
    settings: AuditSettings, store: Store, clock: Clock, publish: Callable[[Event], None]
) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
    """Yield the services that the settings ask for, by name. None of them can hold up or fail a commit."""

    def tell(text: str) -> None:
        publish(Notice(clock.now(), safe(text, 200), True))

    if settings.mirror:
        mirror = Mirror(
            store.folder / DATABASE_NAME,
            settings.mirror_mb * 1_000_000,
            lambda why: tell(f"audit.jsonl can't be written and is caught up later: {why}"),
        )
        store.on_written = mirror.written
        yield "audit mirror", mirror.run()
    if settings.keep_days is not None or settings.keep_records is not None:
        upkeep = Upkeep(
            store,
            clock,
            settings.keep_days,
            settings.keep_records,
            lambda why: tell(f"Old records were not archived: {why}"),
        )
        yield "audit upkeep", upkeep.run()
