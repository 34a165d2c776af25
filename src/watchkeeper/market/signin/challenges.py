"""Challenges: what a passkey must sign, each good once, for five minutes, and for the purpose it was given for."""

from __future__ import annotations

import secrets
from typing import Literal

from watchkeeper.base.clock import Instant, later
from watchkeeper.base.database import Database
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import number
from watchkeeper.market.signin import tokens

Purpose = Literal["sign_in", "second_factor", "register"]
LIFE_SECONDS = 300
#: Whoever asks has at most so many open at once; after that they wait.
PER_ASKER_MAX = 20
#: An account has at most so many open for a purpose; a newer one ends the oldest.
PER_ACCOUNT_MAX = 20
#: Stands for every alias that is nobody's, which are asked for challenges like any other.
NOBODY = -1
_BYTES = 32


def give(database: Database, user_id: int | None, *, purpose: Purpose, asked_by: str, at: Instant) -> bytes:
    """A new challenge, for nobody as for anybody; opens its own transaction. Raises `Refusal` rate-limit-exceeded."""
    challenge = secrets.token_bytes(_BYTES)
    owner = NOBODY if user_id is None else user_id
    with database.transaction("write"):
        row = database.one(
            "SELECT count(*), min(expires_at) FROM passkey_challenges WHERE asked_by = ? AND expires_at > ?",
            (asked_by, at),
        )
        if row is not None and number(row[0]) >= PER_ASKER_MAX:
            free_at = number(row[1])
            raise Refusal(
                "rate-limit-exceeded",
                "Too many passkeys were asked for and not used. Try again in a few minutes.",
                retry_after_seconds=max(1, -(-(free_at - at) // 1_000_000)),
                resets_at=free_at,
            )
        database.execute("DELETE FROM passkey_challenges WHERE expires_at <= ?", (at,))
        database.execute(
            "DELETE FROM passkey_challenges WHERE user_id = ? AND purpose = ? AND challenge_hash NOT IN "
            "(SELECT challenge_hash FROM passkey_challenges WHERE user_id = ? AND purpose = ? "
            "ORDER BY expires_at DESC LIMIT ?)",
            (owner, purpose, owner, purpose, PER_ACCOUNT_MAX - 1),
        )
        database.execute(
            "INSERT INTO passkey_challenges (challenge_hash, user_id, purpose, asked_by, expires_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (tokens.digest(challenge.hex()), owner, purpose, asked_by, later(at, seconds=LIFE_SECONDS)),
        )
    return challenge


def spend(
    database: Database,
    challenge: bytes,
    user_id: int | None,
    *,
    purpose: Purpose,
    session: str | None,
    at: Instant,
) -> bool:
    """Take a challenge of this account, purpose and, unless it is for signing in, session; opens its own transaction.

    True once, whatever becomes of what was signed.
    """
    with database.transaction("write"):
        taken = database.execute(
            "DELETE FROM passkey_challenges WHERE challenge_hash = ? AND user_id = ? AND purpose = ? AND expires_at > ? "
            "AND (purpose = 'sign_in' OR asked_by = ?)",
            (
                tokens.digest(challenge.hex()),
                NOBODY if user_id is None else user_id,
                purpose,
                at,
                session or "",
            ),
        )
    return taken == 1
