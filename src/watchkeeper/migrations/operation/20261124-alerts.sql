-- Alerts with their clocks, and everything that ever happened to them. What is to be told is an event not yet queued.

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    condition TEXT NOT NULL,
    scope TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low')),
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    playbook TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
    times_raised INTEGER NOT NULL,
    raised_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    overdue INTEGER NOT NULL DEFAULT 0 CHECK (overdue IN (0, 1)),
    responded_at INTEGER,
    responded_by TEXT,
    acknowledged_until INTEGER,
    next_step TEXT,
    resolved_at INTEGER,
    resolved_by TEXT
) STRICT;
CREATE UNIQUE INDEX alerts_open ON alerts (condition, scope) WHERE state <> 'resolved';
CREATE INDEX alerts_by_state ON alerts (state, id);

CREATE TABLE alert_events (
    id INTEGER PRIMARY KEY,
    alert_id INTEGER NOT NULL REFERENCES alerts (id),
    kind TEXT NOT NULL CHECK (kind IN ('raised', 'raised again', 'worse', 'overdue', 'acknowledged', 'lapsed', 'responded', 'resolved')),
    by TEXT NOT NULL,
    text TEXT NOT NULL,
    tell INTEGER NOT NULL CHECK (tell IN (0, 1)),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_events_by_alert ON alert_events (alert_id, id);
CREATE TRIGGER alert_events_refuses_update BEFORE UPDATE ON alert_events
BEGIN
    SELECT RAISE(ABORT, 'alert_events is append-only');
END;
CREATE TRIGGER alert_events_refuses_delete BEFORE DELETE ON alert_events
BEGIN
    SELECT RAISE(ABORT, 'alert_events is append-only');
END;

CREATE TABLE alert_findings (
    alert_id INTEGER NOT NULL REFERENCES alerts (id),
    finding_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    PRIMARY KEY (alert_id, finding_id)
) STRICT;
CREATE INDEX alert_findings_by_finding ON alert_findings (finding_id);
