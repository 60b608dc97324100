"""A database from before there was a web sign-in: it opens, and takes what is set."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cockpit.store.database import Store
from cockpit.store.schema import migrate, shipped_migrations
from oauth.web import records
from oauth.web.records import Passkey, Password
from tests.oauth.outside import ManualClock

NUMBER = 14


async def test_a_database_that_has_later_tables_gets_these_too(tmp_path: Path) -> None:
    folder, clock = tmp_path / "data", ManualClock()
    folder.mkdir(mode=0o700)
    file = folder / "cockpit.db"
    file.touch(mode=0o600)
    old = sqlite3.connect(file, isolation_level=None)
    migrate(old, [one for one in shipped_migrations() if one.number != NUMBER], 1)
    old.execute("INSERT INTO totp (only_one, enrolment, enrolled_at, last_step) VALUES (1, ?, 1, 1)", ("e" * 16,))
    old.close()
    passkey = Passkey("phone", b"id", b"public", 3, clock.now())
    password = Password("$argon2id$" + "x" * 60, clock.now())
    async with Store(folder, clock) as store:
        writes = [records.add_passkey(passkey), records.set_password(password), *records.count_failure(clock.now())]
        await store.commit(writes)
    async with Store(folder, clock) as store:
        assert await records.passkeys(store) == [passkey]
        assert await records.password(store) == password
        assert await records.failures(store, clock.now()) == [clock.now()]
        assert len(await store.rows("SELECT 1 FROM totp")) == 1
