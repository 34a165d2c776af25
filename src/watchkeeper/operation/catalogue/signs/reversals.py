"""Reversals in haste: money taken back before anything can have gone wrong, or as soon as it was said that it had.

A reversal is in haste when it comes within a set time of its lock, or of the row that marked the lock late or cancelled,
and an admin asked for it. What a playbook unwinds is marked and reversed in one go by the operator, and is no haste.

Blind to: a reversal that waits out the time.
"""

from __future__ import annotations

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.boundary.views import Row
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.signs.model import Reading, Sign

HASTE = "reversal in haste"
_COMMAND = "reverse_lock"


def hasty(
    reading: Reading, *, read: int, since: int, lock_seconds: int, mark_seconds: int
) -> tuple[list[Sign], int]:
    """New reversals in haste, one sign for each admin, and how far was read. Raises `DatabaseError`."""
    by_admin: dict[str, list[str]] = {}
    with reading.snapshot():
        rows, upto = reading.new("lock_outcomes", after=read, where="outcome = 'reversed'")
        rows = [row for row in rows if integer(row["at"]) >= since]
        for row in rows:
            why = _haste(reading, row, lock_seconds=lock_seconds, mark_seconds=mark_seconds)
            if why:
                scope, words = why
                by_admin.setdefault(scope, []).append(words)
    return [
        Sign(HASTE, scope, words[0] + (f", and {len(words) - 1} more" if len(words) > 1 else ""))
        for scope, words in by_admin.items()
    ], upto


def _haste(reading: Reading, row: Row, *, lock_seconds: int, mark_seconds: int) -> tuple[str, str] | None:
    journal = reading.journal_of(row["utid"])
    if journal is None or journal["command"] != _COMMAND:
        # What no command wrote is a finding by itself.
        return None
    at, lock = integer(row["at"]), row["lock_utid"]
    locks = reading.rows("locks", "utid = ? ORDER BY id", (lock,), limit=1)
    marks = reading.rows(
        "lock_outcomes", "lock_utid = ? AND id < ? ORDER BY id DESC", (lock, integer(row["id"])), limit=1
    )
    scope = str(reading.scope(journal["actor_id"]))
    if locks:
        seconds = (at - integer(locks[0]["locked_at"])) // MICROSECONDS_PER_SECOND
        if seconds < lock_seconds:
            return scope, f"reversed {_time(seconds)} after it was paid for"
    if marks:
        seconds = (at - integer(marks[0]["at"])) // MICROSECONDS_PER_SECOND
        if seconds < mark_seconds:
            return scope, f"reversed {_time(seconds)} after it was marked {marks[0]['outcome']!s}"
    return None


def _time(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
