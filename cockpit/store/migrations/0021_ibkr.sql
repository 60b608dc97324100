-- What accounts at Interactive Brokers were worth, recorded here: TWS keeps no history of it.
CREATE TABLE ibkr_equity (
    connection TEXT NOT NULL,
    account TEXT NOT NULL,
    at INTEGER NOT NULL,
    equity TEXT NOT NULL,
    PRIMARY KEY (connection, account, at)
) STRICT, WITHOUT ROWID;
