-- The worker writes here with each slow round: whether it can write is known by writing.
CREATE TABLE worker_mark (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
