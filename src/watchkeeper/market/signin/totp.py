"""Time-based one-time codes as the second factor, each of them good once."""

from __future__ import annotations

import hmac

import pyotp

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Clock
from watchkeeper.base.database import Database

STEP_SECONDS = 30
#: A phone's clock may be one step off either way.
_DRIFT_STEPS = 1


def new_secret() -> str:
    """A secret in base 32, as authenticator apps take it."""
    return str(pyotp.random_base32())


def uri(secret: str, *, alias: str) -> str:
    """What the QR code holds."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=alias, issuer_name="Watchkeeper"))


def code_at(secret: str, step: int) -> str:
    """The code of one time step."""
    return str(pyotp.TOTP(secret).generate_otp(step))


def matching_step(secret: str, code: str, *, clock: Clock) -> int | None:
    """The time step that this code belongs to, now or next to now; every step is compared in constant time."""
    now = clock.now() // MICROSECONDS_PER_SECOND // STEP_SECONDS
    found: int | None = None
    for step in range(now - _DRIFT_STEPS, now + _DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode("utf-8", "replace")):
            found = step
    return found


def spend(database: Database, user_id: int, code: str, *, clock: Clock) -> bool:
    """Accept a code of this account once, in the caller's transaction."""
    row = database.one("SELECT totp_secret FROM credentials WHERE user_id = ?", (user_id,))
    if row is None or row[0] is None:
        return False
    step = matching_step(str(row[0]), code, clock=clock)
    if step is None:
        return False
    changed = database.execute(
        "UPDATE credentials SET totp_last_step = ? WHERE user_id = ? AND totp_last_step < ?",
        (step, user_id, step),
    )
    return changed == 1
