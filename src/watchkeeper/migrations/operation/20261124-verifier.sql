-- What the watch has read and judged. All of one pass is written in one transaction.

-- The last key read of each published table.
CREATE TABLE watermarks (table_name TEXT PRIMARY KEY, key INTEGER NOT NULL) STRICT;

-- Which leaf holds which row: a row is of the books when it is in `main`; in `side` it belongs to no journal row.
CREATE TABLE sealed_rows (
    table_name TEXT NOT NULL,
    key INTEGER NOT NULL,
    log TEXT NOT NULL CHECK (log IN ('main', 'side')),
    idx INTEGER NOT NULL,
    PRIMARY KEY (table_name, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE findings (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    invariant TEXT NOT NULL,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    classes TEXT NOT NULL,
    account TEXT,
    table_name TEXT NOT NULL,
    row_key TEXT NOT NULL,
    expected TEXT NOT NULL,
    found TEXT NOT NULL,
    found_digest TEXT NOT NULL,
    sealed_log TEXT,
    sealed_index INTEGER,
    severity TEXT NOT NULL,
    detail TEXT NOT NULL,
    watermark INTEGER NOT NULL,
    committed_at INTEGER,
    seen_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'repaired', 'acknowledged', 'cured')),
    closed_at INTEGER,
    closed_by TEXT,
    closing_utid TEXT
) STRICT;
CREATE UNIQUE INDEX findings_open ON findings (fingerprint) WHERE state = 'open';
CREATE INDEX findings_by_scope ON findings (invariant, scope) WHERE state = 'open';
CREATE INDEX findings_by_state ON findings (state, id);
CREATE TRIGGER findings_refuses_delete BEFORE DELETE ON findings
BEGIN
    SELECT RAISE(ABORT, 'findings are never deleted');
END;

-- The last verdict of each invariant by each kind of pass; whoever reads it judges its age by boot time.
CREATE TABLE verdicts (
    invariant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('continuous', 'full')),
    verdict TEXT NOT NULL CHECK (verdict IN ('HOLDS', 'BROKEN', 'UNKNOWN')),
    detail TEXT NOT NULL,
    numbers INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    boot_ns INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (invariant, mode)
) STRICT;

-- The running replay of each account, in whole UGX, moving with the watermark; a full pass rebuilds and compares it.
CREATE TABLE account_state (
    account_id INTEGER NOT NULL,
    ledger TEXT NOT NULL,
    number INTEGER NOT NULL,
    capital INTEGER NOT NULL,
    locked INTEGER NOT NULL,
    profit INTEGER NOT NULL,
    earnings INTEGER NOT NULL,
    disputed_capital INTEGER NOT NULL,
    disputed_locked INTEGER NOT NULL,
    disputed_profit INTEGER NOT NULL,
    disputed_earnings INTEGER NOT NULL,
    open_ugx INTEGER NOT NULL,
    adjusted_ugx INTEGER NOT NULL,
    exposure_ugx INTEGER NOT NULL,
    PRIMARY KEY (account_id, ledger)
) STRICT;
CREATE TABLE totals (name TEXT PRIMARY KEY, amount_ugx INTEGER NOT NULL) STRICT;

-- What the engine's own marks were when they were last explained.
CREATE TABLE engine_marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;

-- Full passes: asked for, running, done.
CREATE TABLE full_passes (
    id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    -- When the commit that called for it was written; NULL when none did.
    committed_at INTEGER,
    begun_at INTEGER,
    ended_at INTEGER,
    upto INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    boot_id TEXT NOT NULL DEFAULT '',
    boot_ns INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX full_passes_waiting ON full_passes (id) WHERE ended_at IS NULL;
