-- Offers for a unit, what became of each, and units that left the market. offer_state is a projection of the steps.

CREATE TABLE offers (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    unit_id INTEGER NOT NULL REFERENCES units (id),
    trader_id INTEGER NOT NULL REFERENCES users (id),
    farmer_id INTEGER NOT NULL REFERENCES users (id),
    price_ugx_per_kg INTEGER NOT NULL CHECK (price_ugx_per_kg > 0),
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER offers_refuses_update BEFORE UPDATE ON offers
BEGIN
    SELECT RAISE(ABORT, 'offers is append-only');
END;
CREATE TRIGGER offers_refuses_delete BEFORE DELETE ON offers
BEGIN
    SELECT RAISE(ABORT, 'offers is append-only');
END;
CREATE VIEW watch_offers AS SELECT id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, at FROM offers;

CREATE TABLE offer_steps (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    offer_utid TEXT NOT NULL REFERENCES offers (utid),
    step TEXT NOT NULL CHECK (step IN ('countered', 'accepted', 'rejected', 'withdrawn', 'expired', 'paid', 'closed')),
    price_ugx_per_kg INTEGER CHECK (price_ugx_per_kg > 0),
    at INTEGER NOT NULL,
    CHECK ((step = 'countered') = (price_ugx_per_kg IS NOT NULL))
) STRICT;
CREATE INDEX offer_steps_by_utid ON offer_steps (utid);
CREATE TRIGGER offer_steps_refuses_update BEFORE UPDATE ON offer_steps
BEGIN
    SELECT RAISE(ABORT, 'offer_steps is append-only');
END;
CREATE TRIGGER offer_steps_refuses_delete BEFORE DELETE ON offer_steps
BEGIN
    SELECT RAISE(ABORT, 'offer_steps is append-only');
END;
CREATE VIEW watch_offer_steps AS SELECT id, utid, offer_utid, step, price_ugx_per_kg, at FROM offer_steps;

CREATE TABLE unit_steps (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    unit_id INTEGER NOT NULL UNIQUE REFERENCES units (id),
    step TEXT NOT NULL CHECK (step = 'cancelled'),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX unit_steps_by_utid ON unit_steps (utid);
CREATE TRIGGER unit_steps_refuses_update BEFORE UPDATE ON unit_steps
BEGIN
    SELECT RAISE(ABORT, 'unit_steps is append-only');
END;
CREATE TRIGGER unit_steps_refuses_delete BEFORE DELETE ON unit_steps
BEGIN
    SELECT RAISE(ABORT, 'unit_steps is append-only');
END;
CREATE VIEW watch_unit_steps AS SELECT id, utid, unit_id, step, at FROM unit_steps;

CREATE TABLE offer_state (
    offer_id INTEGER PRIMARY KEY REFERENCES offers (id),
    unit_id INTEGER NOT NULL REFERENCES units (id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'countered', 'accepted', 'rejected', 'withdrawn', 'expired', 'paid', 'closed')),
    price_ugx_per_kg INTEGER NOT NULL CHECK (price_ugx_per_kg > 0),
    expires_at INTEGER NOT NULL
) STRICT;
CREATE VIEW watch_offer_state AS SELECT offer_id, unit_id, status, price_ugx_per_kg, expires_at FROM offer_state;

CREATE INDEX offers_by_trader ON offers (trader_id, id);
CREATE INDEX offers_by_farmer ON offers (farmer_id, id);
CREATE INDEX offer_steps_by_offer ON offer_steps (offer_utid, id);
CREATE UNIQUE INDEX offer_state_live ON offer_state (unit_id) WHERE status IN ('pending', 'countered', 'accepted');
CREATE INDEX offer_state_due ON offer_state (expires_at, offer_id) WHERE status IN ('pending', 'countered', 'accepted');
