-- The market's books on PostgreSQL: what the embedded engine has, in the schemas market and boundary, with roles.
-- {owner} owns everything and is used for migrations and repairs alone; {market} appends; {watch} reads the views.

-- Append-only tables hold what happened; the *_state tables are projections of them,
-- kept for speed and compared with their replay by the watch. Amounts in whole UGX, weights in grams,
-- instants in microseconds since the Unix epoch, UTC.

CREATE TABLE market.system (id BIGINT PRIMARY KEY CHECK (id = 1), system_id TEXT NOT NULL, created_at BIGINT NOT NULL);
-- Raised by one in each of our own write transactions; its row lock, taken last, is what puts them in one order.
CREATE TABLE market.commit_count (id BIGINT PRIMARY KEY CHECK (id = 1), commits BIGINT NOT NULL);
INSERT INTO market.commit_count (id, commits) VALUES (1, 0);
-- How often somebody was refused, by minute; bounded, no book of account.
CREATE TABLE market.refusal_counts (actor TEXT NOT NULL, code TEXT NOT NULL, minute BIGINT NOT NULL, count BIGINT NOT NULL, PRIMARY KEY (actor, code, minute));

CREATE TABLE market.journal (
    n BIGINT PRIMARY KEY CHECK (n > 0),
    command_id TEXT NOT NULL UNIQUE,
    utid TEXT NOT NULL UNIQUE,
    command TEXT NOT NULL,
    actor_id BIGINT NOT NULL,
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    decision TEXT NOT NULL,
    subject TEXT,
    target_utid TEXT,
    reason TEXT,
    amount_ugx BIGINT,
    arguments TEXT NOT NULL,
    effects_digest TEXT NOT NULL,
    idempotency_key TEXT,
    body_digest TEXT,
    answer TEXT NOT NULL,
    gate_generation BIGINT NOT NULL,
    at BIGINT NOT NULL
);
CREATE VIEW boundary.watch_journal AS SELECT n, command_id, utid, command, actor_id, actor, role, decision, subject, target_utid, reason, amount_ugx, arguments, effects_digest, idempotency_key, body_digest, answer, gate_generation, at FROM market.journal;

CREATE TABLE market.users (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    alias TEXT NOT NULL UNIQUE,
    role_at_creation TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX users_by_utid ON market.users (utid);
CREATE VIEW boundary.watch_users AS SELECT id, utid, alias, role_at_creation, at FROM market.users;

CREATE TABLE market.user_steps (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES market.users (id),
    step TEXT NOT NULL CHECK (step IN ('invited', 'activated', 'suspended', 'unsuspended', 'deleted')),
    reason TEXT,
    at BIGINT NOT NULL
);
CREATE INDEX user_steps_by_utid ON market.user_steps (utid);
CREATE VIEW boundary.watch_user_steps AS SELECT id, utid, user_id, step, reason, at FROM market.user_steps;

CREATE TABLE market.role_history (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES market.users (id),
    role_before TEXT,
    role_after TEXT NOT NULL,
    assigned_by BIGINT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX role_history_by_utid ON market.role_history (utid);
CREATE VIEW boundary.watch_role_history AS SELECT id, utid, user_id, role_before, role_after, assigned_by, reason, at FROM market.role_history;

CREATE TABLE market.listings (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    farmer_id BIGINT NOT NULL REFERENCES market.users (id),
    produce TEXT NOT NULL,
    grams BIGINT NOT NULL CHECK (grams > 0 AND grams % 10000 = 0),
    price_ugx_per_kg BIGINT NOT NULL CHECK (price_ugx_per_kg > 0),
    at BIGINT NOT NULL
);
CREATE INDEX listings_by_utid ON market.listings (utid);
CREATE VIEW boundary.watch_listings AS SELECT id, utid, farmer_id, produce, grams, price_ugx_per_kg, at FROM market.listings;

CREATE TABLE market.units (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    listing_id BIGINT NOT NULL REFERENCES market.listings (id),
    number BIGINT NOT NULL CHECK (number > 0),
    grams BIGINT NOT NULL CHECK (grams = 10000),
    UNIQUE (listing_id, number)
);
CREATE INDEX units_by_utid ON market.units (utid);
CREATE VIEW boundary.watch_units AS SELECT id, utid, listing_id, number, grams FROM market.units;

CREATE TABLE market.locks (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    unit_id BIGINT NOT NULL REFERENCES market.units (id),
    trader_id BIGINT NOT NULL REFERENCES market.users (id),
    farmer_id BIGINT NOT NULL REFERENCES market.users (id),
    price_ugx_per_kg BIGINT NOT NULL CHECK (price_ugx_per_kg > 0),
    amount_ugx BIGINT NOT NULL CHECK (amount_ugx > 0),
    exposure_before_ugx BIGINT NOT NULL CHECK (exposure_before_ugx >= 0),
    exposure_after_ugx BIGINT NOT NULL CHECK (exposure_after_ugx <= 1000000),
    locked_at BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL
);
CREATE VIEW boundary.watch_locks AS SELECT id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, exposure_before_ugx, exposure_after_ugx, locked_at, deadline_at FROM market.locks;

CREATE TABLE market.lock_outcomes (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    lock_utid TEXT NOT NULL REFERENCES market.locks (utid),
    outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'late', 'cancelled', 'reversed')),
    minutes_late BIGINT NOT NULL CHECK (minutes_late >= 0),
    at BIGINT NOT NULL
);
CREATE INDEX lock_outcomes_by_utid ON market.lock_outcomes (utid);
CREATE VIEW boundary.watch_lock_outcomes AS SELECT id, utid, lock_utid, outcome, minutes_late, at FROM market.lock_outcomes;

