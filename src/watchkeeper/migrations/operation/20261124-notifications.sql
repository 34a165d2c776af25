-- The outbox: one row for each event and channel. A row is claimed before it is sent and kept after it was.

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    event_id INTEGER NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'claimed', 'delivered')),
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_boot TEXT,
    claimed_ns INTEGER,
    receipt TEXT,
    last_error TEXT,
    queued_at INTEGER NOT NULL,
    delivered_at INTEGER,
    UNIQUE (event_id, channel)
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at) WHERE state <> 'delivered';
CREATE TABLE outbox_mark (id INTEGER PRIMARY KEY CHECK (id = 1), event_id INTEGER NOT NULL) STRICT;
INSERT INTO outbox_mark (id, event_id) VALUES (1, 0);
