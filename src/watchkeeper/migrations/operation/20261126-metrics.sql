-- The metrics as time series: raw samples for two days, hours for a year. Values are whole numbers in the unit and scale of
-- their metric; NULL says that the value could not be read then.

CREATE TABLE metric_series (
    id INTEGER PRIMARY KEY,
    metric TEXT NOT NULL,
    -- The labels' values as a JSON array, in the order of the metric.
    labels TEXT NOT NULL,
    sampled_at INTEGER NOT NULL,
    -- Hours since the epoch before this one are summed up.
    summed_hour INTEGER NOT NULL,
    UNIQUE (metric, labels)
) STRICT;

CREATE TABLE metric_samples (
    series_id INTEGER NOT NULL REFERENCES metric_series (id),
    at INTEGER NOT NULL,
    value INTEGER,
    PRIMARY KEY (series_id, at)
) STRICT, WITHOUT ROWID;

-- Of an hour: how many samples had a value and how many had none, the least, the greatest, the sum, the last.
CREATE TABLE metric_hours (
    series_id INTEGER NOT NULL REFERENCES metric_series (id),
    hour INTEGER NOT NULL,
    known INTEGER NOT NULL CHECK (known >= 0),
    unknown INTEGER NOT NULL CHECK (unknown >= 0),
    low INTEGER,
    high INTEGER,
    total INTEGER,
    last INTEGER,
    PRIMARY KEY (series_id, hour)
) STRICT, WITHOUT ROWID;

-- The newest round of each kind, its values, and what it could not read. Whoever reads it judges its age by boot time.
CREATE TABLE metric_rounds (
    round TEXT PRIMARY KEY CHECK (round IN ('critical', 'minute')),
    boot_id TEXT NOT NULL,
    boot_ns INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TABLE metric_current (
    series_id INTEGER PRIMARY KEY REFERENCES metric_series (id),
    round TEXT NOT NULL,
    value INTEGER NOT NULL,
    -- When a sample of it was kept last.
    kept_at INTEGER NOT NULL
) STRICT;
CREATE TABLE metric_unknown (
    metric TEXT PRIMARY KEY,
    round TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- The highest exposures are asked for at every pass.
CREATE INDEX account_state_by_exposure ON account_state (exposure_ugx) WHERE exposure_ugx > 0;