CREATE TABLE market.wallet_ledger (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    trader_id BIGINT NOT NULL REFERENCES market.users (id),
    number BIGINT NOT NULL CHECK (number > 0),
    type TEXT NOT NULL CHECK (type IN ('capital_deposit', 'capital_lock', 'capital_unlock', 'settlement', 'sale_return', 'profit_credit', 'profit_withdrawal', 'capital_correction', 'locked_correction', 'profit_correction')),
    amount_ugx BIGINT NOT NULL CHECK (amount_ugx <> 0),
    capital_after BIGINT NOT NULL CHECK (capital_after >= 0),
    locked_after BIGINT NOT NULL CHECK (locked_after >= 0),
    profit_after BIGINT NOT NULL CHECK (profit_after >= 0),
    provider TEXT,
    external_ref TEXT,
    incident TEXT,
    at BIGINT NOT NULL,
    UNIQUE (trader_id, number),
    UNIQUE (provider, external_ref),
    CHECK (amount_ugx > 0 OR type IN ('capital_correction', 'locked_correction', 'profit_correction')),
    CHECK ((type = 'capital_deposit') = (provider IS NOT NULL AND external_ref IS NOT NULL) OR type = 'profit_withdrawal')
);
CREATE INDEX wallet_ledger_by_utid ON market.wallet_ledger (utid);
CREATE VIEW boundary.watch_wallet_ledger AS SELECT id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, profit_after, provider, external_ref, incident, at FROM market.wallet_ledger;

CREATE TABLE market.farmer_ledger (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    farmer_id BIGINT NOT NULL REFERENCES market.users (id),
    number BIGINT NOT NULL CHECK (number > 0),
    type TEXT NOT NULL CHECK (type IN ('settlement', 'payout', 'correction')),
    amount_ugx BIGINT NOT NULL CHECK (amount_ugx <> 0),
    balance_after BIGINT NOT NULL CHECK (balance_after >= 0),
    incident TEXT,
    at BIGINT NOT NULL,
    UNIQUE (farmer_id, number)
);
CREATE INDEX farmer_ledger_by_utid ON market.farmer_ledger (utid);
CREATE VIEW boundary.watch_farmer_ledger AS SELECT id, utid, farmer_id, number, type, amount_ugx, balance_after, incident, at FROM market.farmer_ledger;

