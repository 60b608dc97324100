from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from cockpit.store.audit import AuditEntry, draft
from cockpit.store.chain import Head, Sealer, link
from cockpit.store.database import Store
from cockpit.store.verify import SLICE, verify_offline
from tests.store.conftest import NOON, StandingClock
from tests.store.watch import call, edit

COUNT = 30


@pytest.fixture
async def stopped(folder: Path, clock: StandingClock) -> Path:
    """The folder of a stopped store with thirty records."""
    async with Store(folder, clock) as store:
        for turn in range(COUNT):
            store.record(
                AuditEntry(
                    NOON,
                    "call",
                    client="Claude",
                    tool="get_quote",
                    outcome="denied",
                    code="HALTED",
                    symbol="ALFA",
                    order_id=f"O-{turn}",
                    grant_id="G-1",
                    duration_us=1_000 + turn,
                    detail={"turn": turn, "marker": "x" * 40},
                )
            )
    return folder


def test_an_untouched_chain_is_whole(stopped: Path) -> None:
    verdict = verify_offline(stopped, structure=True)
    assert (verdict.ok, verdict.records, verdict.first_bad, verdict.reason) == (True, COUNT, None, "")


def test_verifying_offline_leaves_no_file_behind(stopped: Path) -> None:
    before = sorted(stopped.iterdir())
    verify_offline(stopped)
    assert sorted(stopped.iterdir()) == before


async def test_a_running_store_can_be_verified_from_outside(store: Store, folder: Path) -> None:
    await store.commit([], [call(), call()])
    assert verify_offline(folder).records == 2
    assert (await asyncio.to_thread(verify_offline, folder)).ok


async def test_records_go_on_while_the_chain_is_read_in_slices(store: Store) -> None:
    written = 2 * SLICE
    for _ in range(written):
        store.record(call())
    await store.flush()
    checking = asyncio.create_task(store.audit_verify())
    while not checking.done():
        await store.commit([], [call()])
        written += 1
    verdict = await checking
    assert verdict.ok
    assert 2 * SLICE < verdict.records <= written


@pytest.mark.parametrize(
    ("column", "changed"),
    [
        ("at", "at + 1"),
        ("kind", "'order'"),
        ("client", "'claude'"),
        ("tool", "tool || ' '"),
        ("outcome", "'ok'"),
        ("code", "''"),
        ("symbol", "'BETA'"),
        ("order_id", "'O-0'"),
        ("grant_id", "'G-2'"),
        ("duration_us", "NULL"),
        ("detail", "(SELECT detail FROM audit WHERE number = 3)"),
        ("digest", "zeroblob(32)"),
        ("hash", "zeroblob(32)"),
        ("client", "CAST(x'ff' AS TEXT)"),
    ],
)
def test_a_change_of_any_column_is_found_at_its_record(stopped: Path, column: str, changed: str) -> None:
    edit(stopped, f"UPDATE audit SET {column} = {changed} WHERE number = 12")
    verdict = verify_offline(stopped)
    assert (verdict.ok, verdict.records, verdict.first_bad) == (False, 11, 12)


def test_bytes_moved_from_one_column_to_the_next_are_found(stopped: Path) -> None:
    # The hash covers digest and detail one after the other; the digest's length keeps them apart.
    edit(
        stopped,
        "UPDATE audit SET digest = CAST(digest || substr(detail, 1, 1) AS BLOB), detail = substr(detail, 2)"
        " WHERE number = 12",
    )
    assert verify_offline(stopped).first_bad == 12


@pytest.mark.parametrize("wanted", [b"get_quote", b"O-17"])
def test_a_flipped_byte_in_the_file_is_found(stopped: Path, wanted: bytes) -> None:
    path = stopped / "cockpit.db"
    content = bytearray(path.read_bytes())
    # The last place is in the table's page of the newest such record or in an index; flip in every place.
    place = content.find(wanted)
    while place >= 0:
        content[place] ^= 0x01
        place = content.find(wanted, place + 1)
    path.write_bytes(content)
    verdict = verify_offline(stopped)
    assert not verdict.ok
    assert verdict.first_bad is not None


def test_a_flipped_byte_in_a_sealed_detail_is_found(stopped: Path) -> None:
    with sqlite3.connect(stopped / "cockpit.db") as connection:
        (sealed,) = connection.execute("SELECT detail FROM audit WHERE number = 7").fetchone()
    connection.close()
    path = stopped / "cockpit.db"
    content = bytearray(path.read_bytes())
    content[content.index(sealed) + 20] ^= 0x80
    path.write_bytes(content)
    assert verify_offline(stopped).first_bad == 7


