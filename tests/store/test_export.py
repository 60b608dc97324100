from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pytest

from cockpit.store.audit import AuditEntry, AuditQuery
from cockpit.store.database import Store
from cockpit.store.export import ExportRefused, export_audit
from cockpit.store.writes import StoreUnavailable
from tests.store.conftest import NOON, StandingClock

EVERYTHING = AuditQuery()
COUNT = 5_000


@pytest.fixture
async def stopped(folder: Path, clock: StandingClock) -> Path:
    """The folder of a stopped store with more records than a slice."""
    async with Store(folder, clock) as store:
        for turn in range(1, COUNT + 1):
            client = "claude" if turn % 2 else "=HYPERLINK(1)"
            store.record(AuditEntry(NOON, "call", client, "get_quote", symbol="-ALFA", detail={"turn": turn}))
    return folder


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_record_is_there_in_order_and_the_last_line_says_so(stopped: Path, tmp_path: Path) -> None:
    target = tmp_path / "audit.jsonl"
    manifest = export_audit(stopped, target, EVERYTHING)
    *records, last = lines(target)
    assert [each["number"] for each in records] == list(range(1, COUNT + 1))
    assert records[6]["detail"] == {"turn": 7}
    assert last == {
        "manifest": {
            "records": COUNT,
            "first": 1,
            "last": COUNT,
            "last_hash": records[-1]["hash"],
            "sealed": False,
        }
    }
    assert manifest.last_hash == records[-1]["hash"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_sealed_leaves_the_details_out(stopped: Path, tmp_path: Path) -> None:
    for table in (True, False):
        target = tmp_path / f"audit-{table}"
        export_audit(stopped, target, EVERYTHING, table=table, sealed=True)
        assert "turn" not in target.read_text()


def test_filters_choose_what_is_written(stopped: Path, tmp_path: Path) -> None:
    manifest = export_audit(stopped, tmp_path / "one", AuditQuery(client="claude", after=COUNT - 10))
    assert (manifest.records, manifest.first, manifest.last) == (5, COUNT - 9, COUNT - 1)
    nothing = export_audit(stopped, tmp_path / "none", AuditQuery(client="nobody"))
    assert (nothing.records, nothing.first, len(lines(tmp_path / "none"))) == (0, None, 1)


def test_a_table_has_a_head_and_cells_that_no_spreadsheet_carries_out(stopped: Path, tmp_path: Path) -> None:
    export_audit(stopped, tmp_path / "audit.csv", EVERYTHING, table=True)
    with (tmp_path / "audit.csv").open(newline="") as file:
        head, *rows, manifest = list(csv.reader(file))
    assert len(rows) == COUNT
    second = dict(zip(head, rows[1], strict=True))
    assert (second["client"], second["symbol"], json.loads(second["detail"])) == (
        "'=HYPERLINK(1)",
        "'-ALFA",
        {"turn": 2},
    )
    assert manifest[0] == "# manifest"
    assert json.loads(manifest[1])["records"] == COUNT
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


def test_a_file_that_is_there_is_kept_unless_it_shall_be_replaced(stopped: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.write_text("mine")
    with pytest.raises(ExportRefused, match="--force"):
        export_audit(stopped, target, EVERYTHING)
    assert target.read_text() == "mine"
    export_audit(stopped, target, EVERYTHING, force=True)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(ExportRefused):
        export_audit(stopped, tmp_path, EVERYTHING, force=True)
    with pytest.raises(ExportRefused, match="can't be written"):
        export_audit(stopped, tmp_path / "nowhere" / "file", EVERYTHING)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "mine"]


def test_an_export_that_fails_leaves_no_file(stopped: Path, tmp_path: Path) -> None:
    (stopped / "keys" / "audit.key").unlink()
    with pytest.raises(StoreUnavailable, match="--sealed"):
        export_audit(stopped, tmp_path / "audit", EVERYTHING)
    assert [each.name for each in tmp_path.iterdir()] == ["data"]
    assert export_audit(stopped, tmp_path / "audit", EVERYTHING, sealed=True).records == COUNT


async def test_a_running_store_is_exported_with_everything_that_is_durable(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    odd = {"huge": 2**80, "surrogate": "\ud800"}
    await store.commit([], [AuditEntry(NOON, "order", detail=odd)])
    assert export_audit(folder, tmp_path / "audit", EVERYTHING).records == 1
    assert lines(tmp_path / "audit")[0]["detail"] == odd
