-- Passkeys: public keys with which admins and the operator prove that they hold a device. The private key never gets here.
CREATE TABLE passkeys (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    credential_id TEXT NOT NULL UNIQUE,
    public_key TEXT NOT NULL,
    sign_count INTEGER NOT NULL CHECK (sign_count >= 0),
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- Challenges that a passkey signs: good once, for minutes, for one purpose, one account and, but at sign-in, one session.
-- Only the digest is kept. asked_by: the session, or at sign-in the digest of the address, which bounds how many there are.
CREATE TABLE passkey_challenges (
    challenge_hash TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('sign_in', 'second_factor', 'register')),
    asked_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX passkey_challenges_by_user ON passkey_challenges (user_id, purpose, expires_at);
CREATE INDEX passkey_challenges_by_asker ON passkey_challenges (asked_by, expires_at);
