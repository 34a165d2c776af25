"""Enrolment: a one-time link, behind it a form, behind that a password and for some a second factor.

The identity is written first, the market's command after it. A crash between the two leaves an invited account whose
link still works: finishing again with it is finishing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.clock import Clock, Instant, later
from watchkeeper.base.database import Database
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import contact as contacts
from watchkeeper.market.signin import passwords, tokens, totp
from watchkeeper.market.signin.contact import Contact
from watchkeeper.market.signin.store import open_identities
from watchkeeper.market.state import User

LINK_SECONDS = 7 * 24 * 3600
RECOVERY_CODES = 10
SECOND_FACTOR_ROLES = frozenset({"admin", "operator"})


@dataclass(frozen=True, slots=True)
class Invitation:
    """An open link: for whom it is, and the second factor's secret for those who need one."""

    user_id: int
    alias: str
    role: str
    totp_secret: str | None
    used: bool


def invite(data: Path, *, system_id: str, user: User, clock: Clock) -> str:
    """A new link's token for an invited account; older links of that account end."""
    database = open_identities(data, system_id=system_id)
    try:
        return invite_in(database, user, at=clock.now())
    finally:
        database.close()


def invite_in(database: Database, user: User, *, at: Instant) -> str:
    """The same on an open database; opens its own transaction."""
    token = tokens.draw()
    secret = totp.new_secret() if user.role in SECOND_FACTOR_ROLES else None
    with database.transaction("write"):
        database.execute("DELETE FROM enrolment_links WHERE user_id = ?", (user.id,))
        database.execute(
            "INSERT INTO enrolment_links (token_hash, user_id, alias, role, totp_secret, expires_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (tokens.digest(token), user.id, user.alias, user.role, secret, later(at, seconds=LINK_SECONDS)),
        )
    return token


def look(database: Database, token: str, *, at: Instant) -> Invitation:
    """What a link opens; raises `Refusal` enrolment-not-found."""
    row = database.one(
        "SELECT user_id, alias, role, totp_secret, used_at FROM enrolment_links WHERE token_hash = ? AND expires_at > ?",
        (tokens.digest(token), at),
    )
    if row is None:
        raise Refusal(
            "enrolment-not-found", "This link is not valid, or its time is over. Ask for a new one."
        )
    return Invitation(
        int(str(row[0])),
        str(row[1]),
        str(row[2]),
        None if row[3] is None else str(row[3]),
        row[4] is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What somebody enters about themselves."""

    name: str
    phone: str
    email: str
    password: str
    code: str


def finish(database: Database, token: str, person: Person, *, still_invited: bool, clock: Clock) -> list[str]:
    """Write identity and credentials; recovery codes for those with a second factor, shown once.

    `still_invited`: the market says that the account is not active yet. Raises `Refusal`; opens its own transaction.
    """
    invitation = look(database, token, at=clock.now())
    if invitation.used and not still_invited:
        raise Refusal("already-active", "This account is enrolled already. Sign in instead.")
    contact = contacts.checked(Contact(name=person.name, phone=person.phone, email=person.email))
    password = passwords.checked(person.password, alias=invitation.alias, contact=contact)
    step = 0
    if invitation.totp_secret is not None:
        found = totp.matching_step(invitation.totp_secret, person.code, clock=clock)
        if found is None:
            raise Refusal(
                "validation-failed",
                "The six digits are not those of your authenticator app now.",
                field="code",
            )
        step = found
    stored = passwords.hashed(password)
    codes = [tokens.draw()[:14] for _ in range(RECOVERY_CODES)] if invitation.totp_secret else []
    with database.transaction("write"):
        # The link is claimed first: one that is gone meanwhile, with its account, must not bring the person back.
        claimed = database.execute(
            "UPDATE enrolment_links SET used_at = ? WHERE token_hash = ?", (clock.now(), tokens.digest(token))
        )
        if claimed != 1:
            raise Refusal("enrolment-not-found", "This link is not valid any more. Ask for a new one.")
        contacts.check_free(database, invitation.user_id, contact)
        database.execute(
            "INSERT INTO identities (user_id, alias, name, phone, email) VALUES (?, ?, ?, ?, ?) ON CONFLICT (user_id) "
            "DO UPDATE SET name = excluded.name, phone = excluded.phone, email = excluded.email",
            (invitation.user_id, invitation.alias, contact.name, contact.phone, contact.email),
        )
        database.execute(
            "INSERT INTO credentials (user_id, password_hash, totp_secret, totp_last_step) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash, "
            "totp_secret = excluded.totp_secret, totp_last_step = excluded.totp_last_step",
            (invitation.user_id, stored, invitation.totp_secret, step),
        )
        database.execute("DELETE FROM recovery_codes WHERE user_id = ?", (invitation.user_id,))
        database.execute_many(
            "INSERT INTO recovery_codes (user_id, code_hash) VALUES (?, ?)",
            [(invitation.user_id, tokens.digest(code)) for code in codes],
        )
    return codes


def renew_recovery_codes(database: Database, user_id: int) -> list[str]:
    """New recovery codes, shown once; the ones of before are over. Opens its own transaction."""
    codes = [tokens.draw()[:14] for _ in range(RECOVERY_CODES)]
    with database.transaction("write"):
        database.execute("DELETE FROM recovery_codes WHERE user_id = ?", (user_id,))
        database.execute_many(
            "INSERT INTO recovery_codes (user_id, code_hash) VALUES (?, ?)",
            [(user_id, tokens.digest(code)) for code in codes],
        )
    return codes


def recovery_codes_left(database: Database, user_id: int) -> int:
    """How many recovery codes of the account are still good."""
    row = database.one(
        "SELECT count(*) FROM recovery_codes WHERE user_id = ? AND used_at IS NULL", (user_id,)
    )
    return 0 if row is None else int(str(row[0]))


def forget_factor(database: Database, user_id: int) -> None:
    """Take every second factor of the account away, and its open sessions with it. Opens its own transaction."""
    with database.transaction("write"):
        database.execute(
            "UPDATE credentials SET totp_secret = NULL, totp_last_step = 0 WHERE user_id = ?", (user_id,)
        )
        for table in ("recovery_codes", "passkeys", "passkey_challenges", "sessions"):
            database.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))


def lacks_factor(database: Database, user: User) -> bool:
    """Whether the account's role asks for a second factor that it does not have."""
    if user.role not in SECOND_FACTOR_ROLES:
        return False
    row = database.one(
        "SELECT 1 FROM credentials WHERE user_id = ? AND totp_secret IS NOT NULL UNION ALL "
        "SELECT 1 FROM passkeys WHERE user_id = ? LIMIT 1",
        (user.id, user.id),
    )
    return row is None