@pytest.mark.parametrize("gone", [1, 12, COUNT])
def test_a_missing_record_is_found(stopped: Path, gone: int) -> None:
    edit(stopped, "DELETE FROM audit WHERE number = ?", gone)
    verdict = verify_offline(stopped)
    assert (verdict.ok, verdict.first_bad) == (False, gone)
    assert "missing" in verdict.reason


def test_a_missing_record_whose_place_was_closed_is_found(stopped: Path) -> None:
    edit(stopped, "DELETE FROM audit WHERE number = 12")
    edit(stopped, "UPDATE audit SET number = -number WHERE number > 12")
    edit(stopped, "UPDATE audit SET number = -number - 1 WHERE number < 0")
    assert verify_offline(stopped).first_bad == 12


def test_exchanged_records_are_found(stopped: Path) -> None:
    edit(stopped, "UPDATE audit SET number = -1 WHERE number = 12")
    edit(stopped, "UPDATE audit SET number = 12 WHERE number = 13")
    edit(stopped, "UPDATE audit SET number = 13 WHERE number = -1")
    assert verify_offline(stopped).first_bad == 12


def test_a_truncated_tail_is_found_through_the_signed_head(stopped: Path) -> None:
    edit(stopped, "DELETE FROM audit WHERE number > 20")
    verdict = verify_offline(stopped)
    assert (verdict.ok, verdict.records, verdict.first_bad) == (False, 20, 21)
    assert str(COUNT) in verdict.reason


def test_a_chain_made_anew_without_the_key_does_not_pass(stopped: Path) -> None:
    # Whoever lacks the key may compute every hash anew, but can't sign the head.
    edit(stopped, "DELETE FROM audit WHERE number > 20")
    forged = (
        "UPDATE meta SET value = CAST(x'0000000000000014' || (SELECT hash FROM audit WHERE number = 20)"
        " || substr(value, 41) AS BLOB) WHERE name = 'audit_head'"
    )
    edit(stopped, forged)
    verdict = verify_offline(stopped)
    assert not verdict.ok
    assert "not signed" in verdict.reason


def test_a_last_record_made_anew_without_the_key_does_not_pass(stopped: Path) -> None:
    with sqlite3.connect(stopped / "cockpit.db") as connection:
        (before,) = connection.execute("SELECT hash FROM audit WHERE number = ?", (COUNT - 1,)).fetchone()
        (forged,), _ = link([draft(call(), COUNT)], Head(COUNT - 1, before), Sealer(b"f" * 32))
        connection.execute("DELETE FROM audit WHERE number = ?", (COUNT,))
        connection.execute(f"INSERT INTO audit VALUES ({', '.join('?' * 14)})", forged)
    connection.close()
    verdict = verify_offline(stopped)
    assert (verdict.ok, verdict.records, verdict.first_bad) == (False, COUNT - 1, COUNT)


def test_a_record_added_from_outside_is_found(stopped: Path) -> None:
    edit(
        stopped,
        "INSERT INTO audit SELECT 31, at, kind, client, tool, outcome, code, symbol, order_id, grant_id, duration_us,"
        " detail, digest, hash FROM audit WHERE number = 30",
    )
    assert verify_offline(stopped).first_bad == 31


def test_a_missing_key_is_no_good_verdict(stopped: Path) -> None:
    (stopped / "keys" / "audit.key").unlink()
    verdict = verify_offline(stopped)
    assert not verdict.ok
    assert "key is missing" in verdict.reason
    assert verdict.records == COUNT


def test_no_database_and_no_sqlite_are_verdicts_with_a_reason(tmp_path: Path) -> None:
    assert "no database" in verify_offline(tmp_path).reason
    (tmp_path / "cockpit.db").write_bytes(b"junk" * 2_000)
    verdict = verify_offline(tmp_path)
    assert (verdict.ok, verdict.records) == (False, 0)
    assert "can't be read" in verdict.reason


def test_another_sqlite_database_is_a_verdict_too(tmp_path: Path) -> None:
    edit(tmp_path, "CREATE TABLE bookmarks (url TEXT)")
    verdict = verify_offline(tmp_path)
    assert not verdict.ok
    assert "no such table" in verdict.reason


@pytest.mark.parametrize("keep", [0, 10, 100, 4096, 20_000])
def test_a_database_cut_short_is_a_verdict(stopped: Path, keep: int) -> None:
    path = stopped / "cockpit.db"
    path.write_bytes(path.read_bytes()[:keep])
    assert not verify_offline(stopped, structure=True).ok
