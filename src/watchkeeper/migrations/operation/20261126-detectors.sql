-- What the detectors of threats saw last, how far each has read, and what is usual for whom.

CREATE TABLE detectors (
    name TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('QUIET', 'SEEN', 'UNKNOWN')),
    detail TEXT NOT NULL,
    -- What was counted, and above what it would be told; NULL where nothing is counted.
    value INTEGER,
    value_max INTEGER,
    -- Since when, in boot time, the state is UNKNOWN without a break; NULL while it is not.
    unknown_boot_id TEXT,
    unknown_boot_ns INTEGER,
    boot_id TEXT NOT NULL,
    boot_ns INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- How far a detector has read each thing, and up to where it has told: evidence is told once.
CREATE TABLE detector_marks (
    detector TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (detector, name)
) STRICT, WITHOUT ROWID;

-- What is usual for an account that may do much: networks it signs in from, hours at which it does.
CREATE TABLE habits (
    account TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('network', 'hour')),
    value TEXT NOT NULL,
    times INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (account, kind, value)
) STRICT, WITHOUT ROWID;

-- The thresholds as they were last read from the settings; a change is an act on record.
CREATE TABLE thresholds (name TEXT PRIMARY KEY, value INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
