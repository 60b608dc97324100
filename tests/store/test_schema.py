from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from cockpit.store.folder import StoreCannotOpen
from cockpit.store.schema import Migration, migrate, shipped_migrations

FIRST = Migration(1, "first", "CREATE TABLE a (x INTEGER) STRICT;")
SECOND = Migration(2, "second", "CREATE TABLE b (x INTEGER) STRICT; CREATE TABLE c (x INTEGER) STRICT;")


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_migrations_run_once_and_later_ones_are_added(database: sqlite3.Connection) -> None:
    migrate(database, [FIRST], 1)
    migrate(database, [FIRST, SECOND], 2)
    assert tables(database) == {"migrations", "a", "b", "c"}
    assert database.execute("SELECT number, name, applied_at FROM migrations").fetchall() == [
        (1, "first", 1),
        (2, "second", 2),
    ]


def test_a_migration_that_fails_leaves_nothing_of_itself(database: sqlite3.Connection) -> None:
    broken = Migration(2, "broken", "CREATE TABLE b (x INTEGER) STRICT; CREATE TABLE a (x INTEGER) STRICT;")
    with pytest.raises(StoreCannotOpen, match="0002_broken failed"):
        migrate(database, [FIRST, broken], 1)
    assert tables(database) == {"migrations", "a"}


def test_a_database_of_a_newer_version_is_refused(database: sqlite3.Connection) -> None:
    migrate(database, [FIRST, SECOND], 1)
    with pytest.raises(StoreCannotOpen, match="newer version"):
        migrate(database, [FIRST], 2)


def test_an_applied_migration_that_reads_otherwise_now_is_refused(database: sqlite3.Connection) -> None:
    migrate(database, [FIRST], 1)
    with pytest.raises(StoreCannotOpen, match="0001_first is not the one"):
        migrate(database, [Migration(1, "first", FIRST.sql + "\n")], 2)


def test_another_programs_database_is_refused_untouched(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(StoreCannotOpen, match="another program"):
        migrate(database, [FIRST], 1)
    assert tables(database) == {"bookmarks"}


def test_two_migrations_of_one_number_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").touch()
    (tmp_path / "0001_b.sql").touch()
    with pytest.raises(ValueError, match="number 0001"):
        shipped_migrations(tmp_path)


def test_migrations_are_read_in_order_and_other_files_are_left_out(tmp_path: Path) -> None:
    for name in ("0010_b.sql", "0002_a.sql", "notes.txt", "0003_a.sql~"):
        (tmp_path / name).write_text(name)
    assert [each.number for each in shipped_migrations(tmp_path)] == [2, 10]


def test_every_shipped_table_is_strict(database: sqlite3.Connection) -> None:
    migrate(database, shipped_migrations(), 1)
    loose = database.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0").fetchall()
    assert {name for (name,) in loose} <= {"sqlite_schema", "sqlite_sequence"}


def test_no_shipped_constraint_waits_for_the_commit() -> None:
    # A deferred constraint would fail the whole batch instead of the unit that broke it.
    assert not [each.name for each in shipped_migrations() if "DEFERR" in each.sql.upper()]


def test_marks_by_name_become_those_of_the_account_recorded_last(database: sqlite3.Connection) -> None:
    shipped = shipped_migrations()
    migrate(database, [one for one in shipped if one.number < 23], 0)
    for name in ("ib", "my_paper", "gone"):
        database.execute("INSERT INTO equity_marks VALUES (?, '2026-11-20', '1000', '1100', '990', 7)", (name,))
    for account, at in (("DU1234567", 1), ("U1234567", 3), ("DU7654321", 2)):
        database.execute("INSERT INTO ibkr_equity VALUES ('ib', ?, ?, '990')", (account, at))
    database.execute("INSERT INTO paper_accounts VALUES ('my_paper', 1, '1000')")
    database.execute("INSERT INTO paper_equity VALUES ('my_paper', 2, '990')")
    migrate(database, shipped, 0)
    assert database.execute("SELECT * FROM equity_marks ORDER BY connection").fetchall() == [
        ("ib", "live", "U1234567", "2026-11-20", "1000", "1100", "990", 7),
        ("my_paper", "paper", "SIM-my-paper", "2026-11-20", "1000", "1100", "990", 7),
    ]
