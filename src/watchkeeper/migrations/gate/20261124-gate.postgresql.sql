-- The gate: what may pass between the two sides, guarded by an advisory lock: whoever passes holds it shared until
-- the commit, whoever changes it takes it exclusively. `cluster` is the server's system identifier and timeline: after
-- a promotion or a restore it is another one, and nothing passes until it is confirmed. `generation` grows with every change and is copied into each journal row:
-- a gate older than the newest journal row is an old copy put back, and is refused.

CREATE TABLE boundary.gate (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    system_id TEXT NOT NULL,
    generation BIGINT NOT NULL CHECK (generation > 0),
    cluster TEXT NOT NULL
);

-- A switch is engaged while at least one hold stands.
CREATE TABLE boundary.holds (
    switch TEXT NOT NULL CHECK (switch IN ('pilot_mode', 'purchase_window', 'shutdown')),
    hold TEXT NOT NULL CHECK (hold IN ('admin', 'operator', 'safe_state')),
    utid TEXT NOT NULL,
    PRIMARY KEY (switch, hold)
);

-- Every flip, with the number of the last journal row before it: the interval in which a switch was on
-- is a range of numbers, so clocks play no part in judging what got through.
CREATE TABLE boundary.flips (
    number BIGINT PRIMARY KEY CHECK (number > 0),
    utid TEXT NOT NULL UNIQUE,
    switch TEXT NOT NULL CHECK (switch IN ('pilot_mode', 'purchase_window', 'shutdown')),
    hold TEXT NOT NULL CHECK (hold IN ('admin', 'operator', 'safe_state')),
    action TEXT NOT NULL CHECK (action IN ('engage', 'release')),
    actor TEXT NOT NULL,
    role TEXT NOT NULL,
    reason TEXT NOT NULL,
    journal_n BIGINT NOT NULL CHECK (journal_n >= 0),
    engaged_after BIGINT NOT NULL CHECK (engaged_after IN (0, 1)),
    generation BIGINT NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE boundary.restrictions (
    id BIGINT PRIMARY KEY,
    rule TEXT NOT NULL,
    scope_kind TEXT NOT NULL CHECK (scope_kind IN ('everything', 'account', 'unit', 'command', 'query')),
    scope_key TEXT NOT NULL,
    classes TEXT NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('BROKEN', 'UNKNOWN', 'OPERATOR')),
    reason TEXT NOT NULL,
    evidence_seq BIGINT NOT NULL CHECK (evidence_seq > 0),
    imposed_by TEXT NOT NULL,
    imposed_at BIGINT NOT NULL,
    lifted_by TEXT,
    lift_reason TEXT,
    lifted_at BIGINT
);
CREATE UNIQUE INDEX restrictions_active ON boundary.restrictions (rule, scope_kind, scope_key) WHERE lifted_at IS NULL;

CREATE OR REPLACE TRIGGER flips_refuses_change BEFORE UPDATE OR DELETE ON boundary.flips FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE boundary.flips ENABLE ALWAYS TRIGGER flips_refuses_change;
CREATE OR REPLACE TRIGGER flips_refuses_truncate BEFORE TRUNCATE ON boundary.flips FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE boundary.flips ENABLE ALWAYS TRIGGER flips_refuses_truncate;

GRANT SELECT ON boundary.gate, boundary.holds, boundary.flips, boundary.restrictions TO {market}, {control};
-- An admin's switches are flipped by the market itself; restrictions are none of its business.
GRANT INSERT, DELETE ON boundary.holds TO {market}, {control};
GRANT INSERT ON boundary.flips TO {market}, {control};
GRANT UPDATE (generation) ON boundary.gate TO {market};
GRANT UPDATE (generation, cluster) ON boundary.gate TO {control};
GRANT INSERT, UPDATE ON boundary.restrictions TO {control};
