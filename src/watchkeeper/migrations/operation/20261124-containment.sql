-- What was stopped for which finding and when, and each decision to lift with what it rested on.

CREATE TABLE containments (
    finding_id INTEGER PRIMARY KEY,
    restriction_id INTEGER NOT NULL,
    rule TEXT NOT NULL,
    scope TEXT NOT NULL,
    classes TEXT NOT NULL,
    contained_at INTEGER NOT NULL
) STRICT;
CREATE INDEX containments_by_restriction ON containments (restriction_id);

-- A lift is decided here, done in the gate, and then marked done: after a crash between the two it is driven again.
CREATE TABLE lifts (
    id INTEGER PRIMARY KEY,
    restriction_id INTEGER NOT NULL,
    rule TEXT NOT NULL,
    scope TEXT NOT NULL,
    evidence_seq INTEGER NOT NULL,
    decided_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    override INTEGER NOT NULL CHECK (override IN (0, 1)),
    decided_at INTEGER NOT NULL,
    outcome TEXT CHECK (outcome IN ('lifted', 'lifted before', 'evidence moved')),
    done_at INTEGER
) STRICT;
CREATE INDEX lifts_waiting ON lifts (id) WHERE outcome IS NULL;
CREATE INDEX lifts_by_scope ON lifts (rule, scope, id);
