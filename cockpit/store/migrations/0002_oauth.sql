-- What the authorization server remembers. Of secrets only SHA-256 digests are kept.

-- Registrations. Standing: new (nobody approved it yet), approved, revoked (its authorities were ended).
CREATE TABLE oauth_clients (
    client_id     TEXT PRIMARY KEY,
    standing      TEXT NOT NULL CHECK (standing IN ('new', 'approved', 'revoked')),
    claimed_name  TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    auth_method   TEXT NOT NULL CHECK (auth_method IN ('none', 'client_secret_post', 'client_secret_basic')),
    secret_hash   BLOB,
    address       TEXT NOT NULL,
    registered_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_clients_standing ON oauth_clients (standing, registered_at);

-- Authorities: OAuth grants and API keys alike. An ended one stays for the record.
CREATE TABLE oauth_grants (
    grant_id    TEXT PRIMARY KEY,
    via         TEXT NOT NULL CHECK (via IN ('oauth', 'key')),
    client      TEXT NOT NULL,
    client_id   TEXT NOT NULL,
    scopes      TEXT NOT NULL,
    asked       TEXT NOT NULL,
    connection  TEXT NOT NULL,
    host        TEXT NOT NULL,
    made_at     INTEGER NOT NULL,
    collect_by  INTEGER,
    expires_at  INTEGER,
    suspended   INTEGER NOT NULL DEFAULT 0,
    last_used   INTEGER,
    key_hash    BLOB UNIQUE,
    ended_at    INTEGER,
    end_reason  TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_grants_open ON oauth_grants (grant_id) WHERE ended_at IS NULL;

-- Authorization codes: kept after use, because a second use ends the grant.
CREATE TABLE oauth_codes (
    code_hash    BLOB PRIMARY KEY,
    grant_id     TEXT NOT NULL,
    client_id    TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge    TEXT NOT NULL,
    expires_at   INTEGER NOT NULL,
    used_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE oauth_refresh (
    token_hash BLOB PRIMARY KEY,
    grant_id   TEXT NOT NULL,
    client_id  TEXT NOT NULL,
    parent     BLOB,
    state      TEXT NOT NULL CHECK (state IN ('active', 'used', 'superseded')),
    closed     INTEGER NOT NULL DEFAULT 0,
    children   INTEGER NOT NULL DEFAULT 0,
    scopes     TEXT NOT NULL,
    made_at    INTEGER NOT NULL,
    stale_at   INTEGER,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_refresh_parent ON oauth_refresh (parent);
CREATE INDEX oauth_refresh_grant ON oauth_refresh (grant_id);

-- Names that the operator gave, with what they were given to.
CREATE TABLE oauth_names (
    name    TEXT NOT NULL,
    host    TEXT NOT NULL,
    claimed TEXT NOT NULL,
    PRIMARY KEY (name, host, claimed)
) STRICT, WITHOUT ROWID;
