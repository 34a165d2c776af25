-- Passkeys: public keys with which admins and the operator prove that they hold a device. The private key never gets here.
CREATE TABLE identity.passkeys (
    id TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    credential_id TEXT NOT NULL UNIQUE,
    public_key TEXT NOT NULL,
    sign_count BIGINT NOT NULL CHECK (sign_count >= 0),
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX passkeys_by_user ON identity.passkeys (user_id);

-- Challenges that a passkey signs: good once, for minutes, for one purpose, one account and, but at sign-in, one session.
-- Only the digest is kept. asked_by: the session, or at sign-in the digest of the address, which bounds how many there are.
CREATE TABLE identity.passkey_challenges (
    challenge_hash TEXT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('sign_in', 'second_factor', 'register')),
    asked_by TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenges_by_user ON identity.passkey_challenges (user_id, purpose, expires_at);
CREATE INDEX passkey_challenges_by_asker ON identity.passkey_challenges (asked_by, expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON identity.passkeys, identity.passkey_challenges TO {market};
