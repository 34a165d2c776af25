-- Notices, and to whom each goes that is about one act. Who has read what stands with the identities.

CREATE TABLE notices (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('admin_broadcast', 'role_based', 'utid_specific', 'system')),
    role TEXT,
    about_utid TEXT,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    CHECK ((kind = 'role_based') = (role IS NOT NULL)),
    CHECK ((kind = 'utid_specific') = (about_utid IS NOT NULL))
) STRICT;
CREATE TRIGGER notices_refuses_update BEFORE UPDATE ON notices
BEGIN
    SELECT RAISE(ABORT, 'notices is append-only');
END;
CREATE TRIGGER notices_refuses_delete BEFORE DELETE ON notices
BEGIN
    SELECT RAISE(ABORT, 'notices is append-only');
END;
CREATE VIEW watch_notices AS SELECT id, utid, kind, role, about_utid, text, at FROM notices;

CREATE TABLE notice_recipients (
    id INTEGER PRIMARY KEY,
    utid TEXT NOT NULL,
    notice_id INTEGER NOT NULL REFERENCES notices (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    UNIQUE (notice_id, user_id)
) STRICT;
CREATE INDEX notice_recipients_by_utid ON notice_recipients (utid);
CREATE TRIGGER notice_recipients_refuses_update BEFORE UPDATE ON notice_recipients
BEGIN
    SELECT RAISE(ABORT, 'notice_recipients is append-only');
END;
CREATE TRIGGER notice_recipients_refuses_delete BEFORE DELETE ON notice_recipients
BEGIN
    SELECT RAISE(ABORT, 'notice_recipients is append-only');
END;
CREATE VIEW watch_notice_recipients AS SELECT id, utid, notice_id, user_id FROM notice_recipients;

CREATE INDEX notice_recipients_by_user ON notice_recipients (user_id, notice_id);
