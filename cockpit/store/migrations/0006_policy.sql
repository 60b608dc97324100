CREATE TABLE limits_set (
    holder TEXT NOT NULL CHECK (holder IN ('connection', 'client')),
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (holder, name, key)
) STRICT;

CREATE TABLE latches (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    since INTEGER NOT NULL,
    reason TEXT NOT NULL,
    released_at INTEGER,
    PRIMARY KEY (kind, subject)
) STRICT;

CREATE TABLE equity_marks (
    connection TEXT PRIMARY KEY,
    day TEXT NOT NULL,
    day_start TEXT NOT NULL,
    high_water TEXT NOT NULL,
    last TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
