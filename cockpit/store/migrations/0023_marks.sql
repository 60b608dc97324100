-- What losses are measured from belongs to an account, not to the name of the connection under which it answers.
ALTER TABLE equity_marks RENAME TO marks_by_name;

CREATE TABLE equity_marks (
    connection TEXT NOT NULL,
    mode TEXT NOT NULL,
    account TEXT NOT NULL,
    day TEXT NOT NULL,
    day_start TEXT NOT NULL,
    high_water TEXT NOT NULL,
    last TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (connection, mode, account)
) STRICT, WITHOUT ROWID;

-- The marks so far are those of the account whose worth was recorded last under that name.
WITH recorded (connection, account, at) AS (
    SELECT connection, account, max(at) FROM ibkr_equity GROUP BY connection, account
    UNION ALL
    SELECT connection, 'SIM-' || replace(connection, '_', '-'), max(at) FROM paper_equity GROUP BY connection
),
newest (connection, account, at) AS (SELECT connection, account, max(at) FROM recorded GROUP BY connection)
INSERT INTO equity_marks (connection, mode, account, day, day_start, high_water, last, at)
SELECT
    m.connection,
    CASE WHEN n.account GLOB 'D[UF]*' OR n.account GLOB 'SIM-*' THEN 'paper' ELSE 'live' END,
    n.account,
    m.day, m.day_start, m.high_water, m.last, m.at
FROM marks_by_name AS m JOIN newest AS n ON n.connection = m.connection;

DROP TABLE marks_by_name;
