-- Authorities of four kinds: OAuth grants, API keys, signed tokens that the operator minted, and services.
-- made_by: which of the operator's doors made it. hint: how a key begins, to know it again. signed_by: the signing key
-- of a minted token. timed: scopes that fall away by themselves, as scope@microseconds, with spaces between.

CREATE TABLE oauth_grants_anew (
    grant_id     TEXT PRIMARY KEY,
    via          TEXT NOT NULL CHECK (via IN ('oauth', 'key', 'token', 'service')),
    client       TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    timed        TEXT NOT NULL DEFAULT '',
    asked        TEXT NOT NULL,
    connection   TEXT NOT NULL,
    host         TEXT NOT NULL,
    made_at      INTEGER NOT NULL,
    made_by      TEXT NOT NULL DEFAULT '',
    collect_by   INTEGER,
    expires_at   INTEGER,
    suspended    INTEGER NOT NULL DEFAULT 0,
    last_used    INTEGER,
    last_address TEXT NOT NULL DEFAULT '',
    key_hash     BLOB UNIQUE,
    hint         TEXT NOT NULL DEFAULT '',
    signed_by    TEXT NOT NULL DEFAULT '',
    ended_at     INTEGER,
    end_reason   TEXT
) STRICT, WITHOUT ROWID;

INSERT INTO oauth_grants_anew
    (grant_id, via, client, client_id, scopes, asked, connection, host, made_at, collect_by, expires_at, suspended,
     last_used, key_hash, ended_at, end_reason)
SELECT grant_id, via, client, client_id, scopes, asked, connection, host, made_at, collect_by, expires_at, suspended,
       last_used, key_hash, ended_at, end_reason
FROM oauth_grants;

DROP TABLE oauth_grants;
ALTER TABLE oauth_grants_anew RENAME TO oauth_grants;
CREATE INDEX oauth_grants_open ON oauth_grants (grant_id) WHERE ended_at IS NULL;

-- The latest time that was ever seen: a clock that is put back must not let anything live longer.
CREATE TABLE oauth_time (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    latest INTEGER NOT NULL
) STRICT;
