-- The gate: what may pass between the two sides. One small file of its own, so that stopping something
-- never waits for the market. `generation` grows with every change and is copied into each journal row:
-- a gate older than the newest journal row is an old copy put back, and is refused.

CREATE TABLE gate (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    system_id TEXT NOT NULL,
    generation INTEGER NOT NULL CHECK (generation > 0)
) STRICT;

-- A switch is engaged while at least one hold stands.
CREATE TABLE holds (
    switch TEXT NOT NULL CHECK (switch IN ('pilot_mode', 'purchase_window', 'shutdown')),
    hold TEXT NOT NULL CHECK (hold IN ('admin', 'operator', 'safe_state')),
    utid TEXT NOT NULL,
    PRIMARY KEY (switch, hold)
) STRICT;

-- Every flip, with the number of the last journal row before it: the interval in which a switch was on
-- is a range of numbers, so clocks play no part in judging what got through.
CREATE TABLE flips (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    utid TEXT NOT NULL UNIQUE,
    switch TEXT NOT NULL CHECK (switch IN ('pilot_mode', 'purchase_window', 'shutdown')),
    hold TEXT NOT NULL CHECK (hold IN ('admin', 'operator', 'safe_state')),
    action TEXT NOT NULL CHECK (action IN ('engage', 'release')),
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    reason TEXT NOT NULL,
    journal_n INTEGER NOT NULL CHECK (journal_n >= 0),
    engaged_after INTEGER NOT NULL CHECK (engaged_after IN (0, 1)),
    generation INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER flips_refuses_update BEFORE UPDATE ON flips
BEGIN
    SELECT RAISE(ABORT, 'flips is append-only');
END;
CREATE TRIGGER flips_refuses_delete BEFORE DELETE ON flips
BEGIN
    SELECT RAISE(ABORT, 'flips is append-only');
END;

CREATE TABLE restrictions (
    id INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    scope_kind TEXT NOT NULL CHECK (scope_kind IN ('everything', 'account', 'unit', 'command', 'query')),
    scope_key TEXT NOT NULL,
    classes TEXT NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('BROKEN', 'UNKNOWN', 'OPERATOR')),
    reason TEXT NOT NULL,
    evidence_seq INTEGER NOT NULL CHECK (evidence_seq > 0),
    imposed_by TEXT NOT NULL,
    imposed_at INTEGER NOT NULL,
    lifted_by TEXT,
    lift_reason TEXT,
    lifted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX restrictions_active ON restrictions (rule, scope_kind, scope_key) WHERE lifted_at IS NULL;
