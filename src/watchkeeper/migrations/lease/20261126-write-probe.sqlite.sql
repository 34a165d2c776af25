-- What the last write probe found: a transaction of the market's own on the books, committed, that changes nothing of account.

CREATE TABLE write_probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    works INTEGER NOT NULL CHECK (works IN (0, 1)),
    detail TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    boot_ns INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
