-- The market's books. Append-only tables hold what happened; the *_state tables are projections of them,
-- kept for speed and compared with their replay by the watch. Amounts in whole UGX, weights in grams,
-- instants in microseconds since the Unix epoch, UTC.

CREATE TABLE system (id INTEGER PRIMARY KEY CHECK (id = 1), system_id TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
-- Raised by one in each of our own write transactions; the watch compares it with the engine's own count of commits.
CREATE TABLE commit_count (id INTEGER PRIMARY KEY CHECK (id = 1), commits INTEGER NOT NULL) STRICT;
INSERT INTO commit_count (id, commits) VALUES (1, 0);
-- How often somebody was refused, by minute; bounded, no book of account.
CREATE TABLE refusal_counts (actor TEXT NOT NULL, code TEXT NOT NULL, minute INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (actor, code, minute)) STRICT;

CREATE TABLE journal (
    n INTEGER PRIMARY KEY CHECK (n > 0),
    command_id TEXT NOT NULL UNIQUE,
    utid TEXT NOT NULL UNIQUE,
    command TEXT NOT NULL,
    actor_id INTEGER NOT NULL,
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    decision TEXT NOT NULL,
    subject TEXT,
    target_utid TEXT,
    reason TEXT,
    amount_ugx INTEGER,
    arguments TEXT NOT NULL,
    effects_digest TEXT NOT NULL,
    idempotency_key TEXT,
    body_digest TEXT,
    answer TEXT NOT NULL,
    gate_generation INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER journal_refuses_update BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'journal is append-only');
END;
CREATE TRIGGER journal_refuses_delete BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'journal is append-only');
END;
CREATE VIEW watch_journal AS SELECT n, command_id, utid, command, actor_id, actor, role, decision, subject, target_utid, reason, amount_ugx, arguments, effects_digest, idempotency_key, body_digest, answer, gate_generation, at FROM journal;

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    alias TEXT NOT NULL UNIQUE,
    role_at_creation TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX users_by_utid ON users (utid);
CREATE TRIGGER users_refuses_update BEFORE UPDATE ON users
BEGIN
    SELECT RAISE(ABORT, 'users is append-only');
END;
CREATE TRIGGER users_refuses_delete BEFORE DELETE ON users
BEGIN
    SELECT RAISE(ABORT, 'users is append-only');
END;
CREATE VIEW watch_users AS SELECT id, utid, alias, role_at_creation, at FROM users;

