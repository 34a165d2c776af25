-- A run of a playbook for one alert, its steps as they stand, and everything done in them.

CREATE TABLE playbook_runs (
    id INTEGER PRIMARY KEY,
    playbook TEXT NOT NULL,
    alert_id INTEGER NOT NULL UNIQUE,
    rule TEXT NOT NULL,
    scope TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER
) STRICT;
CREATE INDEX playbook_runs_open ON playbook_runs (id) WHERE closed_at IS NULL;

CREATE TABLE playbook_steps (
    run_id INTEGER NOT NULL REFERENCES playbook_runs (id),
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'overridden')),
    evidence TEXT,
    evidence_digest TEXT,
    by TEXT,
    note TEXT,
    at INTEGER,
    PRIMARY KEY (run_id, position),
    UNIQUE (run_id, key)
) STRICT;
