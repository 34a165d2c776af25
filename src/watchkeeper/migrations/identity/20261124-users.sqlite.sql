-- Codes that let a person set a new password: handed over by an admin or the operator, good once. Only the digest is kept.
CREATE TABLE reset_codes (
    code_hash TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX reset_codes_by_user ON reset_codes (user_id, issued_at);
