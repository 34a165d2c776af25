-- What providers' statements say of the money that came in and went out, compared with the books; each comparison stays.

CREATE TABLE market.reconciliations (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    file_digest TEXT NOT NULL,
    map_digest TEXT NOT NULL,
    journal_n BIGINT NOT NULL,
    lines BIGINT NOT NULL CHECK (lines >= 0),
    matched BIGINT NOT NULL CHECK (matched >= 0),
    missing_in_books BIGINT NOT NULL CHECK (missing_in_books >= 0),
    missing_in_statement BIGINT NOT NULL CHECK (missing_in_statement >= 0),
    different BIGINT NOT NULL CHECK (different >= 0),
    ignored BIGINT NOT NULL CHECK (ignored >= 0),
    fees_ugx BIGINT NOT NULL CHECK (fees_ugx >= 0),
    actor_id BIGINT NOT NULL REFERENCES market.users (id),
    at BIGINT NOT NULL,
    UNIQUE (provider, file_digest, map_digest, since, until),
    CHECK (since < until),
    CHECK (lines = matched + missing_in_books + missing_in_statement + different)
);
CREATE VIEW boundary.watch_reconciliations AS SELECT id, utid, provider, since, until, file_digest, map_digest, journal_n, lines, matched, missing_in_books, missing_in_statement, different, ignored, fees_ugx, actor_id, at FROM market.reconciliations;

CREATE TABLE market.reconciliation_items (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    reconciliation_id BIGINT NOT NULL REFERENCES market.reconciliations (id),
    number BIGINT NOT NULL CHECK (number > 0),
    provider TEXT NOT NULL,
    external_ref TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('matched', 'missing_in_books', 'missing_in_statement', 'different')),
    our_utid TEXT,
    our_direction TEXT CHECK (our_direction IN ('in', 'out')),
    our_amount_ugx BIGINT CHECK (our_amount_ugx > 0),
    their_direction TEXT CHECK (their_direction IN ('in', 'out')),
    their_amount_ugx BIGINT CHECK (their_amount_ugx > 0),
    their_at BIGINT,
    UNIQUE (reconciliation_id, number),
    CHECK ((kind = 'missing_in_books') = (our_utid IS NULL)),
    CHECK ((kind = 'missing_in_statement') = (their_direction IS NULL)),
    CHECK ((our_utid IS NULL) = (our_direction IS NULL) AND (our_utid IS NULL) = (our_amount_ugx IS NULL)),
    CHECK ((their_direction IS NULL) = (their_amount_ugx IS NULL) AND (their_direction IS NULL) = (their_at IS NULL)),
    CHECK (kind NOT IN ('matched', 'different') OR ((kind = 'matched') = (our_direction = their_direction AND our_amount_ugx = their_amount_ugx)))
);
CREATE VIEW boundary.watch_reconciliation_items AS SELECT id, utid, reconciliation_id, number, provider, external_ref, kind, our_utid, our_direction, our_amount_ugx, their_direction, their_amount_ugx, their_at FROM market.reconciliation_items;

CREATE INDEX reconciliation_items_by_utid ON market.reconciliation_items (utid);
CREATE INDEX reconciliation_items_by_reference ON market.reconciliation_items (provider, external_ref);
CREATE INDEX reconciliation_items_by_kind ON market.reconciliation_items (reconciliation_id, kind, number);
CREATE INDEX wallet_ledger_by_provider ON market.wallet_ledger (provider, at) WHERE provider IS NOT NULL;
CREATE INDEX payouts_by_provider ON market.payouts (provider, at);
CREATE INDEX pickups_by_provider ON market.pickups (provider, at);

CREATE OR REPLACE TRIGGER reconciliations_refuses_change BEFORE UPDATE OR DELETE ON market.reconciliations FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.reconciliations ENABLE ALWAYS TRIGGER reconciliations_refuses_change;
CREATE OR REPLACE TRIGGER reconciliations_refuses_truncate BEFORE TRUNCATE ON market.reconciliations FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.reconciliations ENABLE ALWAYS TRIGGER reconciliations_refuses_truncate;
CREATE OR REPLACE TRIGGER reconciliation_items_refuses_change BEFORE UPDATE OR DELETE ON market.reconciliation_items FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.reconciliation_items ENABLE ALWAYS TRIGGER reconciliation_items_refuses_change;
CREATE OR REPLACE TRIGGER reconciliation_items_refuses_truncate BEFORE TRUNCATE ON market.reconciliation_items FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.reconciliation_items ENABLE ALWAYS TRIGGER reconciliation_items_refuses_truncate;

GRANT SELECT, INSERT ON market.reconciliations, market.reconciliation_items TO {market};
GRANT SELECT ON boundary.watch_reconciliations, boundary.watch_reconciliation_items TO {watch};
