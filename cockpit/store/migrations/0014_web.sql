-- The operator's sign-in at the web pages. Sessions are not in here: they live in memory and end with the process.

CREATE TABLE web_password (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    -- argon2id in its own notation, with salt and parameters.
    digest TEXT NOT NULL CHECK (length(digest) BETWEEN 60 AND 200),
    set_at INTEGER NOT NULL
) STRICT;

CREATE TABLE web_passkeys (
    name TEXT PRIMARY KEY,
    credential_id BLOB NOT NULL UNIQUE,
    public_key BLOB NOT NULL,
    -- What its authenticator counted last; 0 for the many that don't count.
    sign_count INTEGER NOT NULL CHECK (sign_count >= 0),
    added_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;

-- Wrong passwords and codes of the last hour, so that a restart gives nobody new tries.
CREATE TABLE web_failures (
    at INTEGER NOT NULL
) STRICT;
