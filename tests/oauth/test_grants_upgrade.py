"""A database from before grants knew who made them: it opens, and every authority lives on as it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cockpit.model.identity import Scope, Via
from cockpit.store.schema import migrate, shipped_migrations
from tests.oauth.house import open_house

_OLD = """INSERT INTO oauth_grants (grant_id, via, client, client_id, scopes, asked, connection, host, made_at,
    expires_at, suspended, key_hash, ended_at) VALUES (?, ?, ?, ?, 'read:market', 'read:market', 'paper', 'h', 1, ?, ?,
    ?, ?)"""


async def test_an_old_database_keeps_its_grants_and_keys(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    file = folder / "cockpit.db"
    file.touch(mode=0o600)
    old = sqlite3.connect(file, isolation_level=None)
    migrate(old, [one for one in shipped_migrations() if one.number <= 11], 1)
    far = 4_000_000_000_000_000
    old.execute(_OLD, ("g-1", "oauth", "Claude", "c-1", far, 0, None, None))
    old.execute(_OLD, ("g-2", "key", "script", "k-1", None, 1, b"k" * 32, None))
    old.execute(_OLD, ("g-3", "oauth", "Gone", "c-2", far, 0, None, 7))
    old.close()
    async with open_house(folder) as house:
        first, second = house.authority.grants()
        assert (first.client, first.via, first.scopes) == ("Claude", Via.OAUTH, frozenset({Scope.READ_MARKET}))
        assert (second.client, second.via, second.suspended, second.expires_at) == ("script", Via.KEY, True, None)
        assert (first.made_by, first.timed, house.authority.last_address(first.grant_id)) == ("", (), "")
        ended = await house.store.rows("SELECT grant_id FROM oauth_grants WHERE ended_at = 7")
        assert [row["grant_id"] for row in ended] == ["g-3"]
