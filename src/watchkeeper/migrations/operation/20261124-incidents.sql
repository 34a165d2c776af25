-- Incidents, and the files of each as they were written; a file is rendered once, committed once, never rewritten.

CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    cause TEXT NOT NULL,
    type TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    impact TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    closed_by TEXT,
    found_cause TEXT,
    response TEXT,
    resolution TEXT,
    prevention TEXT
) STRICT;
CREATE UNIQUE INDEX incidents_open ON incidents (cause) WHERE closed_at IS NULL;

CREATE TABLE incident_alerts (
    alert_id INTEGER PRIMARY KEY,
    incident_id TEXT NOT NULL REFERENCES incidents (id)
) STRICT;
CREATE INDEX incident_alerts_by_incident ON incident_alerts (incident_id);

CREATE TABLE incident_files (
    incident_id TEXT NOT NULL REFERENCES incidents (id),
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    written_at INTEGER NOT NULL,
    commit_sha TEXT,
    last_error TEXT,
    PRIMARY KEY (incident_id, name)
) STRICT;
CREATE INDEX incident_files_waiting ON incident_files (written_at) WHERE commit_sha IS NULL;
