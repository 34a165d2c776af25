-- What was paid out to farmers, outside, and who read which fields of whom.

CREATE TABLE market.payouts (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    farmer_id BIGINT NOT NULL REFERENCES market.users (id),
    amount_ugx BIGINT NOT NULL CHECK (amount_ugx > 0),
    provider TEXT NOT NULL,
    external_ref TEXT NOT NULL,
    at BIGINT NOT NULL,
    UNIQUE (provider, external_ref)
);
CREATE VIEW boundary.watch_payouts AS SELECT id, utid, farmer_id, amount_ugx, provider, external_ref, at FROM market.payouts;

CREATE TABLE market.query_log (
    id BIGINT PRIMARY KEY,
    actor TEXT NOT NULL,
    query TEXT NOT NULL,
    fields TEXT NOT NULL,
    subjects TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE VIEW boundary.watch_query_log AS SELECT id, actor, query, fields, subjects, at FROM market.query_log;

CREATE INDEX payouts_by_farmer ON market.payouts (farmer_id, id);

CREATE OR REPLACE TRIGGER payouts_refuses_change BEFORE UPDATE OR DELETE ON market.payouts FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.payouts ENABLE ALWAYS TRIGGER payouts_refuses_change;
CREATE OR REPLACE TRIGGER payouts_refuses_truncate BEFORE TRUNCATE ON market.payouts FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.payouts ENABLE ALWAYS TRIGGER payouts_refuses_truncate;
CREATE OR REPLACE TRIGGER query_log_refuses_change BEFORE UPDATE OR DELETE ON market.query_log FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.query_log ENABLE ALWAYS TRIGGER query_log_refuses_change;
CREATE OR REPLACE TRIGGER query_log_refuses_truncate BEFORE TRUNCATE ON market.query_log FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.query_log ENABLE ALWAYS TRIGGER query_log_refuses_truncate;

GRANT SELECT, INSERT ON market.payouts, market.query_log TO {market};
GRANT SELECT ON boundary.watch_payouts, boundary.watch_query_log TO {watch};
