"""What the doctor says about the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cockpit.cli.doctor.clock import examine_clock, judge_discipline, judge_record
from cockpit.cli.doctor.findings import Level
from cockpit.model.clock import SystemClock
from cockpit.store.audit import AuditEntry
from cockpit.store.database import Store

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_clock_that_nothing_keeps_right_is_worth_knowing() -> None:
    assert [next(judge_discipline(state)).level for state in (0, 5, None)] == [
        Level.GOOD, Level.WARNING, Level.WARNING,
    ]  # fmt: skip


def test_a_clock_behind_the_record_is_wrong_and_says_by_how_much() -> None:
    assert list(judge_record(NOW + timedelta(seconds=2), NOW)) == []
    (found,) = judge_record(NOW + timedelta(seconds=90), NOW)
    assert found.level is Level.BAD
    assert "90 s behind" in found.says


async def test_the_newest_record_of_a_real_folder_is_found(tmp_path: Path) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with Store(tmp_path / "data", SystemClock()) as store:
        await store.commit([], [AuditEntry(tomorrow, "host", tool="start")])
    assert any(found.level is Level.BAD for found in examine_clock(tmp_path / "data"))
    assert not any(found.level is Level.BAD for found in examine_clock(tmp_path / "none"))
