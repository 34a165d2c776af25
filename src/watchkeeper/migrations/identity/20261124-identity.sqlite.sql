-- Who people really are, how they sign in, and who is signed in now. A file of its own: it can be erased
-- person by person without touching a book, and no check of the watch ever reads it.

CREATE TABLE system (id INTEGER PRIMARY KEY CHECK (id = 1), system_id TEXT NOT NULL) STRICT;

CREATE TABLE identities (
    user_id INTEGER PRIMARY KEY,
    alias TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    phone TEXT NOT NULL,
    email TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX identities_by_phone ON identities (phone) WHERE phone <> '';
CREATE UNIQUE INDEX identities_by_email ON identities (email) WHERE email <> '';

CREATE TABLE credentials (
    user_id INTEGER PRIMARY KEY,
    password_hash TEXT NOT NULL,
    totp_secret TEXT,
    totp_last_step INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE recovery_codes (
    user_id INTEGER NOT NULL,
    code_hash TEXT NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (user_id, code_hash)
) STRICT;

-- One-time links; only the hash of the token is kept.
CREATE TABLE enrolment_links (
    token_hash TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL,
    alias TEXT NOT NULL,
    role TEXT NOT NULL,
    totp_secret TEXT,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX enrolment_links_by_user ON enrolment_links (user_id);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    second_factor_at INTEGER,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);
