"""Sessions: a random token, of which only the digest is kept, tied to the account's generation.

They end after 24 h, for admins and the operator after an hour without use, at once by sign-out, and when the account is
suspended or its role or password changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import Clock, Instant, later
from watchkeeper.base.database import Database
from watchkeeper.market.reading import Books
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import tokens, totp
from watchkeeper.market.signin.enrolment import SECOND_FACTOR_ROLES
from watchkeeper.market.state import User

LIFE_SECONDS = 24 * 3600
IDLE_SECONDS = 3600
#: A second factor counts as fresh for this long.
FRESH_SECONDS = 300
#: Writing the last use each time would cost a sync for each request.
_TOUCH_SECONDS = 60
_KEPT_PER_USER = 20


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    id: str
    user: User
    generation: int
    second_factor_at: Instant | None
    created_at: Instant
    last_seen_at: Instant

    def fresh(self, *, at: Instant) -> bool:
        """Whether the second factor was given within the last five minutes."""
        given = self.second_factor_at
        return given is not None and 0 <= at - given <= FRESH_SECONDS * 1_000_000


def begin(database: Database, user: User, *, second_factor: bool, at: Instant) -> str:
    """A new session's token; opens its own transaction. The oldest of too many ends."""
    token = tokens.draw()
    with database.transaction("write"):
        database.execute(
            "INSERT INTO sessions (token_hash, user_id, generation, second_factor_at, created_at, last_seen_at, expires_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                tokens.digest(token),
                user.id,
                user.session_generation,
                at if second_factor else None,
                at,
                at,
                later(at, seconds=LIFE_SECONDS),
            ),
        )
        database.execute(
            "DELETE FROM sessions WHERE user_id = ? AND (expires_at <= ? OR ended_at IS NOT NULL OR token_hash NOT IN "
            "(SELECT token_hash FROM sessions WHERE user_id = ? ORDER BY created_at DESC LIMIT ?))",
            (user.id, at, user.id, _KEPT_PER_USER),
        )
    return token


def find(database: Database, books: Books, token: str, *, clock: Clock) -> Session:
    """The session of a token; raises `Refusal` unauthenticated or session-expired."""
    at = clock.now()
    digest = tokens.digest(token)
    row = database.one(
        "SELECT user_id, generation, second_factor_at, created_at, last_seen_at, expires_at, ended_at FROM sessions "
        "WHERE token_hash = ?",
        (digest,),
    )
    if row is None:
        raise Refusal("unauthenticated", "Sign in first.")
    user_id, generation, factor, created, seen, expires = (
        int(str(row[0])),
        int(str(row[1])),
        None if row[2] is None else Instant(int(str(row[2]))),
        Instant(int(str(row[3]))),
        Instant(int(str(row[4]))),
        int(str(row[5])),
    )
    user = books.user(user_id)
    ended = row[6] is not None or at >= expires or at < created - 60_000_000
    if user is None or ended or user.session_generation != generation or user.status != "active":
        raise Refusal("session-expired", "Your session has ended. Sign in again.")
    if user.role in SECOND_FACTOR_ROLES and at - seen > IDLE_SECONDS * 1_000_000:
        raise Refusal("session-expired", "Your session ended because it was not used. Sign in again.")
    if at - seen > _TOUCH_SECONDS * 1_000_000:
        with database.transaction("write"):
            database.execute("UPDATE sessions SET last_seen_at = ? WHERE token_hash = ?", (at, digest))
    return Session(digest, user, generation, factor, created, seen)


def end(database: Database, session: Session, *, at: Instant) -> None:
    """Sign out."""
    with database.transaction("write"):
        database.execute("UPDATE sessions SET ended_at = ? WHERE token_hash = ?", (at, session.id))


def refresh(database: Database, session: Session, code: str, *, clock: Clock) -> None:
    """Give a fresh second factor to a session; raises `Refusal` second-factor-required. The caller notes the attempt."""
    with database.transaction("write"):
        if not totp.spend(database, session.user.id, code, clock=clock):
            raise Refusal(
                "second-factor-required",
                "The six digits are not right, or were used before. Wait for the next ones.",
            )
        freshened(database, session, at=clock.now())


def freshened(database: Database, session: Session, *, at: Instant) -> None:
    """Note that the second factor was given now, in the caller's transaction."""
    database.execute("UPDATE sessions SET second_factor_at = ? WHERE token_hash = ?", (at, session.id))


def end_token(database: Database, token: str, *, at: Instant) -> None:
    """End the session of this token."""
    with database.transaction("write"):
        database.execute("UPDATE sessions SET ended_at = ? WHERE token_hash = ?", (at, tokens.digest(token)))


def end_one(database: Database, user_id: int, short_id: str, *, at: Instant) -> None:
    """End one open session of the account by its short id; raises `Refusal` session-not-found."""
    with database.transaction("write"):
        ended = database.execute(
            "UPDATE sessions SET ended_at = ? WHERE user_id = ? AND substr(token_hash, 1, 12) = ? "
            "AND ended_at IS NULL AND expires_at > ?",
            (at, user_id, short_id, at),
        )
    if ended == 0:
        raise Refusal("session-not-found", "There is no such open session.")


def of_user(database: Database, user: User, *, at: Instant) -> list[tuple[str, Instant, Instant]]:
    """The open sessions of an account: short id, begun, last seen."""
    rows = database.query(
        "SELECT token_hash, created_at, last_seen_at FROM sessions WHERE user_id = ? AND generation = ? "
        "AND ended_at IS NULL AND expires_at > ? ORDER BY created_at DESC LIMIT ?",
        (user.id, user.session_generation, at, _KEPT_PER_USER),
    )
    return [(str(r[0])[:12], Instant(int(str(r[1]))), Instant(int(str(r[2])))) for r in rows]
