-- Goods from the store to the buyer: blocks of ten lots, the daily storage fee, purchases and their outcomes, pickups with
-- what they brought. `purchases` and `purchase_outcomes` hold no money: buyers read them.

CREATE TABLE market.blocks (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    trader_id BIGINT NOT NULL REFERENCES market.users (id),
    produce TEXT NOT NULL,
    grams BIGINT NOT NULL CHECK (grams > 0),
    at BIGINT NOT NULL
);
CREATE VIEW boundary.watch_blocks AS SELECT id, utid, trader_id, produce, grams, at FROM market.blocks;

CREATE TABLE market.block_lots (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    block_id BIGINT NOT NULL REFERENCES market.blocks (id),
    lot_id BIGINT NOT NULL UNIQUE REFERENCES market.lots (id),
    trader_id BIGINT NOT NULL REFERENCES market.users (id)
);
CREATE INDEX block_lots_by_utid ON market.block_lots (utid);
CREATE VIEW boundary.watch_block_lots AS SELECT id, utid, block_id, lot_id, trader_id FROM market.block_lots;

CREATE TABLE market.storage_fee_deductions (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    lot_id BIGINT NOT NULL REFERENCES market.lots (id),
    trader_id BIGINT NOT NULL REFERENCES market.users (id),
    day BIGINT NOT NULL CHECK (day > 0),
    grams BIGINT NOT NULL CHECK (grams >= 0),
    grams_after BIGINT NOT NULL CHECK (grams_after >= 0),
    at BIGINT NOT NULL,
    UNIQUE (lot_id, day)
);
CREATE INDEX storage_fee_deductions_by_utid ON market.storage_fee_deductions (utid);
CREATE VIEW boundary.watch_storage_fee_deductions AS SELECT id, utid, lot_id, trader_id, day, grams, grams_after, at FROM market.storage_fee_deductions;

CREATE TABLE market.purchases (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    block_id BIGINT NOT NULL REFERENCES market.blocks (id),
    buyer_id BIGINT NOT NULL REFERENCES market.users (id),
    trader_id BIGINT NOT NULL REFERENCES market.users (id),
    grams BIGINT NOT NULL CHECK (grams > 0),
    at BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL CHECK (deadline_at > at)
);
CREATE VIEW boundary.watch_purchases AS SELECT id, utid, block_id, buyer_id, trader_id, grams, at, deadline_at FROM market.purchases;

CREATE TABLE market.purchase_outcomes (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    purchase_utid TEXT NOT NULL UNIQUE REFERENCES market.purchases (utid),
    outcome TEXT NOT NULL CHECK (outcome IN ('picked_up', 'expired', 'cancelled')),
    at BIGINT NOT NULL
);
CREATE INDEX purchase_outcomes_by_utid ON market.purchase_outcomes (utid);
CREATE VIEW boundary.watch_purchase_outcomes AS SELECT id, utid, purchase_utid, outcome, at FROM market.purchase_outcomes;

CREATE TABLE market.pickups (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    purchase_utid TEXT NOT NULL UNIQUE REFERENCES market.purchases (utid),
    trader_id BIGINT NOT NULL REFERENCES market.users (id),
    proceeds_ugx BIGINT NOT NULL CHECK (proceeds_ugx > 0),
    cost_ugx BIGINT NOT NULL CHECK (cost_ugx > 0),
    sale_return_ugx BIGINT NOT NULL CHECK (sale_return_ugx > 0 AND sale_return_ugx <= cost_ugx),
    profit_credit_ugx BIGINT NOT NULL CHECK (profit_credit_ugx >= 0),
    provider TEXT NOT NULL,
    external_ref TEXT NOT NULL,
    at BIGINT NOT NULL,
    UNIQUE (provider, external_ref),
    CHECK (sale_return_ugx + profit_credit_ugx = proceeds_ugx)
);
CREATE INDEX pickups_by_utid ON market.pickups (utid);
CREATE VIEW boundary.watch_pickups AS SELECT id, utid, purchase_utid, trader_id, proceeds_ugx, cost_ugx, sale_return_ugx, profit_credit_ugx, provider, external_ref, at FROM market.pickups;

