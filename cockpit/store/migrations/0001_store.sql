-- Small facts of the store itself, by name.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The audit chain. What is searched is clear; detail is sealed (AES-GCM, nonce first).
-- digest: HMAC-SHA256 of the canonical detail. hash: SHA-256 of the previous hash and of every column of this row.
CREATE TABLE audit (
    number      INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    client      TEXT NOT NULL,
    tool        TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    code        TEXT NOT NULL,
    symbol      TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    grant_id    TEXT NOT NULL,
    duration_us INTEGER,
    detail      BLOB NOT NULL,
    digest      BLOB NOT NULL,
    hash        BLOB NOT NULL
) STRICT;

CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_client ON audit (client);
CREATE INDEX audit_tool ON audit (tool);
CREATE INDEX audit_code ON audit (code) WHERE code <> '';
CREATE INDEX audit_symbol ON audit (symbol) WHERE symbol <> '';
CREATE INDEX audit_order ON audit (order_id) WHERE order_id <> '';
