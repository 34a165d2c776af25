-- What providers' statements say of the money that came in and went out, compared with the books; each comparison stays.

CREATE TABLE reconciliations (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    file_digest TEXT NOT NULL,
    map_digest TEXT NOT NULL,
    journal_n INTEGER NOT NULL,
    lines INTEGER NOT NULL CHECK (lines >= 0),
    matched INTEGER NOT NULL CHECK (matched >= 0),
    missing_in_books INTEGER NOT NULL CHECK (missing_in_books >= 0),
    missing_in_statement INTEGER NOT NULL CHECK (missing_in_statement >= 0),
    different INTEGER NOT NULL CHECK (different >= 0),
    ignored INTEGER NOT NULL CHECK (ignored >= 0),
    fees_ugx INTEGER NOT NULL CHECK (fees_ugx >= 0),
    actor_id INTEGER NOT NULL REFERENCES users (id),
    at INTEGER NOT NULL,
    UNIQUE (provider, file_digest, map_digest, since, until),
    CHECK (since < until),
    CHECK (lines = matched + missing_in_books + missing_in_statement + different)
) STRICT;
CREATE TRIGGER reconciliations_refuses_update BEFORE UPDATE ON reconciliations
BEGIN
    SELECT RAISE(ABORT, 'reconciliations is append-only');
END;
CREATE TRIGGER reconciliations_refuses_delete BEFORE DELETE ON reconciliations
BEGIN
    SELECT RAISE(ABORT, 'reconciliations is append-only');
END;
CREATE VIEW watch_reconciliations AS SELECT id, utid, provider, since, until, file_digest, map_digest, journal_n, lines, matched, missing_in_books, missing_in_statement, different, ignored, fees_ugx, actor_id, at FROM reconciliations;

CREATE TABLE reconciliation_items (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    reconciliation_id INTEGER NOT NULL REFERENCES reconciliations (id),
    number INTEGER NOT NULL CHECK (number > 0),
    provider TEXT NOT NULL,
    external_ref TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('matched', 'missing_in_books', 'missing_in_statement', 'different')),
    our_utid TEXT,
    our_direction TEXT CHECK (our_direction IN ('in', 'out')),
    our_amount_ugx INTEGER CHECK (our_amount_ugx > 0),
    their_direction TEXT CHECK (their_direction IN ('in', 'out')),
    their_amount_ugx INTEGER CHECK (their_amount_ugx > 0),
    their_at INTEGER,
    UNIQUE (reconciliation_id, number),
    CHECK ((kind = 'missing_in_books') = (our_utid IS NULL)),
    CHECK ((kind = 'missing_in_statement') = (their_direction IS NULL)),
    CHECK ((our_utid IS NULL) = (our_direction IS NULL) AND (our_utid IS NULL) = (our_amount_ugx IS NULL)),
    CHECK ((their_direction IS NULL) = (their_amount_ugx IS NULL) AND (their_direction IS NULL) = (their_at IS NULL)),
    CHECK (kind NOT IN ('matched', 'different') OR ((kind = 'matched') = (our_direction = their_direction AND our_amount_ugx = their_amount_ugx)))
) STRICT;
CREATE TRIGGER reconciliation_items_refuses_update BEFORE UPDATE ON reconciliation_items
BEGIN
    SELECT RAISE(ABORT, 'reconciliation_items is append-only');
END;
CREATE TRIGGER reconciliation_items_refuses_delete BEFORE DELETE ON reconciliation_items
BEGIN
    SELECT RAISE(ABORT, 'reconciliation_items is append-only');
END;
CREATE VIEW watch_reconciliation_items AS SELECT id, utid, reconciliation_id, number, provider, external_ref, kind, our_utid, our_direction, our_amount_ugx, their_direction, their_amount_ugx, their_at FROM reconciliation_items;

CREATE INDEX reconciliation_items_by_utid ON reconciliation_items (utid);
CREATE INDEX reconciliation_items_by_reference ON reconciliation_items (provider, external_ref);
CREATE INDEX reconciliation_items_by_kind ON reconciliation_items (reconciliation_id, kind, number);
CREATE INDEX wallet_ledger_by_provider ON wallet_ledger (provider, at) WHERE provider IS NOT NULL;
CREATE INDEX payouts_by_provider ON payouts (provider, at);
CREATE INDEX pickups_by_provider ON pickups (provider, at);