CREATE TABLE market.lots (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    trader_id BIGINT NOT NULL REFERENCES market.users (id),
    unit_id BIGINT NOT NULL UNIQUE REFERENCES market.units (id),
    lock_utid TEXT NOT NULL UNIQUE REFERENCES market.locks (utid),
    produce TEXT NOT NULL,
    grams BIGINT NOT NULL CHECK (grams > 0),
    cost_ugx BIGINT NOT NULL CHECK (cost_ugx > 0),
    at BIGINT NOT NULL
);
CREATE INDEX lots_by_utid ON market.lots (utid);
CREATE VIEW boundary.watch_lots AS SELECT id, utid, trader_id, unit_id, lock_utid, produce, grams, cost_ugx, at FROM market.lots;

CREATE TABLE market.write_offs (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    lot_id BIGINT NOT NULL UNIQUE REFERENCES market.lots (id),
    cost_ugx BIGINT NOT NULL CHECK (cost_ugx > 0),
    at BIGINT NOT NULL
);
CREATE INDEX write_offs_by_utid ON market.write_offs (utid);
CREATE VIEW boundary.watch_write_offs AS SELECT id, utid, lot_id, cost_ugx, at FROM market.write_offs;

CREATE TABLE market.admin_actions (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    actor_id BIGINT NOT NULL REFERENCES market.users (id),
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    target_utid TEXT,
    reason TEXT NOT NULL CHECK (length(reason) >= 10),
    at BIGINT NOT NULL
);
CREATE INDEX admin_actions_by_utid ON market.admin_actions (utid);
CREATE VIEW boundary.watch_admin_actions AS SELECT id, utid, actor_id, action, subject, target_utid, reason, at FROM market.admin_actions;

CREATE TABLE market.acknowledgements (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    finding TEXT NOT NULL,
    incident TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    row_digest TEXT NOT NULL,
    account TEXT,
    capital_delta_ugx BIGINT NOT NULL,
    locked_delta_ugx BIGINT NOT NULL,
    profit_delta_ugx BIGINT NOT NULL,
    earnings_delta_ugx BIGINT NOT NULL,
    at BIGINT NOT NULL,
    UNIQUE (table_name, row_key, row_digest)
);
CREATE INDEX acknowledgements_by_utid ON market.acknowledgements (utid);
CREATE VIEW boundary.watch_acknowledgements AS SELECT id, utid, finding, incident, table_name, row_key, row_digest, account, capital_delta_ugx, locked_delta_ugx, profit_delta_ugx, earnings_delta_ugx, at FROM market.acknowledgements;

CREATE TABLE market.repairs (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    finding TEXT NOT NULL,
    incident TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    digest_before TEXT,
    digest_after TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX repairs_by_utid ON market.repairs (utid);
CREATE VIEW boundary.watch_repairs AS SELECT id, utid, finding, incident, table_name, row_key, digest_before, digest_after, at FROM market.repairs;

CREATE TABLE market.rate_limit_hits (
    id BIGINT PRIMARY KEY,
    actor TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    count BIGINT NOT NULL CHECK (count > 0),
    limit_max BIGINT NOT NULL,
    window_seconds BIGINT NOT NULL,
    at BIGINT NOT NULL
);
CREATE VIEW boundary.watch_rate_limit_hits AS SELECT id, actor, limit_name, count, limit_max, window_seconds, at FROM market.rate_limit_hits;

CREATE TABLE market.sign_in_attempts (
    id BIGINT PRIMARY KEY,
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('sign_in', 'second_factor', 'reset', 'enrolment')),
    outcome TEXT NOT NULL CHECK (outcome IN ('accepted', 'refused', 'throttled')),
    at BIGINT NOT NULL
);
CREATE VIEW boundary.watch_sign_in_attempts AS SELECT id, account, address, kind, outcome, at FROM market.sign_in_attempts;

