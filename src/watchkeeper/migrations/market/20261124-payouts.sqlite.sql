-- What was paid out to farmers, outside, and who read which fields of whom.

CREATE TABLE payouts (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    farmer_id INTEGER NOT NULL REFERENCES users (id),
    amount_ugx INTEGER NOT NULL CHECK (amount_ugx > 0),
    provider TEXT NOT NULL,
    external_ref TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (provider, external_ref)
) STRICT;
CREATE TRIGGER payouts_refuses_update BEFORE UPDATE ON payouts
BEGIN
    SELECT RAISE(ABORT, 'payouts is append-only');
END;
CREATE TRIGGER payouts_refuses_delete BEFORE DELETE ON payouts
BEGIN
    SELECT RAISE(ABORT, 'payouts is append-only');
END;
CREATE VIEW watch_payouts AS SELECT id, utid, farmer_id, amount_ugx, provider, external_ref, at FROM payouts;

CREATE TABLE query_log (
    id INTEGER PRIMARY KEY,
    actor TEXT NOT NULL,
    query TEXT NOT NULL,
    fields TEXT NOT NULL,
    subjects TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER query_log_refuses_update BEFORE UPDATE ON query_log
BEGIN
    SELECT RAISE(ABORT, 'query_log is append-only');
END;
CREATE TRIGGER query_log_refuses_delete BEFORE DELETE ON query_log
BEGIN
    SELECT RAISE(ABORT, 'query_log is append-only');
END;
CREATE VIEW watch_query_log AS SELECT id, actor, query, fields, subjects, at FROM query_log;

CREATE INDEX payouts_by_farmer ON payouts (farmer_id, id);
