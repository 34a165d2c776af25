-- What the last round of live probes met: for each command of each feature everything that stopped it, in the order in
-- which it speaks, and what the command's own rule said to arguments that it can never accept. Nothing of it was committed.
CREATE TABLE feature_probes (
    command TEXT PRIMARY KEY,
    refused_as TEXT NOT NULL,
    answer TEXT NOT NULL
) STRICT;

-- The one round that they are of: the gate as it was in that transaction, and when.
CREATE TABLE probe_rounds (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL,
    engaged TEXT NOT NULL,
    lease_silent INTEGER NOT NULL CHECK (lease_silent IN (0, 1)),
    restricted TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    boot_ns INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- When each of the market's own rounds was last at work, by what the gate said, since when without a rest, and when the last whole round that left
-- nothing undone had begun: by boot time, as an instant, and with the journal's last number at its end.
CREATE TABLE job_turns (
    job TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('works', 'rests', 'fails')),
    detail TEXT NOT NULL,
    generation INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    turned_ns INTEGER NOT NULL,
    working_since_ns INTEGER NOT NULL,
    settled_ns INTEGER,
    settled_at INTEGER,
    settled_n INTEGER
) STRICT;
