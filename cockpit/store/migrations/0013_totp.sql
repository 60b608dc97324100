-- The operator's time-based codes: which secret counts (it lies outside, in DATA/keys), what was used, what was guessed.

CREATE TABLE totp (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    -- Ends the name of the secret's file.
    enrolment TEXT NOT NULL CHECK (length(enrolment) = 16),
    enrolled_at INTEGER NOT NULL,
    -- The newest time step whose code was accepted (RFC 6238, 5.2: each counts once).
    last_step INTEGER NOT NULL
) STRICT;

CREATE TABLE totp_backup_codes (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
    used_at INTEGER
) STRICT, WITHOUT ROWID;

-- Wrong codes in a row, for each face: guesses at one face never close another.
CREATE TABLE totp_guesses (
    face TEXT PRIMARY KEY,
    wrong INTEGER NOT NULL CHECK (wrong > 0),
    paused_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
