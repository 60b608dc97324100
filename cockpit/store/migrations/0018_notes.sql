-- What clients noted for themselves, in their own words.
CREATE TABLE notes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    client TEXT NOT NULL,
    connection TEXT NOT NULL,
    at INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    order_id TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX notes_client ON notes (client, number);
