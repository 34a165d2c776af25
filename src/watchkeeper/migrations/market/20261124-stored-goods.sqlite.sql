-- Goods from the store to the buyer: blocks of ten lots, the daily storage fee, purchases and their outcomes, pickups with
-- what they brought. `purchases` and `purchase_outcomes` hold no money: buyers read them.

CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    trader_id INTEGER NOT NULL REFERENCES users (id),
    produce TEXT NOT NULL,
    grams INTEGER NOT NULL CHECK (grams > 0),
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER blocks_refuses_update BEFORE UPDATE ON blocks
BEGIN
    SELECT RAISE(ABORT, 'blocks is append-only');
END;
CREATE TRIGGER blocks_refuses_delete BEFORE DELETE ON blocks
BEGIN
    SELECT RAISE(ABORT, 'blocks is append-only');
END;
CREATE VIEW watch_blocks AS SELECT id, utid, trader_id, produce, grams, at FROM blocks;

CREATE TABLE block_lots (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    block_id INTEGER NOT NULL REFERENCES blocks (id),
    lot_id INTEGER NOT NULL UNIQUE REFERENCES lots (id),
    trader_id INTEGER NOT NULL REFERENCES users (id)
) STRICT;
CREATE INDEX block_lots_by_utid ON block_lots (utid);
CREATE TRIGGER block_lots_refuses_update BEFORE UPDATE ON block_lots
BEGIN
    SELECT RAISE(ABORT, 'block_lots is append-only');
END;
CREATE TRIGGER block_lots_refuses_delete BEFORE DELETE ON block_lots
BEGIN
    SELECT RAISE(ABORT, 'block_lots is append-only');
END;
CREATE VIEW watch_block_lots AS SELECT id, utid, block_id, lot_id, trader_id FROM block_lots;

CREATE TABLE storage_fee_deductions (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    lot_id INTEGER NOT NULL REFERENCES lots (id),
    trader_id INTEGER NOT NULL REFERENCES users (id),
    day INTEGER NOT NULL CHECK (day > 0),
    grams INTEGER NOT NULL CHECK (grams >= 0),
    grams_after INTEGER NOT NULL CHECK (grams_after >= 0),
    at INTEGER NOT NULL,
    UNIQUE (lot_id, day)
) STRICT;
CREATE INDEX storage_fee_deductions_by_utid ON storage_fee_deductions (utid);
CREATE TRIGGER storage_fee_deductions_refuses_update BEFORE UPDATE ON storage_fee_deductions
BEGIN
    SELECT RAISE(ABORT, 'storage_fee_deductions is append-only');
END;
CREATE TRIGGER storage_fee_deductions_refuses_delete BEFORE DELETE ON storage_fee_deductions
BEGIN
    SELECT RAISE(ABORT, 'storage_fee_deductions is append-only');
END;
CREATE VIEW watch_storage_fee_deductions AS SELECT id, utid, lot_id, trader_id, day, grams, grams_after, at FROM storage_fee_deductions;

CREATE TABLE purchases (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    block_id INTEGER NOT NULL REFERENCES blocks (id),
    buyer_id INTEGER NOT NULL REFERENCES users (id),
    trader_id INTEGER NOT NULL REFERENCES users (id),
    grams INTEGER NOT NULL CHECK (grams > 0),
    at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL CHECK (deadline_at > at)
) STRICT;
CREATE TRIGGER purchases_refuses_update BEFORE UPDATE ON purchases
BEGIN
    SELECT RAISE(ABORT, 'purchases is append-only');
END;
CREATE TRIGGER purchases_refuses_delete BEFORE DELETE ON purchases
BEGIN
    SELECT RAISE(ABORT, 'purchases is append-only');
END;
CREATE VIEW watch_purchases AS SELECT id, utid, block_id, buyer_id, trader_id, grams, at, deadline_at FROM purchases;

CREATE TABLE purchase_outcomes (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    purchase_utid TEXT NOT NULL UNIQUE REFERENCES purchases (utid),
    outcome TEXT NOT NULL CHECK (outcome IN ('picked_up', 'expired', 'cancelled')),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX purchase_outcomes_by_utid ON purchase_outcomes (utid);
CREATE TRIGGER purchase_outcomes_refuses_update BEFORE UPDATE ON purchase_outcomes
BEGIN
    SELECT RAISE(ABORT, 'purchase_outcomes is append-only');
END;
CREATE TRIGGER purchase_outcomes_refuses_delete BEFORE DELETE ON purchase_outcomes
BEGIN
    SELECT RAISE(ABORT, 'purchase_outcomes is append-only');
END;
CREATE VIEW watch_purchase_outcomes AS SELECT id, utid, purchase_utid, outcome, at FROM purchase_outcomes;

CREATE TABLE pickups (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    purchase_utid TEXT NOT NULL UNIQUE REFERENCES purchases (utid),
    trader_id INTEGER NOT NULL REFERENCES users (id),
    proceeds_ugx INTEGER NOT NULL CHECK (proceeds_ugx > 0),
    cost_ugx INTEGER NOT NULL CHECK (cost_ugx > 0),
    sale_return_ugx INTEGER NOT NULL CHECK (sale_return_ugx > 0 AND sale_return_ugx <= cost_ugx),
    profit_credit_ugx INTEGER NOT NULL CHECK (profit_credit_ugx >= 0),
    provider TEXT NOT NULL,
    external_ref TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (provider, external_ref),
    CHECK (sale_return_ugx + profit_credit_ugx = proceeds_ugx)
) STRICT;
CREATE INDEX pickups_by_utid ON pickups (utid);
CREATE TRIGGER pickups_refuses_update BEFORE UPDATE ON pickups
BEGIN
    SELECT RAISE(ABORT, 'pickups is append-only');
END;
CREATE TRIGGER pickups_refuses_delete BEFORE DELETE ON pickups
BEGIN
    SELECT RAISE(ABORT, 'pickups is append-only');
END;
CREATE VIEW watch_pickups AS SELECT id, utid, purchase_utid, trader_id, proceeds_ugx, cost_ugx, sale_return_ugx, profit_credit_ugx, provider, external_ref, at FROM pickups;

CREATE TABLE block_state (
    block_id INTEGER PRIMARY KEY REFERENCES blocks (id),
    status TEXT NOT NULL CHECK (status IN ('in_storage', 'awaiting_pickup', 'picked_up', 'written_off')),
    purchase_utid TEXT
) STRICT;
CREATE VIEW watch_block_state AS SELECT block_id, status, purchase_utid FROM block_state;

CREATE INDEX block_lots_by_block ON block_lots (block_id);
CREATE INDEX blocks_by_trader ON blocks (trader_id, id);
CREATE INDEX block_state_in_storage ON block_state (block_id) WHERE status = 'in_storage';
CREATE INDEX purchases_by_block ON purchases (block_id, id);
CREATE INDEX purchases_by_buyer ON purchases (buyer_id, id);
CREATE INDEX pickups_by_trader ON pickups (trader_id, id);
CREATE INDEX lots_by_produce ON lots (trader_id, produce, id);
