-- Who people really are, how they sign in, and who is signed in now. A schema of its own: it can be erased
-- person by person without touching a book, and no check of the watch ever reads it.

CREATE TABLE identity.identities (
    user_id BIGINT PRIMARY KEY,
    alias TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    email TEXT NOT NULL
);
CREATE UNIQUE INDEX identities_by_phone ON identity.identities (phone) WHERE phone <> '';
CREATE UNIQUE INDEX identities_by_email ON identity.identities (email) WHERE email <> '';

CREATE TABLE identity.credentials (
    user_id BIGINT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    totp_secret TEXT,
    totp_last_step BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE identity.recovery_codes (
    user_id BIGINT NOT NULL,
    code_hash TEXT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (user_id, code_hash)
);

-- One-time links; only the hash of the token is kept.
CREATE TABLE identity.enrolment_links (
    token_hash TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    alias TEXT NOT NULL,
    role TEXT NOT NULL,
    totp_secret TEXT,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX enrolment_links_by_user ON identity.enrolment_links (user_id);

CREATE TABLE identity.sessions (
    token_hash TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    second_factor_at BIGINT,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX sessions_by_user ON identity.sessions (user_id);

GRANT USAGE ON SCHEMA identity TO {market};
GRANT SELECT, INSERT, UPDATE, DELETE ON identity.identities, identity.credentials, identity.recovery_codes,
    identity.enrolment_links, identity.sessions TO {market};
