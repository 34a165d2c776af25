"""Erasing who a deleted account was: nothing of the person stays in the identity store (domain, Roles).

The books say first that the account is deleted, the identities follow. After a crash between the two they are erased by
the housekeeping, which begins at the first deletion again and finds nothing left where all was done.
"""

from __future__ import annotations

from watchkeeper.base.database import Database
from watchkeeper.market.rows import number

#: Every table that says something of a person, by its user_id.
TABLES = (
    "identities",
    "credentials",
    "recovery_codes",
    "enrolment_links",
    "sessions",
    "reset_codes",
    "passkeys",
    "passkey_challenges",
    "notice_reads",
)
_AT_ONCE = 50


def erase(identities: Database, user_id: int) -> bool:
    """Delete all rows of the account; False when the file still holds them for a reader and it has to be asked again."""
    with identities.transaction("write"):
        for table in TABLES:
            identities.execute(f"DELETE FROM {table} WHERE user_id = ?", (user_id,))
    if identities.engine != "sqlite":
        return True
    # The log of writes has them still; it is cut off here.
    row = identities.one("PRAGMA wal_checkpoint(TRUNCATE)")
    return row is not None and row[0] == 0


def erase_deleted(identities: Database, books: Database, *, after: int) -> int:
    """Erase those whom the books call deleted, from the step `after` on; the step up to which it is done."""
    steps = books.query(
        "SELECT id, user_id FROM user_steps WHERE step = 'deleted' AND id > ? ORDER BY id LIMIT ?",
        (after, _AT_ONCE),
    )
    for step, user_id in steps:
        if not erase(identities, number(user_id)):
            break
        after = number(step)
    return after
