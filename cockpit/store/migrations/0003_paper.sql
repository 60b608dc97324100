-- The paper broker's accounts: what happened to each, in order, and what came of it.

CREATE TABLE paper_accounts (
    connection TEXT PRIMARY KEY,
    opened_at INTEGER NOT NULL,
    cash TEXT NOT NULL
) STRICT;

-- The events alone decide the state of an account; the other tables save reading all of them.
CREATE TABLE paper_events (
    connection TEXT NOT NULL REFERENCES paper_accounts (connection),
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (connection, number)
) STRICT, WITHOUT ROWID;

-- The account after event `number`, without ended orders: the newest one of each.
CREATE TABLE paper_snapshots (
    connection TEXT PRIMARY KEY REFERENCES paper_accounts (connection),
    number INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- Orders as event `changed_by` left them; `place` tells apart those that one event changed.
CREATE TABLE paper_orders (
    connection TEXT NOT NULL REFERENCES paper_accounts (connection),
    reference TEXT NOT NULL,
    changed_by INTEGER NOT NULL,
    place INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (connection, reference)
) STRICT, WITHOUT ROWID;

CREATE INDEX paper_orders_ended ON paper_orders (connection, ended, changed_by, place);

CREATE TABLE paper_executions (
    connection TEXT NOT NULL REFERENCES paper_accounts (connection),
    reference TEXT NOT NULL,
    number INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    fee TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (connection, reference, number)
) STRICT, WITHOUT ROWID;
