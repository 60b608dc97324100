"""A database from before there were kinds of clients: it opens, and keeps every registration as it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cockpit.store.schema import migrate, shipped_migrations
from oauth.records import Kind, Standing, registration
from tests.oauth.house import open_house

_OLD = """INSERT INTO oauth_clients (client_id, standing, claimed_name, redirect_uris, auth_method, secret_hash, address,
    registered_at) VALUES (?, ?, ?, '["https://client.example/cb"]', ?, ?, '203.0.113.7', 1)"""


async def test_an_old_database_keeps_its_registrations_as_dynamic_ones(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    file = folder / "cockpit.db"
    file.touch(mode=0o600)
    old = sqlite3.connect(file, isolation_level=None)
    migrate(old, [one for one in shipped_migrations() if one.number <= 10], 1)
    old.execute(_OLD, ("c-1", "approved", "Claude", "none", None))
    old.execute(_OLD, ("c-2", "new", "Other", "client_secret_post", b"d" * 32))
    old.close()
    async with open_house(folder) as house:
        first, second = await registration(house.store, "c-1"), await registration(house.store, "c-2")
        assert first is not None
        assert second is not None
        assert (first.kind, first.standing, first.claimed_name) == (Kind.DCR, Standing.APPROVED, "Claude")
        assert first.redirect_uris == ("https://client.example/cb",)
        assert (second.kind, second.standing, second.secret_hash) == (Kind.DCR, Standing.NEW, b"d" * 32)
        assert not first.changed
