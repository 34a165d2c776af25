-- The phase that the market is in; a row with each change, the last one holds. Without a row it is a pilot.
CREATE TABLE phases (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('pilot', 'production')),
    reason TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX phases_by_utid ON phases (utid);
CREATE TRIGGER phases_refuses_update BEFORE UPDATE ON phases
BEGIN
    SELECT RAISE(ABORT, 'phases is append-only');
END;
CREATE TRIGGER phases_refuses_delete BEFORE DELETE ON phases
BEGIN
    SELECT RAISE(ABORT, 'phases is append-only');
END;
CREATE VIEW watch_phases AS SELECT id, utid, phase, reason, at FROM phases;
-- Each act that makes somebody active counts the active ones of that role.
CREATE INDEX user_state_by_role ON user_state (role, status);
