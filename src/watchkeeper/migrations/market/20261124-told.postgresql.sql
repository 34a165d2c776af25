-- Notices, and to whom each goes that is about one act. Who has read what stands with the identities.

CREATE TABLE market.notices (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('admin_broadcast', 'role_based', 'utid_specific', 'system')),
    role TEXT,
    about_utid TEXT,
    text TEXT NOT NULL,
    at BIGINT NOT NULL,
    CHECK ((kind = 'role_based') = (role IS NOT NULL)),
    CHECK ((kind = 'utid_specific') = (about_utid IS NOT NULL))
);
CREATE VIEW boundary.watch_notices AS SELECT id, utid, kind, role, about_utid, text, at FROM market.notices;

CREATE TABLE market.notice_recipients (
    id BIGINT PRIMARY KEY,
    utid TEXT NOT NULL,
    notice_id BIGINT NOT NULL REFERENCES market.notices (id),
    user_id BIGINT NOT NULL REFERENCES market.users (id),
    UNIQUE (notice_id, user_id)
);
CREATE INDEX notice_recipients_by_utid ON market.notice_recipients (utid);
CREATE VIEW boundary.watch_notice_recipients AS SELECT id, utid, notice_id, user_id FROM market.notice_recipients;

CREATE INDEX notice_recipients_by_user ON market.notice_recipients (user_id, notice_id);

CREATE OR REPLACE TRIGGER notices_refuses_change BEFORE UPDATE OR DELETE ON market.notices FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.notices ENABLE ALWAYS TRIGGER notices_refuses_change;
CREATE OR REPLACE TRIGGER notices_refuses_truncate BEFORE TRUNCATE ON market.notices FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.notices ENABLE ALWAYS TRIGGER notices_refuses_truncate;
CREATE OR REPLACE TRIGGER notice_recipients_refuses_change BEFORE UPDATE OR DELETE ON market.notice_recipients FOR EACH ROW EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.notice_recipients ENABLE ALWAYS TRIGGER notice_recipients_refuses_change;
CREATE OR REPLACE TRIGGER notice_recipients_refuses_truncate BEFORE TRUNCATE ON market.notice_recipients FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
ALTER TABLE market.notice_recipients ENABLE ALWAYS TRIGGER notice_recipients_refuses_truncate;

GRANT SELECT, INSERT ON market.notices, market.notice_recipients TO {market};
GRANT SELECT ON boundary.watch_notices, boundary.watch_notice_recipients TO {watch};
