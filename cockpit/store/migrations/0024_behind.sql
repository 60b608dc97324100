-- What each connection's name stood for at the last start that knew it: authorities are given for that.
CREATE TABLE oauth_connections (
    connection TEXT PRIMARY KEY,
    mode       TEXT NOT NULL CHECK (mode IN ('paper', 'live')),
    account    TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
