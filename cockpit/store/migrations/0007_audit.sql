-- What searching needs besides the indexes by one value: a slim copy of the clear columns in the chain's order, so that
-- no search has to read the sealed details, and the rare kinds and outcomes.
CREATE INDEX audit_clear ON audit (number, at, kind, client, tool, outcome, code, symbol, order_id);
CREATE INDEX audit_kind ON audit (kind) WHERE kind <> 'call';
CREATE INDEX audit_outcome ON audit (outcome) WHERE outcome <> 'ok';

-- Records that were moved to a file of their own. signature: HMAC-SHA256 over everything else in the row.
-- Where the chain in table audit begins is signed in meta, as its end is.
CREATE TABLE audit_archives (
    first       INTEGER PRIMARY KEY,
    last        INTEGER NOT NULL,
    hash_before BLOB NOT NULL,
    hash_last   BLOB NOT NULL,
    file        TEXT NOT NULL,
    made_at     INTEGER NOT NULL,
    signature   BLOB NOT NULL
) STRICT;
