"""A new password: with a one-time code that was handed over, or with the old one.

The books end the sessions first, then the identity store takes the new password. After a crash between the two the old
password still holds, the code is still good, and doing it again is doing it.
"""

from __future__ import annotations

from watchkeeper.base.clock import Instant, later
from watchkeeper.base.database import Database
from watchkeeper.market.pace import Limit, PaceExceeded
from watchkeeper.market.rows import number
from watchkeeper.market.signin import enrolment, tokens
from watchkeeper.market.signin.sessions import Session
from watchkeeper.market.state import User

CODE_SECONDS = 3600
ISSUED_MAX, ISSUED_SECONDS = 3, 3600
ISSUED = Limit("reset-codes", (), ISSUED_MAX, ISSUED_SECONDS)


def check_may_issue(database: Database, user_id: int, *, at: Instant) -> None:
    """Raise `PaceExceeded` when three codes or links were made for the account within an hour."""
    row = database.one(
        "SELECT count(*), min(issued_at) FROM (SELECT issued_at FROM reset_codes WHERE user_id = ? AND issued_at > ? "
        "ORDER BY issued_at DESC LIMIT ?) AS recent",
        (user_id, later(at, seconds=-ISSUED_SECONDS), ISSUED_MAX),
    )
    if row is not None and number(row[0]) >= ISSUED_MAX:
        raise PaceExceeded(ISSUED, at=at, oldest=Instant(number(row[1])))


def issue(database: Database, user_id: int, *, at: Instant) -> str:
    """A new code, good once and for an hour; older ones end. Opens its own transaction; raises `PaceExceeded`."""
    code = tokens.draw()[:20]
    with database.transaction("write"):
        _count(database, user_id, code, at=at)
    return code


def issue_link(database: Database, user: User, *, at: Instant) -> str:
    """A new enrolment link's token, counted among the codes; older links and codes of the account end.

    Opens its own transactions; raises `PaceExceeded`.
    """
    with database.transaction("write"):
        # What is counted stands for the link, and is no code: nobody has it, and it is used already.
        _count(database, user.id, tokens.draw(), at=at)
        _end(database, user.id, at=at)
    return enrolment.invite_in(database, user, at=at)


def _count(database: Database, user_id: int, code: str, *, at: Instant) -> None:
    check_may_issue(database, user_id, at=at)
    database.execute(
        "DELETE FROM reset_codes WHERE user_id = ? AND issued_at <= ?",
        (user_id, later(at, seconds=-ISSUED_SECONDS)),
    )
    _end(database, user_id, at=at)
    database.execute(
        "INSERT INTO reset_codes (code_hash, user_id, issued_at, expires_at) VALUES (?, ?, ?, ?)",
        (tokens.digest(code), user_id, at, later(at, seconds=CODE_SECONDS)),
    )


def _end(database: Database, user_id: int, *, at: Instant) -> None:
    database.execute(
        "UPDATE reset_codes SET used_at = ? WHERE user_id = ? AND used_at IS NULL", (at, user_id)
    )


def good(database: Database, user_id: int, code: str, *, at: Instant) -> bool:
    """Whether this code is the account's, unused and within its hour."""
    row = database.one(
        "SELECT 1 FROM reset_codes WHERE code_hash = ? AND user_id = ? AND used_at IS NULL AND expires_at > ?",
        (tokens.digest(code), user_id, at),
    )
    return row is not None


def reset(database: Database, user_id: int, code: str, *, stored: str, at: Instant) -> bool:
    """Spend the code and take the new hash; False when somebody spent it first. Sessions of the account are gone."""
    with database.transaction("write"):
        spent = database.execute(
            "UPDATE reset_codes SET used_at = ? WHERE code_hash = ? AND user_id = ? AND used_at IS NULL "
            "AND expires_at > ?",
            (at, tokens.digest(code), user_id, at),
        )
        if spent == 1:
            database.execute("UPDATE credentials SET password_hash = ? WHERE user_id = ?", (stored, user_id))
            database.execute("DELETE FROM sessions WHERE user_id = ?", (user_id,))
    return spent == 1


def change(database: Database, session: Session, *, old: str, stored: str, generation: int) -> bool:
    """Put the new hash in the place of the old one; only this session goes on, in the account's new generation.

    False when the password was changed meanwhile.
    """
    with database.transaction("write"):
        changed = database.execute(
            "UPDATE credentials SET password_hash = ? WHERE user_id = ? AND password_hash = ?",
            (stored, session.user.id, old),
        )
        if changed == 1:
            database.execute(
                "DELETE FROM sessions WHERE user_id = ? AND token_hash <> ?", (session.user.id, session.id)
            )
            database.execute(
                "UPDATE sessions SET generation = ? WHERE token_hash = ?", (generation, session.id)
            )
    return changed == 1
