-- What the paper accounts were worth, and when: recorded at each fill and each full hour, never worked out afterwards.

CREATE TABLE paper_equity (
    connection TEXT NOT NULL REFERENCES paper_accounts (connection),
    at INTEGER NOT NULL,
    equity TEXT NOT NULL,
    PRIMARY KEY (connection, at)
) STRICT, WITHOUT ROWID;

CREATE INDEX paper_executions_at ON paper_executions (connection, at);
