-- Codes that let a person set a new password: handed over by an admin or the operator, good once. Only the digest is kept.
CREATE TABLE identity.reset_codes (
    code_hash TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX reset_codes_by_user ON identity.reset_codes (user_id, issued_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON identity.reset_codes TO {market};
