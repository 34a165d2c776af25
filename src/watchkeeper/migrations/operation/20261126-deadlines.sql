-- The deadlines of verdicts as they were last read from the settings, in seconds; a change is an act on record.
-- The invariant is empty for the one that stands where no other does.
CREATE TABLE deadlines (
    invariant TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('continuous', 'full')),
    seconds INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (invariant, mode)
) STRICT, WITHOUT ROWID;
