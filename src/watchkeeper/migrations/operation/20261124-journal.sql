-- The control room: which system it watches, and what people did in it. Names, no identities.

CREATE TABLE system (id INTEGER PRIMARY KEY CHECK (id = 1), system_id TEXT NOT NULL) STRICT;

CREATE TABLE operator_actions (
    id INTEGER PRIMARY KEY,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX operator_actions_by_subject ON operator_actions (subject, id);
CREATE TRIGGER operator_actions_refuses_update BEFORE UPDATE ON operator_actions
BEGIN
    SELECT RAISE(ABORT, 'operator_actions is append-only');
END;
CREATE TRIGGER operator_actions_refuses_delete BEFORE DELETE ON operator_actions
BEGIN
    SELECT RAISE(ABORT, 'operator_actions is append-only');
END;
