-- Prices that clients want to be told of. One that has fired stays until it is deleted or newer ones take its place.
CREATE TABLE alerts (
    alert_id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    connection TEXT NOT NULL,
    symbol TEXT NOT NULL,
    watched TEXT NOT NULL CHECK (watched IN ('bid', 'ask', 'last')),
    direction TEXT NOT NULL CHECK (direction IN ('above', 'below')),
    price TEXT NOT NULL,
    note TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    fired_at INTEGER,
    fired_price TEXT NOT NULL DEFAULT '',
    source TEXT NOT NULL DEFAULT '',
    data_type TEXT NOT NULL DEFAULT '',
    quoted_at INTEGER
) STRICT, WITHOUT ROWID;
