-- What the drills proved, by row of the catalogue and engine, and each change of a verdict.

-- The last drill of a row counts, proven or not; what it must be proven against stands in `version`.
CREATE TABLE drill_proofs (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    engine TEXT NOT NULL CHECK (engine IN ('sqlite', 'postgresql')),
    proven INTEGER NOT NULL CHECK (proven IN (0, 1)),
    faults INTEGER NOT NULL,
    -- Microseconds from a fault's commit; NULL when it was not seen, or not contained.
    detect_us INTEGER,
    contain_us INTEGER,
    version TEXT NOT NULL,
    detail TEXT NOT NULL,
    proved_at INTEGER NOT NULL,
    PRIMARY KEY (kind, id, engine)
) STRICT;

-- A verdict that became another; the oldest go when there are too many.
CREATE TABLE verdict_changes (
    id INTEGER PRIMARY KEY,
    invariant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('continuous', 'full')),
    before TEXT NOT NULL,
    after TEXT NOT NULL CHECK (after IN ('HOLDS', 'BROKEN', 'UNKNOWN')),
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX verdict_changes_by_invariant ON verdict_changes (invariant, id);