CREATE TABLE market.user_state (
    user_id BIGINT PRIMARY KEY REFERENCES market.users (id),
    role TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('invited', 'active', 'suspended', 'deleted')),
    session_generation BIGINT NOT NULL
);
CREATE VIEW boundary.watch_user_state AS SELECT user_id, role, status, session_generation FROM market.user_state;

CREATE TABLE market.unit_state (
    unit_id BIGINT PRIMARY KEY REFERENCES market.units (id),
    status TEXT NOT NULL CHECK (status IN ('available', 'locked', 'delivered', 'cancelled')),
    lock_utid TEXT
);
CREATE VIEW boundary.watch_unit_state AS SELECT unit_id, status, lock_utid FROM market.unit_state;

CREATE TABLE market.trader_state (
    trader_id BIGINT PRIMARY KEY REFERENCES market.users (id),
    last_number BIGINT NOT NULL CHECK (last_number >= 0),
    exposure_ugx BIGINT NOT NULL CHECK (exposure_ugx >= 0)
);
CREATE VIEW boundary.watch_trader_state AS SELECT trader_id, last_number, exposure_ugx FROM market.trader_state;

CREATE UNIQUE INDEX journal_by_idempotency_key ON market.journal (actor_id, command, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX journal_by_actor ON market.journal (actor_id, command, at);
CREATE INDEX journal_by_target ON market.journal (target_utid) WHERE target_utid IS NOT NULL;
CREATE UNIQUE INDEX lock_outcomes_final ON market.lock_outcomes (lock_utid, outcome) WHERE outcome IN ('delivered', 'reversed');
CREATE INDEX lock_outcomes_by_lock ON market.lock_outcomes (lock_utid);
CREATE INDEX locks_by_trader ON market.locks (trader_id, id);
CREATE INDEX locks_by_unit ON market.locks (unit_id);
CREATE INDEX listings_by_farmer ON market.listings (farmer_id, at);
CREATE INDEX lots_by_trader ON market.lots (trader_id, id);
CREATE INDEX unit_state_available ON market.unit_state (unit_id) WHERE status = 'available';
CREATE INDEX sign_in_attempts_by_account ON market.sign_in_attempts (account, at);
CREATE INDEX sign_in_attempts_by_address ON market.sign_in_attempts (address, at);
CREATE INDEX user_steps_by_user ON market.user_steps (user_id, id);
CREATE INDEX role_history_by_user ON market.role_history (user_id, id);
CREATE VIEW boundary.watch_commit_count AS SELECT commits FROM market.commit_count;
CREATE VIEW boundary.watch_system AS SELECT system_id, created_at FROM market.system;
CREATE VIEW boundary.watch_refusal_counts AS SELECT actor, code, minute, count FROM market.refusal_counts;

-- What was written stays. Always: also for a session that plays the replica.
CREATE OR REPLACE FUNCTION market.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END;
$$;
CREATE OR REPLACE TRIGGER journal_refuses_change BEFORE UPDATE OR DELETE ON market.journal FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.journal ENABLE ALWAYS TRIGGER journal_refuses_change;
CREATE OR REPLACE TRIGGER journal_refuses_truncate BEFORE TRUNCATE ON market.journal FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.journal ENABLE ALWAYS TRIGGER journal_refuses_truncate;
CREATE OR REPLACE TRIGGER users_refuses_change BEFORE UPDATE OR DELETE ON market.users FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.users ENABLE ALWAYS TRIGGER users_refuses_change;
CREATE OR REPLACE TRIGGER users_refuses_truncate BEFORE TRUNCATE ON market.users FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.users ENABLE ALWAYS TRIGGER users_refuses_truncate;
CREATE OR REPLACE TRIGGER user_steps_refuses_change BEFORE UPDATE OR DELETE ON market.user_steps FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.user_steps ENABLE ALWAYS TRIGGER user_steps_refuses_change;
CREATE OR REPLACE TRIGGER user_steps_refuses_truncate BEFORE TRUNCATE ON market.user_steps FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.user_steps ENABLE ALWAYS TRIGGER user_steps_refuses_truncate;
CREATE OR REPLACE TRIGGER role_history_refuses_change BEFORE UPDATE OR DELETE ON market.role_history FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.role_history ENABLE ALWAYS TRIGGER role_history_refuses_change;
CREATE OR REPLACE TRIGGER role_history_refuses_truncate BEFORE TRUNCATE ON market.role_history FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.role_history ENABLE ALWAYS TRIGGER role_history_refuses_truncate;
CREATE OR REPLACE TRIGGER listings_refuses_change BEFORE UPDATE OR DELETE ON market.listings FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.listings ENABLE ALWAYS TRIGGER listings_refuses_change;
CREATE OR REPLACE TRIGGER listings_refuses_truncate BEFORE TRUNCATE ON market.listings FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.listings ENABLE ALWAYS TRIGGER listings_refuses_truncate;
CREATE OR REPLACE TRIGGER units_refuses_change BEFORE UPDATE OR DELETE ON market.units FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.units ENABLE ALWAYS TRIGGER units_refuses_change;
CREATE OR REPLACE TRIGGER units_refuses_truncate BEFORE TRUNCATE ON market.units FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.units ENABLE ALWAYS TRIGGER units_refuses_truncate;
CREATE OR REPLACE TRIGGER locks_refuses_change BEFORE UPDATE OR DELETE ON market.locks FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.locks ENABLE ALWAYS TRIGGER locks_refuses_change;
CREATE OR REPLACE TRIGGER locks_refuses_truncate BEFORE TRUNCATE ON market.locks FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.locks ENABLE ALWAYS TRIGGER locks_refuses_truncate;
CREATE OR REPLACE TRIGGER lock_outcomes_refuses_change BEFORE UPDATE OR DELETE ON market.lock_outcomes FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.lock_outcomes ENABLE ALWAYS TRIGGER lock_outcomes_refuses_change;
CREATE OR REPLACE TRIGGER lock_outcomes_refuses_truncate BEFORE TRUNCATE ON market.lock_outcomes FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.lock_outcomes ENABLE ALWAYS TRIGGER lock_outcomes_refuses_truncate;
CREATE OR REPLACE TRIGGER wallet_ledger_refuses_change BEFORE UPDATE OR DELETE ON market.wallet_ledger FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.wallet_ledger ENABLE ALWAYS TRIGGER wallet_ledger_refuses_change;
CREATE OR REPLACE TRIGGER wallet_ledger_refuses_truncate BEFORE TRUNCATE ON market.wallet_ledger FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.wallet_ledger ENABLE ALWAYS TRIGGER wallet_ledger_refuses_truncate;
CREATE OR REPLACE TRIGGER farmer_ledger_refuses_change BEFORE UPDATE OR DELETE ON market.farmer_ledger FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.farmer_ledger ENABLE ALWAYS TRIGGER farmer_ledger_refuses_change;
CREATE OR REPLACE TRIGGER farmer_ledger_refuses_truncate BEFORE TRUNCATE ON market.farmer_ledger FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.farmer_ledger ENABLE ALWAYS TRIGGER farmer_ledger_refuses_truncate;
CREATE OR REPLACE TRIGGER lots_refuses_change BEFORE UPDATE OR DELETE ON market.lots FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.lots ENABLE ALWAYS TRIGGER lots_refuses_change;
CREATE OR REPLACE TRIGGER lots_refuses_truncate BEFORE TRUNCATE ON market.lots FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.lots ENABLE ALWAYS TRIGGER lots_refuses_truncate;
CREATE OR REPLACE TRIGGER write_offs_refuses_change BEFORE UPDATE OR DELETE ON market.write_offs FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.write_offs ENABLE ALWAYS TRIGGER write_offs_refuses_change;
CREATE OR REPLACE TRIGGER write_offs_refuses_truncate BEFORE TRUNCATE ON market.write_offs FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.write_offs ENABLE ALWAYS TRIGGER write_offs_refuses_truncate;
CREATE OR REPLACE TRIGGER admin_actions_refuses_change BEFORE UPDATE OR DELETE ON market.admin_actions FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.admin_actions ENABLE ALWAYS TRIGGER admin_actions_refuses_change;
CREATE OR REPLACE TRIGGER admin_actions_refuses_truncate BEFORE TRUNCATE ON market.admin_actions FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.admin_actions ENABLE ALWAYS TRIGGER admin_actions_refuses_truncate;
CREATE OR REPLACE TRIGGER acknowledgements_refuses_change BEFORE UPDATE OR DELETE ON market.acknowledgements FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.acknowledgements ENABLE ALWAYS TRIGGER acknowledgements_refuses_change;
CREATE OR REPLACE TRIGGER acknowledgements_refuses_truncate BEFORE TRUNCATE ON market.acknowledgements FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.acknowledgements ENABLE ALWAYS TRIGGER acknowledgements_refuses_truncate;
CREATE OR REPLACE TRIGGER repairs_refuses_change BEFORE UPDATE OR DELETE ON market.repairs FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.repairs ENABLE ALWAYS TRIGGER repairs_refuses_change;
CREATE OR REPLACE TRIGGER repairs_refuses_truncate BEFORE TRUNCATE ON market.repairs FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.repairs ENABLE ALWAYS TRIGGER repairs_refuses_truncate;
CREATE OR REPLACE TRIGGER rate_limit_hits_refuses_change BEFORE UPDATE OR DELETE ON market.rate_limit_hits FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.rate_limit_hits ENABLE ALWAYS TRIGGER rate_limit_hits_refuses_change;
CREATE OR REPLACE TRIGGER rate_limit_hits_refuses_truncate BEFORE TRUNCATE ON market.rate_limit_hits FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.rate_limit_hits ENABLE ALWAYS TRIGGER rate_limit_hits_refuses_truncate;
CREATE OR REPLACE TRIGGER sign_in_attempts_refuses_change BEFORE UPDATE OR DELETE ON market.sign_in_attempts FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.sign_in_attempts ENABLE ALWAYS TRIGGER sign_in_attempts_refuses_change;
CREATE OR REPLACE TRIGGER sign_in_attempts_refuses_truncate BEFORE TRUNCATE ON market.sign_in_attempts FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.sign_in_attempts ENABLE ALWAYS TRIGGER sign_in_attempts_refuses_truncate;

-- Who may do what. A table that is not named for a role is closed to it.
GRANT USAGE ON SCHEMA market TO {market};
GRANT USAGE ON SCHEMA boundary TO {market}, {watch}, {control};
GRANT SELECT, INSERT ON market.journal, market.users, market.user_steps, market.role_history, market.listings, market.units, market.locks, market.lock_outcomes, market.wallet_ledger, market.farmer_ledger, market.lots, market.write_offs, market.admin_actions, market.acknowledgements, market.repairs, market.rate_limit_hits, market.sign_in_attempts TO {market};
GRANT SELECT ON market.system TO {market};
GRANT SELECT, INSERT, UPDATE ON market.user_state, market.unit_state, market.trader_state TO {market};
GRANT SELECT, UPDATE ON market.commit_count TO {market};
GRANT SELECT, INSERT, UPDATE, DELETE ON market.refusal_counts TO {market};
GRANT SELECT ON boundary.watch_journal, boundary.watch_users, boundary.watch_user_steps, boundary.watch_role_history, boundary.watch_listings, boundary.watch_units, boundary.watch_locks, boundary.watch_lock_outcomes, boundary.watch_wallet_ledger, boundary.watch_farmer_ledger, boundary.watch_lots, boundary.watch_write_offs, boundary.watch_admin_actions, boundary.watch_acknowledgements, boundary.watch_repairs, boundary.watch_rate_limit_hits, boundary.watch_sign_in_attempts, boundary.watch_user_state, boundary.watch_unit_state, boundary.watch_trader_state, boundary.watch_commit_count, boundary.watch_system, boundary.watch_refusal_counts TO {watch};
GRANT SELECT ON boundary.watch_journal TO {market}, {control};
