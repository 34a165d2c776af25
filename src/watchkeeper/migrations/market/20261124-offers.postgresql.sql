-- Offers for a unit, what became of each, and units that left the market. offer_state is a projection of the steps.

CREATE TABLE market.offers (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    unit_id BIGINT NOT NULL REFERENCES market.units (id),
    trader_id BIGINT NOT NULL REFERENCES market.users (id),
    farmer_id BIGINT NOT NULL REFERENCES market.users (id),
    price_ugx_per_kg BIGINT NOT NULL CHECK (price_ugx_per_kg > 0),
    at BIGINT NOT NULL
);
CREATE VIEW boundary.watch_offers AS SELECT id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, at FROM market.offers;

CREATE TABLE market.offer_steps (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    offer_utid TEXT NOT NULL REFERENCES market.offers (utid),
    step TEXT NOT NULL CHECK (step IN ('countered', 'accepted', 'rejected', 'withdrawn', 'expired', 'paid', 'closed')),
    price_ugx_per_kg BIGINT CHECK (price_ugx_per_kg > 0),
    at BIGINT NOT NULL,
    CHECK ((step = 'countered') = (price_ugx_per_kg IS NOT NULL))
);
CREATE INDEX offer_steps_by_utid ON market.offer_steps (utid);
CREATE VIEW boundary.watch_offer_steps AS SELECT id, utid, offer_utid, step, price_ugx_per_kg, at FROM market.offer_steps;

CREATE TABLE market.unit_steps (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    unit_id BIGINT NOT NULL UNIQUE REFERENCES market.units (id),
    step TEXT NOT NULL CHECK (step = 'cancelled'),
    at BIGINT NOT NULL
);
CREATE INDEX unit_steps_by_utid ON market.unit_steps (utid);
CREATE VIEW boundary.watch_unit_steps AS SELECT id, utid, unit_id, step, at FROM market.unit_steps;

CREATE TABLE market.offer_state (
    offer_id BIGINT PRIMARY KEY REFERENCES market.offers (id),
    unit_id BIGINT NOT NULL REFERENCES market.units (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'countered', 'accepted', 'rejected', 'withdrawn', 'expired', 'paid', 'closed')),
    price_ugx_per_kg BIGINT NOT NULL CHECK (price_ugx_per_kg > 0),
    expires_at BIGINT NOT NULL
);
CREATE VIEW boundary.watch_offer_state AS SELECT offer_id, unit_id, status, price_ugx_per_kg, expires_at FROM market.offer_state;

CREATE INDEX offers_by_trader ON market.offers (trader_id, id);
CREATE INDEX offers_by_farmer ON market.offers (farmer_id, id);
CREATE INDEX offer_steps_by_offer ON market.offer_steps (offer_utid, id);
CREATE UNIQUE INDEX offer_state_live ON market.offer_state (unit_id) WHERE status IN ('pending', 'countered', 'accepted');
CREATE INDEX offer_state_due ON market.offer_state (expires_at, offer_id) WHERE status IN ('pending', 'countered', 'accepted');

CREATE OR REPLACE TRIGGER offers_refuses_change BEFORE UPDATE OR DELETE ON market.offers FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.offers ENABLE ALWAYS TRIGGER offers_refuses_change;
CREATE OR REPLACE TRIGGER offers_refuses_truncate BEFORE TRUNCATE ON market.offers FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.offers ENABLE ALWAYS TRIGGER offers_refuses_truncate;
CREATE OR REPLACE TRIGGER offer_steps_refuses_change BEFORE UPDATE OR DELETE ON market.offer_steps FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.offer_steps ENABLE ALWAYS TRIGGER offer_steps_refuses_change;
CREATE OR REPLACE TRIGGER offer_steps_refuses_truncate BEFORE TRUNCATE ON market.offer_steps FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.offer_steps ENABLE ALWAYS TRIGGER offer_steps_refuses_truncate;
CREATE OR REPLACE TRIGGER unit_steps_refuses_change BEFORE UPDATE OR DELETE ON market.unit_steps FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.unit_steps ENABLE ALWAYS TRIGGER unit_steps_refuses_change;
CREATE OR REPLACE TRIGGER unit_steps_refuses_truncate BEFORE TRUNCATE ON market.unit_steps FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.unit_steps ENABLE ALWAYS TRIGGER unit_steps_refuses_truncate;

GRANT SELECT, INSERT ON market.offers, market.offer_steps, market.unit_steps TO {market};
GRANT SELECT, INSERT, UPDATE ON market.offer_state TO {market};
GRANT SELECT ON boundary.watch_offers, boundary.watch_offer_steps, boundary.watch_unit_steps, boundary.watch_offer_state TO {watch};
