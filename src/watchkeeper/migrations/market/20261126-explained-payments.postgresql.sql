-- Payments that stand otherwise in the books than in their provider's statement, and why that is so; and what a correction could
-- not take, because it was not there any more.

CREATE TABLE market.payment_explanations (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    external_ref TEXT NOT NULL,
    our_utid TEXT,
    our_direction TEXT CHECK (our_direction IN ('in', 'out')),
    our_amount_ugx BIGINT CHECK (our_amount_ugx > 0),
    their_direction TEXT CHECK (their_direction IN ('in', 'out')),
    their_amount_ugx BIGINT CHECK (their_amount_ugx > 0),
    incident TEXT NOT NULL,
    at BIGINT NOT NULL,
    CHECK ((our_utid IS NULL) = (our_direction IS NULL) AND (our_utid IS NULL) = (our_amount_ugx IS NULL)),
    CHECK ((their_direction IS NULL) = (their_amount_ugx IS NULL)),
    CHECK (our_utid IS NOT NULL OR their_direction IS NOT NULL)
);
CREATE VIEW boundary.watch_payment_explanations AS SELECT id, utid, provider, external_ref, our_utid, our_direction, our_amount_ugx, their_direction, their_amount_ugx, incident, at FROM market.payment_explanations;
CREATE INDEX payment_explanations_by_reference ON market.payment_explanations (provider, external_ref);
CREATE UNIQUE INDEX payment_explanations_of_ours ON market.payment_explanations (our_utid) WHERE their_direction IS NULL;
CREATE UNIQUE INDEX payment_explanations_of_theirs ON market.payment_explanations (provider, external_ref, their_direction, their_amount_ugx) WHERE our_utid IS NULL;
CREATE UNIQUE INDEX payment_explanations_of_both ON market.payment_explanations (our_utid, their_direction, their_amount_ugx) WHERE our_utid IS NOT NULL AND their_direction IS NOT NULL;

CREATE TABLE market.unrecovered (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    finding TEXT NOT NULL,
    incident TEXT NOT NULL,
    account TEXT NOT NULL,
    amount_ugx BIGINT NOT NULL CHECK (amount_ugx > 0),
    at BIGINT NOT NULL
);
CREATE VIEW boundary.watch_unrecovered AS SELECT id, utid, finding, incident, account, amount_ugx, at FROM market.unrecovered;

CREATE OR REPLACE TRIGGER payment_explanations_refuses_change BEFORE UPDATE OR DELETE ON market.payment_explanations FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.payment_explanations ENABLE ALWAYS TRIGGER payment_explanations_refuses_change;
CREATE OR REPLACE TRIGGER payment_explanations_refuses_truncate BEFORE TRUNCATE ON market.payment_explanations FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.payment_explanations ENABLE ALWAYS TRIGGER payment_explanations_refuses_truncate;
CREATE OR REPLACE TRIGGER unrecovered_refuses_change BEFORE UPDATE OR DELETE ON market.unrecovered FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.unrecovered ENABLE ALWAYS TRIGGER unrecovered_refuses_change;
CREATE OR REPLACE TRIGGER unrecovered_refuses_truncate BEFORE TRUNCATE ON market.unrecovered FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.unrecovered ENABLE ALWAYS TRIGGER unrecovered_refuses_truncate;

GRANT SELECT, INSERT ON market.payment_explanations, market.unrecovered TO {market};
GRANT SELECT ON boundary.watch_payment_explanations, boundary.watch_unrecovered TO {watch};
