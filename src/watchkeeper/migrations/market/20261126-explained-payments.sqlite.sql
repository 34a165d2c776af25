-- Payments that stand otherwise in the books than in their provider's statement, and why that is so; and what a correction could
-- not take, because it was not there any more.

CREATE TABLE payment_explanations (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    external_ref TEXT NOT NULL,
    our_utid TEXT,
    our_direction TEXT CHECK (our_direction IN ('in', 'out')),
    our_amount_ugx INTEGER CHECK (our_amount_ugx > 0),
    their_direction TEXT CHECK (their_direction IN ('in', 'out')),
    their_amount_ugx INTEGER CHECK (their_amount_ugx > 0),
    incident TEXT NOT NULL,
    at INTEGER NOT NULL,
    CHECK ((our_utid IS NULL) = (our_direction IS NULL) AND (our_utid IS NULL) = (our_amount_ugx IS NULL)),
    CHECK ((their_direction IS NULL) = (their_amount_ugx IS NULL)),
    CHECK (our_utid IS NOT NULL OR their_direction IS NOT NULL)
) STRICT;
CREATE TRIGGER payment_explanations_refuses_update BEFORE UPDATE ON payment_explanations
BEGIN
    SELECT RAISE(ABORT, 'payment_explanations is append-only');
END;
CREATE TRIGGER payment_explanations_refuses_delete BEFORE DELETE ON payment_explanations
BEGIN
    SELECT RAISE(ABORT, 'payment_explanations is append-only');
END;
CREATE VIEW watch_payment_explanations AS SELECT id, utid, provider, external_ref, our_utid, our_direction, our_amount_ugx, their_direction, their_amount_ugx, incident, at FROM payment_explanations;
CREATE INDEX payment_explanations_by_reference ON payment_explanations (provider, external_ref);
CREATE UNIQUE INDEX payment_explanations_of_ours ON payment_explanations (our_utid) WHERE their_direction IS NULL;
CREATE UNIQUE INDEX payment_explanations_of_theirs ON payment_explanations (provider, external_ref, their_direction, their_amount_ugx) WHERE our_utid IS NULL;
CREATE UNIQUE INDEX payment_explanations_of_both ON payment_explanations (our_utid, their_direction, their_amount_ugx) WHERE our_utid IS NOT NULL AND their_direction IS NOT NULL;

CREATE TABLE unrecovered (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    finding TEXT NOT NULL,
    incident TEXT NOT NULL,
    account TEXT NOT NULL,
    amount_ugx INTEGER NOT NULL CHECK (amount_ugx > 0),
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER unrecovered_refuses_update BEFORE UPDATE ON unrecovered
BEGIN
    SELECT RAISE(ABORT, 'unrecovered is append-only');
END;
CREATE TRIGGER unrecovered_refuses_delete BEFORE DELETE ON unrecovered
BEGIN
    SELECT RAISE(ABORT, 'unrecovered is append-only');
END;
CREATE VIEW watch_unrecovered AS SELECT id, utid, finding, incident, account, amount_ugx, at FROM unrecovered;
