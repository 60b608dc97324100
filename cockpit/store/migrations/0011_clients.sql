-- Clients of four kinds: registered by themselves, described by a document at their client_id, named in the settings,
-- or made by the operator for a program that acts for nobody. A service has no redirect_uris: an empty list.

CREATE TABLE oauth_clients_anew (
    client_id      TEXT PRIMARY KEY,
    kind           TEXT NOT NULL CHECK (kind IN ('dcr', 'cimd', 'static', 'service')),
    standing       TEXT NOT NULL CHECK (standing IN ('new', 'approved', 'revoked')),
    claimed_name   TEXT NOT NULL,
    redirect_uris  TEXT NOT NULL,
    auth_method    TEXT NOT NULL
        CHECK (auth_method IN ('none', 'client_secret_post', 'client_secret_basic', 'private_key_jwt')),
    or_none        INTEGER NOT NULL DEFAULT 0 CHECK (or_none IN (0, 1)),
    secret_hash    BLOB,
    jwks           TEXT NOT NULL DEFAULT '',
    jwks_uri       TEXT NOT NULL DEFAULT '',
    address        TEXT NOT NULL,
    registered_at  INTEGER NOT NULL,
    fetched_at     INTEGER,
    fresh_until    INTEGER,
    approved_shape BLOB
) STRICT, WITHOUT ROWID;

INSERT INTO oauth_clients_anew
    (client_id, kind, standing, claimed_name, redirect_uris, auth_method, secret_hash, address, registered_at)
SELECT client_id, 'dcr', standing, claimed_name, redirect_uris, auth_method, secret_hash, address, registered_at
FROM oauth_clients;

DROP TABLE oauth_clients;
ALTER TABLE oauth_clients_anew RENAME TO oauth_clients;
CREATE INDEX oauth_clients_standing ON oauth_clients (standing, registered_at);

-- Assertions of clients that were shown (RFC 7523): each is taken once, until it would have expired anyway.
CREATE TABLE oauth_assertions (
    digest     BLOB PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_assertions_expiry ON oauth_assertions (expires_at);