CREATE TABLE user_steps (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    step TEXT NOT NULL CHECK (step IN ('invited', 'activated', 'suspended', 'unsuspended', 'deleted')),
    reason TEXT,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX user_steps_by_utid ON user_steps (utid);
CREATE TRIGGER user_steps_refuses_update BEFORE UPDATE ON user_steps
BEGIN
    SELECT RAISE(ABORT, 'user_steps is append-only');
END;
CREATE TRIGGER user_steps_refuses_delete BEFORE DELETE ON user_steps
BEGIN
    SELECT RAISE(ABORT, 'user_steps is append-only');
END;
CREATE VIEW watch_user_steps AS SELECT id, utid, user_id, step, reason, at FROM user_steps;

CREATE TABLE role_history (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    role_before TEXT,
    role_after TEXT NOT NULL,
    assigned_by INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX role_history_by_utid ON role_history (utid);
CREATE TRIGGER role_history_refuses_update BEFORE UPDATE ON role_history
BEGIN
    SELECT RAISE(ABORT, 'role_history is append-only');
END;
CREATE TRIGGER role_history_refuses_delete BEFORE DELETE ON role_history
BEGIN
    SELECT RAISE(ABORT, 'role_history is append-only');
END;
CREATE VIEW watch_role_history AS SELECT id, utid, user_id, role_before, role_after, assigned_by, reason, at FROM role_history;

CREATE TABLE listings (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    farmer_id INTEGER NOT NULL REFERENCES users (id),
    produce TEXT NOT NULL,
    grams INTEGER NOT NULL CHECK (grams > 0 AND grams % 10000 = 0),
    price_ugx_per_kg INTEGER NOT NULL CHECK (price_ugx_per_kg > 0),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX listings_by_utid ON listings (utid);
CREATE TRIGGER listings_refuses_update BEFORE UPDATE ON listings
BEGIN
    SELECT RAISE(ABORT, 'listings is append-only');
END;
CREATE TRIGGER listings_refuses_delete BEFORE DELETE ON listings
BEGIN
    SELECT RAISE(ABORT, 'listings is append-only');
END;
CREATE VIEW watch_listings AS SELECT id, utid, farmer_id, produce, grams, price_ugx_per_kg, at FROM listings;

CREATE TABLE units (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    listing_id INTEGER NOT NULL REFERENCES listings (id),
    number INTEGER NOT NULL CHECK (number > 0),
    grams INTEGER NOT NULL CHECK (grams = 10000),
    UNIQUE (listing_id, number)
) STRICT;
CREATE INDEX units_by_utid ON units (utid);
CREATE TRIGGER units_refuses_update BEFORE UPDATE ON units
BEGIN
    SELECT RAISE(ABORT, 'units is append-only');
END;
CREATE TRIGGER units_refuses_delete BEFORE DELETE ON units
BEGIN
    SELECT RAISE(ABORT, 'units is append-only');
END;
CREATE VIEW watch_units AS SELECT id, utid, listing_id, number, grams FROM units;

CREATE TABLE locks (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    unit_id INTEGER NOT NULL REFERENCES units (id),
    trader_id INTEGER NOT NULL REFERENCES users (id),
    farmer_id INTEGER NOT NULL REFERENCES users (id),
    price_ugx_per_kg INTEGER NOT NULL CHECK (price_ugx_per_kg > 0),
    amount_ugx INTEGER NOT NULL CHECK (amount_ugx > 0),
    exposure_before_ugx INTEGER NOT NULL CHECK (exposure_before_ugx >= 0),
    exposure_after_ugx INTEGER NOT NULL CHECK (exposure_after_ugx <= 1000000),
    locked_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER locks_refuses_update BEFORE UPDATE ON locks
BEGIN
    SELECT RAISE(ABORT, 'locks is append-only');
END;
CREATE TRIGGER locks_refuses_delete BEFORE DELETE ON locks
BEGIN
    SELECT RAISE(ABORT, 'locks is append-only');
END;
CREATE VIEW watch_locks AS SELECT id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, exposure_before_ugx, exposure_after_ugx, locked_at, deadline_at FROM locks;

CREATE TABLE lock_outcomes (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    lock_utid TEXT NOT NULL REFERENCES locks (utid),
    outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'late', 'cancelled', 'reversed')),
    minutes_late INTEGER NOT NULL CHECK (minutes_late >= 0),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX lock_outcomes_by_utid ON lock_outcomes (utid);
CREATE TRIGGER lock_outcomes_refuses_update BEFORE UPDATE ON lock_outcomes
BEGIN
    SELECT RAISE(ABORT, 'lock_outcomes is append-only');
END;
CREATE TRIGGER lock_outcomes_refuses_delete BEFORE DELETE ON lock_outcomes
BEGIN
    SELECT RAISE(ABORT, 'lock_outcomes is append-only');
END;
CREATE VIEW watch_lock_outcomes AS SELECT id, utid, lock_utid, outcome, minutes_late, at FROM lock_outcomes;

CREATE TABLE wallet_ledger (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    trader_id INTEGER NOT NULL REFERENCES users (id),
    number INTEGER NOT NULL CHECK (number > 0),
    type TEXT NOT NULL CHECK (type IN ('capital_deposit', 'capital_lock', 'capital_unlock', 'settlement', 'sale_return', 'profit_credit', 'profit_withdrawal', 'capital_correction', 'locked_correction', 'profit_correction')),
    amount_ugx INTEGER NOT NULL CHECK (amount_ugx <> 0),
    capital_after INTEGER NOT NULL CHECK (capital_after >= 0),
    locked_after INTEGER NOT NULL CHECK (locked_after >= 0),
    profit_after INTEGER NOT NULL CHECK (profit_after >= 0),
    provider TEXT,
    external_ref TEXT,
    incident TEXT,
    at INTEGER NOT NULL,
    UNIQUE (trader_id, number),
    UNIQUE (provider, external_ref),
    CHECK (amount_ugx > 0 OR type IN ('capital_correction', 'locked_correction', 'profit_correction')),
    CHECK ((type = 'capital_deposit') = (provider IS NOT NULL AND external_ref IS NOT NULL) OR type = 'profit_withdrawal')
) STRICT;
CREATE INDEX wallet_ledger_by_utid ON wallet_ledger (utid);
CREATE TRIGGER wallet_ledger_refuses_update BEFORE UPDATE ON wallet_ledger
BEGIN
    SELECT RAISE(ABORT, 'wallet_ledger is append-only');
END;
CREATE TRIGGER wallet_ledger_refuses_delete BEFORE DELETE ON wallet_ledger
BEGIN
    SELECT RAISE(ABORT, 'wallet_ledger is append-only');
END;
CREATE VIEW watch_wallet_ledger AS SELECT id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, profit_after, provider, external_ref, incident, at FROM wallet_ledger;

CREATE TABLE farmer_ledger (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    farmer_id INTEGER NOT NULL REFERENCES users (id),
    number INTEGER NOT NULL CHECK (number > 0),
    type TEXT NOT NULL CHECK (type IN ('settlement', 'payout', 'correction')),
    amount_ugx INTEGER NOT NULL CHECK (amount_ugx <> 0),
    balance_after INTEGER NOT NULL CHECK (balance_after >= 0),
    incident TEXT,
    at INTEGER NOT NULL,
    UNIQUE (farmer_id, number)
) STRICT;
CREATE INDEX farmer_ledger_by_utid ON farmer_ledger (utid);
CREATE TRIGGER farmer_ledger_refuses_update BEFORE UPDATE ON farmer_ledger
BEGIN
    SELECT RAISE(ABORT, 'farmer_ledger is append-only');
END;
CREATE TRIGGER farmer_ledger_refuses_delete BEFORE DELETE ON farmer_ledger
BEGIN
    SELECT RAISE(ABORT, 'farmer_ledger is append-only');
END;
CREATE VIEW watch_farmer_ledger AS SELECT id, utid, farmer_id, number, type, amount_ugx, balance_after, incident, at FROM farmer_ledger;

CREATE TABLE lots (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    trader_id INTEGER NOT NULL REFERENCES users (id),
    unit_id INTEGER NOT NULL UNIQUE REFERENCES units (id),
    lock_utid TEXT NOT NULL UNIQUE REFERENCES locks (utid),
    produce TEXT NOT NULL,
    grams INTEGER NOT NULL CHECK (grams > 0),
    cost_ugx INTEGER NOT NULL CHECK (cost_ugx > 0),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX lots_by_utid ON lots (utid);
CREATE TRIGGER lots_refuses_update BEFORE UPDATE ON lots
BEGIN
    SELECT RAISE(ABORT, 'lots is append-only');
END;
CREATE TRIGGER lots_refuses_delete BEFORE DELETE ON lots
BEGIN
    SELECT RAISE(ABORT, 'lots is append-only');
END;
CREATE VIEW watch_lots AS SELECT id, utid, trader_id, unit_id, lock_utid, produce, grams, cost_ugx, at FROM lots;

CREATE TABLE write_offs (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    lot_id INTEGER NOT NULL UNIQUE REFERENCES lots (id),
    cost_ugx INTEGER NOT NULL CHECK (cost_ugx > 0),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX write_offs_by_utid ON write_offs (utid);
CREATE TRIGGER write_offs_refuses_update BEFORE UPDATE ON write_offs
BEGIN
    SELECT RAISE(ABORT, 'write_offs is append-only');
END;
CREATE TRIGGER write_offs_refuses_delete BEFORE DELETE ON write_offs
BEGIN
    SELECT RAISE(ABORT, 'write_offs is append-only');
END;
CREATE VIEW watch_write_offs AS SELECT id, utid, lot_id, cost_ugx, at FROM write_offs;

CREATE TABLE admin_actions (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    actor_id INTEGER NOT NULL REFERENCES users (id),
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    target_utid TEXT,
    reason TEXT NOT NULL CHECK (length(reason) >= 10),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX admin_actions_by_utid ON admin_actions (utid);
CREATE TRIGGER admin_actions_refuses_update BEFORE UPDATE ON admin_actions
BEGIN
    SELECT RAISE(ABORT, 'admin_actions is append-only');
END;
CREATE TRIGGER admin_actions_refuses_delete BEFORE DELETE ON admin_actions
BEGIN
    SELECT RAISE(ABORT, 'admin_actions is append-only');
END;
CREATE VIEW watch_admin_actions AS SELECT id, utid, actor_id, action, subject, target_utid, reason, at FROM admin_actions;

CREATE TABLE acknowledgements (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    finding TEXT NOT NULL,
    incident TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    row_digest TEXT NOT NULL,
    account TEXT,
    capital_delta_ugx INTEGER NOT NULL,
    locked_delta_ugx INTEGER NOT NULL,
    profit_delta_ugx INTEGER NOT NULL,
    earnings_delta_ugx INTEGER NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (table_name, row_key, row_digest)
) STRICT;
CREATE INDEX acknowledgements_by_utid ON acknowledgements (utid);
CREATE TRIGGER acknowledgements_refuses_update BEFORE UPDATE ON acknowledgements
BEGIN
    SELECT RAISE(ABORT, 'acknowledgements is append-only');
END;
CREATE TRIGGER acknowledgements_refuses_delete BEFORE DELETE ON acknowledgements
BEGIN
    SELECT RAISE(ABORT, 'acknowledgements is append-only');
END;
CREATE VIEW watch_acknowledgements AS SELECT id, utid, finding, incident, table_name, row_key, row_digest, account, capital_delta_ugx, locked_delta_ugx, profit_delta_ugx, earnings_delta_ugx, at FROM acknowledgements;

CREATE TABLE repairs (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    finding TEXT NOT NULL,
    incident TEXT NOT NULL,
    table_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    digest_before TEXT,
    digest_after TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX repairs_by_utid ON repairs (utid);
CREATE TRIGGER repairs_refuses_update BEFORE UPDATE ON repairs
BEGIN
    SELECT RAISE(ABORT, 'repairs is append-only');
END;
CREATE TRIGGER repairs_refuses_delete BEFORE DELETE ON repairs
BEGIN
    SELECT RAISE(ABORT, 'repairs is append-only');
END;
CREATE VIEW watch_repairs AS SELECT id, utid, finding, incident, table_name, row_key, digest_before, digest_after, at FROM repairs;

CREATE TABLE rate_limit_hits (
    id INTEGER PRIMARY KEY,
    actor TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    count INTEGER NOT NULL CHECK (count > 0),
    limit_max INTEGER NOT NULL,
    window_seconds INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER rate_limit_hits_refuses_update BEFORE UPDATE ON rate_limit_hits
BEGIN
    SELECT RAISE(ABORT, 'rate_limit_hits is append-only');
END;
CREATE TRIGGER rate_limit_hits_refuses_delete BEFORE DELETE ON rate_limit_hits
BEGIN
    SELECT RAISE(ABORT, 'rate_limit_hits is append-only');
END;
CREATE VIEW watch_rate_limit_hits AS SELECT id, actor, limit_name, count, limit_max, window_seconds, at FROM rate_limit_hits;

CREATE TABLE sign_in_attempts (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('sign_in', 'second_factor', 'reset', 'enrolment')),
    outcome TEXT NOT NULL CHECK (outcome IN ('accepted', 'refused', 'throttled')),
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER sign_in_attempts_refuses_update BEFORE UPDATE ON sign_in_attempts
BEGIN
    SELECT RAISE(ABORT, 'sign_in_attempts is append-only');
END;
CREATE TRIGGER sign_in_attempts_refuses_delete BEFORE DELETE ON sign_in_attempts
BEGIN
    SELECT RAISE(ABORT, 'sign_in_attempts is append-only');
END;
CREATE VIEW watch_sign_in_attempts AS SELECT id, account, address, kind, outcome, at FROM sign_in_attempts;

CREATE TABLE user_state (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    role TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('invited', 'active', 'suspended', 'deleted')),
    session_generation INTEGER NOT NULL
) STRICT;
CREATE VIEW watch_user_state AS SELECT user_id, role, status, session_generation FROM user_state;

CREATE TABLE unit_state (
    unit_id INTEGER PRIMARY KEY REFERENCES units (id),
    status TEXT NOT NULL CHECK (status IN ('available', 'locked', 'delivered', 'cancelled')),
    lock_utid TEXT
) STRICT;
CREATE VIEW watch_unit_state AS SELECT unit_id, status, lock_utid FROM unit_state;

CREATE TABLE trader_state (
    trader_id INTEGER PRIMARY KEY REFERENCES users (id),
    last_number INTEGER NOT NULL CHECK (last_number >= 0),
    exposure_ugx INTEGER NOT NULL CHECK (exposure_ugx >= 0)
) STRICT;
CREATE VIEW watch_trader_state AS SELECT trader_id, last_number, exposure_ugx FROM trader_state;

CREATE UNIQUE INDEX journal_by_idempotency_key ON journal (actor_id, command, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX journal_by_actor ON journal (actor_id, command, at);
CREATE INDEX journal_by_target ON journal (target_utid) WHERE target_utid IS NOT NULL;
CREATE UNIQUE INDEX lock_outcomes_final ON lock_outcomes (lock_utid, outcome) WHERE outcome IN ('delivered', 'reversed');
CREATE INDEX lock_outcomes_by_lock ON lock_outcomes (lock_utid);
CREATE INDEX locks_by_trader ON locks (trader_id, id);
CREATE INDEX locks_by_unit ON locks (unit_id);
CREATE INDEX listings_by_farmer ON listings (farmer_id, at);
CREATE INDEX lots_by_trader ON lots (trader_id, id);
CREATE INDEX unit_state_available ON unit_state (unit_id) WHERE status = 'available';
CREATE INDEX sign_in_attempts_by_account ON sign_in_attempts (account, at);
CREATE INDEX sign_in_attempts_by_address ON sign_in_attempts (address, at);
CREATE INDEX user_steps_by_user ON user_steps (user_id, id);
CREATE INDEX role_history_by_user ON role_history (user_id, id);
CREATE VIEW watch_commit_count AS SELECT commits FROM commit_count;
CREATE VIEW watch_system AS SELECT system_id, created_at FROM system;
CREATE VIEW watch_refusal_counts AS SELECT actor, code, minute, count FROM refusal_counts;
