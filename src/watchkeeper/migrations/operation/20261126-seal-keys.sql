-- The public key under which each log was begun, in C2SP's form: nothing is ever published under another.
CREATE TABLE seal_keys (
    log TEXT PRIMARY KEY CHECK (log IN ('main', 'side')),
    vkey TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER seal_keys_refuses_update BEFORE UPDATE ON seal_keys
BEGIN
    SELECT RAISE(ABORT, 'a log keeps the key that it was begun with');
END;
CREATE TRIGGER seal_keys_refuses_delete BEFORE DELETE ON seal_keys
BEGIN
    SELECT RAISE(ABORT, 'a log keeps the key that it was begun with');
END;
