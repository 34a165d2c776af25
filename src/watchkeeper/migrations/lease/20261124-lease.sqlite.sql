-- The lease: a number that moves while the watch lives and what it knows is contained. `watermark` is how far
-- the watch has read; it is written each second even when the counter is not.

CREATE TABLE lease (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    system_id TEXT NOT NULL,
    epoch TEXT NOT NULL,
    counter INTEGER NOT NULL CHECK (counter >= 0),
    watermark INTEGER NOT NULL CHECK (watermark >= 0),
    withheld TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    boot_ns INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- What the last live probe of each switch found: a command of a stopped class, sent through the real entrance
-- and never committed, must have been refused.
CREATE TABLE probes (
    switch TEXT PRIMARY KEY,
    engaged INTEGER NOT NULL CHECK (engaged IN (0, 1)),
    bites INTEGER NOT NULL CHECK (bites IN (0, 1)),
    detail TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    boot_ns INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- What the operated system noticed about itself and wants looked at: a command that failed alone on a constraint.
CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    account TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
