-- Incident records: what happened, its timeline, and the files that the incident repository keeps of it.

-- One open incident for each cause. What is not known yet is NULL until the incident is closed.
CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    cause_key TEXT NOT NULL,
    type TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low')),
    title TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    opened_by TEXT NOT NULL,
    opened_role TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    description TEXT NOT NULL,
    impact TEXT NOT NULL,
    closed_by TEXT,
    closed_role TEXT,
    closed_at INTEGER,
    cause TEXT,
    response TEXT,
    resolution TEXT,
    prevention TEXT,
    timeline_left_out INTEGER NOT NULL DEFAULT 0,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK ((state = 'closed') = (closed_by IS NOT NULL AND closed_role IS NOT NULL AND cause IS NOT NULL
        AND response IS NOT NULL AND resolution IS NOT NULL AND prevention IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX incidents_one_open_for_each_cause ON incidents (cause_key) WHERE state = 'open';
CREATE INDEX incidents_by_opening ON incidents (opened_at);
CREATE TRIGGER incidents_refuses_delete BEFORE DELETE ON incidents
BEGIN
    SELECT RAISE(ABORT, 'an incident is never removed');
END;
CREATE TRIGGER incidents_closed_stays_closed BEFORE UPDATE OF
    id, cause_key, type, severity, title, state, opened_by, opened_role, opened_at, description, impact,
    closed_by, closed_role, closed_at, cause, response, resolution, prevention
    ON incidents WHEN OLD.state = 'closed'
BEGIN
    SELECT RAISE(ABORT, 'a closed incident does not change; add an analysis');
END;

CREATE TABLE incident_alerts (
    incident_id TEXT NOT NULL REFERENCES incidents (id),
    alert_id INTEGER NOT NULL,
    linked_at INTEGER NOT NULL,
    PRIMARY KEY (incident_id, alert_id)
) STRICT;
CREATE INDEX incident_alerts_by_alert ON incident_alerts (alert_id);

CREATE TABLE incident_timeline (
    incident_id TEXT NOT NULL REFERENCES incidents (id),
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    evidence_digest TEXT,
    ref TEXT,
    PRIMARY KEY (incident_id, position)
) STRICT;
CREATE TRIGGER incident_timeline_refuses_update BEFORE UPDATE ON incident_timeline
BEGIN
    SELECT RAISE(ABORT, 'incident_timeline is append-only');
END;
CREATE TRIGGER incident_timeline_refuses_delete BEFORE DELETE ON incident_timeline
BEGIN
    SELECT RAISE(ABORT, 'incident_timeline is append-only');
END;

CREATE TABLE incident_analyses (
    incident_id TEXT NOT NULL REFERENCES incidents (id),
    number INTEGER NOT NULL CHECK (number >= 3),
    text TEXT NOT NULL,
    written_by TEXT NOT NULL,
    written_role TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (incident_id, number)
) STRICT;
CREATE TRIGGER incident_analyses_refuses_update BEFORE UPDATE ON incident_analyses
BEGIN
    SELECT RAISE(ABORT, 'an analysis is superseded, not edited');
END;
CREATE TRIGGER incident_analyses_refuses_delete BEFORE DELETE ON incident_analyses
BEGIN
    SELECT RAISE(ABORT, 'an analysis is superseded, not removed');
END;

-- The bytes of each file, fixed when its rows were written; the commit comes later and may be driven again.
CREATE TABLE incident_files (
    id INTEGER PRIMARY KEY,
    incident_id TEXT NOT NULL REFERENCES incidents (id),
    name TEXT NOT NULL,
    message TEXT NOT NULL,
    content TEXT NOT NULL,
    content_digest TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    claim TEXT,
    commit_sha TEXT,
    UNIQUE (incident_id, name)
) STRICT;
CREATE INDEX incident_files_due ON incident_files (id) WHERE commit_sha IS NULL;
CREATE TRIGGER incident_files_keep_their_bytes BEFORE UPDATE OF
    id, incident_id, name, message, content, content_digest, due_at ON incident_files
BEGIN
    SELECT RAISE(ABORT, 'a record file is never rewritten');
END;
CREATE TRIGGER incident_files_refuses_delete BEFORE DELETE ON incident_files
BEGIN
    SELECT RAISE(ABORT, 'a record file is never removed');
END;

-- Checkpoints of the seals, to be kept in the same repository as its witness.
CREATE TABLE incident_anchors (
    id INTEGER PRIMARY KEY,
    log TEXT NOT NULL CHECK (log IN ('main', 'side')),
    size INTEGER NOT NULL CHECK (size >= 0),
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    commit_sha TEXT,
    UNIQUE (log, size)
) STRICT;
CREATE INDEX incident_anchors_due ON incident_anchors (id) WHERE commit_sha IS NULL;
CREATE TRIGGER incident_anchors_keep_their_text BEFORE UPDATE OF
    id, log, size, text, at ON incident_anchors
BEGIN
    SELECT RAISE(ABORT, 'an anchored checkpoint does not change');
END;
CREATE TRIGGER incident_anchors_refuses_delete BEFORE DELETE ON incident_anchors
BEGIN
    SELECT RAISE(ABORT, 'an anchored checkpoint is never removed');
END;

-- What happened to the repository itself: pushes and their outcome, locks taken away, history that went back.
CREATE TABLE incident_repository_events (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('pushed', 'push failed', 'lock removed', 'commits missing', 'commit failed')),
    head TEXT,
    detail TEXT NOT NULL
) STRICT;
