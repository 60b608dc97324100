-- What an order met when it was sent: without it, a broker that doesn't show the order later can't be believed.

CREATE TABLE sent (
    order_id TEXT PRIMARY KEY REFERENCES orders (order_id),
    at INTEGER NOT NULL,
    -- What the account held of the instrument just before.
    held TEXT NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
