-- What the last write probe found: a transaction of the market's own on the books, committed, that changes nothing of account.

CREATE TABLE boundary.write_probe (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    works BIGINT NOT NULL CHECK (works IN (0, 1)),
    detail TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    boot_ns BIGINT NOT NULL,
    at BIGINT NOT NULL
);

GRANT SELECT ON boundary.write_probe TO {market}, {watch}, {control};
GRANT INSERT, UPDATE ON boundary.write_probe TO {market};
