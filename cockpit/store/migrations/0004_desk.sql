CREATE TABLE orders (
    order_id TEXT PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    client TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    connection TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    order_type TEXT NOT NULL,
    limit_price TEXT,
    time_in_force TEXT NOT NULL,
    state TEXT NOT NULL,
    filled TEXT NOT NULL,
    average_price TEXT,
    fees TEXT NOT NULL,
    reason TEXT NOT NULL,
    checks TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    decide_by INTEGER,
    proposed TEXT,
    asked_at_price TEXT
) STRICT;

CREATE INDEX orders_by_state ON orders (state);
CREATE INDEX orders_by_connection ON orders (connection, made_at DESC);

CREATE TABLE executions (
    connection TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    fee TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (connection, execution_id)
) STRICT;

CREATE INDEX executions_by_reference ON executions (reference);

CREATE TABLE idempotency (
    client TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    order_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (client, key)
) STRICT;

CREATE TABLE trading_switch (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    state TEXT NOT NULL,
    since INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;