CREATE TABLE market.block_state (
    block_id BIGINT PRIMARY KEY REFERENCES market.blocks (id),
    status TEXT NOT NULL CHECK (status IN ('in_storage', 'awaiting_pickup', 'picked_up', 'written_off')),
    purchase_utid TEXT
);
CREATE VIEW boundary.watch_block_state AS SELECT block_id, status, purchase_utid FROM market.block_state;

CREATE INDEX block_lots_by_block ON market.block_lots (block_id);
CREATE INDEX blocks_by_trader ON market.blocks (trader_id, id);
CREATE INDEX block_state_in_storage ON market.block_state (block_id) WHERE status = 'in_storage';
CREATE INDEX purchases_by_block ON market.purchases (block_id, id);
CREATE INDEX purchases_by_buyer ON market.purchases (buyer_id, id);
CREATE INDEX pickups_by_trader ON market.pickups (trader_id, id);
CREATE INDEX lots_by_produce ON market.lots (trader_id, produce, id);

-- What was written stays. Always: also for a session that plays the replica.
CREATE OR REPLACE TRIGGER blocks_refuses_change BEFORE UPDATE OR DELETE ON market.blocks FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.blocks ENABLE ALWAYS TRIGGER blocks_refuses_change;
CREATE OR REPLACE TRIGGER blocks_refuses_truncate BEFORE TRUNCATE ON market.blocks FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.blocks ENABLE ALWAYS TRIGGER blocks_refuses_truncate;
CREATE OR REPLACE TRIGGER block_lots_refuses_change BEFORE UPDATE OR DELETE ON market.block_lots FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.block_lots ENABLE ALWAYS TRIGGER block_lots_refuses_change;
CREATE OR REPLACE TRIGGER block_lots_refuses_truncate BEFORE TRUNCATE ON market.block_lots FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.block_lots ENABLE ALWAYS TRIGGER block_lots_refuses_truncate;
CREATE OR REPLACE TRIGGER storage_fee_deductions_refuses_change BEFORE UPDATE OR DELETE ON market.storage_fee_deductions FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.storage_fee_deductions ENABLE ALWAYS TRIGGER storage_fee_deductions_refuses_change;
CREATE OR REPLACE TRIGGER storage_fee_deductions_refuses_truncate BEFORE TRUNCATE ON market.storage_fee_deductions FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.storage_fee_deductions ENABLE ALWAYS TRIGGER storage_fee_deductions_refuses_truncate;
CREATE OR REPLACE TRIGGER purchases_refuses_change BEFORE UPDATE OR DELETE ON market.purchases FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.purchases ENABLE ALWAYS TRIGGER purchases_refuses_change;
CREATE OR REPLACE TRIGGER purchases_refuses_truncate BEFORE TRUNCATE ON market.purchases FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.purchases ENABLE ALWAYS TRIGGER purchases_refuses_truncate;
CREATE OR REPLACE TRIGGER purchase_outcomes_refuses_change BEFORE UPDATE OR DELETE ON market.purchase_outcomes FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.purchase_outcomes ENABLE ALWAYS TRIGGER purchase_outcomes_refuses_change;
CREATE OR REPLACE TRIGGER purchase_outcomes_refuses_truncate BEFORE TRUNCATE ON market.purchase_outcomes FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.purchase_outcomes ENABLE ALWAYS TRIGGER purchase_outcomes_refuses_truncate;
CREATE OR REPLACE TRIGGER pickups_refuses_change BEFORE UPDATE OR DELETE ON market.pickups FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.pickups ENABLE ALWAYS TRIGGER pickups_refuses_change;
CREATE OR REPLACE TRIGGER pickups_refuses_truncate BEFORE TRUNCATE ON market.pickups FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.pickups ENABLE ALWAYS TRIGGER pickups_refuses_truncate;

-- Who may do what.
GRANT SELECT, INSERT ON market.blocks, market.block_lots, market.storage_fee_deductions, market.purchases, market.purchase_outcomes, market.pickups TO {market};
GRANT SELECT, INSERT, UPDATE ON market.block_state TO {market};
GRANT SELECT ON boundary.watch_blocks, boundary.watch_block_lots, boundary.watch_storage_fee_deductions, boundary.watch_purchases, boundary.watch_purchase_outcomes, boundary.watch_pickups, boundary.watch_block_state TO {watch};
