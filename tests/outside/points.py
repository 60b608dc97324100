"""Where a test kills a cockpit: steps of the order path at which the process ends itself with SIGKILL."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cockpit.desk.switch import Switch
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store
from cockpit.store.writes import Write

VARIABLE: Final = "TEST_DIES_AT"
_FACTS: Final = frozenset(
    f"order.{name}"
    for name in (
        "acknowledged",
        "executed",
        "replaced",
        "replacerefused",
        "cancelled",
        "expired",
        "rejected",
        "linklost",
    )
)


class KillPoint:
    """One step, armed by the test's program right before what it is about.

    ``submit.sent`` dies when that is come to first, ``submit.sent 2`` the second time.
    """

    def __init__(self, step: str, note: Path) -> None:
        self._step, _, times = step.partition(" ")
        self._left = int(times or 1)
        self._note = note
        self.armed = False

    def __call__(self, step: str) -> None:
        if not self.armed or step != self._step:
            return
        self._left -= 1
        if self._left == 0:
            self._note.write_text(step)
            die()

    def install(self) -> None:
        """Put it around the store's commits and the marker's removal, in this process alone."""
        commit, drop, at = Store.commit, Switch._drop_marker, self

        async def watched(self: Store, writes: Sequence[Write], audit: Sequence[AuditEntry] = ()) -> tuple[int, ...]:
            name = _name(audit)
            at(f"{name}.before")
            numbers = await commit(self, writes, audit)
            at(f"{name}.after")
            return numbers

        def dropped(self: Switch) -> None:
            at("marker.before")
            drop(self)
            at("marker.after")

        Store.commit = watched
        Switch._drop_marker = dropped


def die() -> None:
    """End this process without any farewell."""
    os.kill(os.getpid(), signal.SIGKILL)


def _name(audit: Sequence[AuditEntry]) -> str:
    for entry in audit:
        if entry.kind == "switch":
            return "switch"
        if entry.tool in _FACTS:
            return "fact"
        if entry.tool.startswith("order."):
            return entry.tool.removeprefix("order.")
    return ""
