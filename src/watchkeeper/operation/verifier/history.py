"""When a verdict became another, and for how long nothing was known; the newest changes are kept, so many at most."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import Database

#: A restart after a pause is a few changes of each of the catalogue's rules.
CHANGES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict of one kind of pass that became another."""

    id: int
    invariant: str
    mode: str
    before: str
    after: str
    detail: str
    at: Instant


def note(
    database: Database, *, invariant: str, mode: str, before: str, after: str, detail: str, at: int
) -> None:
    """Keep a change, in the caller's transaction."""
    last = database.one("SELECT coalesce(max(id), 0) FROM verdict_changes")
    identifier = 1 + int(str(last[0] if last else 0))
    database.execute(
        "INSERT INTO verdict_changes (id, invariant, mode, before, after, detail, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (identifier, invariant, mode, before, after, detail[:300], at),
    )
    database.execute("DELETE FROM verdict_changes WHERE id <= ?", (identifier - CHANGES_MAX,))


def ended(at: Instant, *, deadline_seconds: int) -> Instant:
    """When a verdict of `at` stopped saying anything, as no pass followed it."""
    return Instant(at + deadline_seconds * MICROSECONDS_PER_SECOND)


def latest(database: Database, *, invariant: str | None = None, limit: int = 100) -> list[Change]:
    """The newest changes, of one invariant when given; newest first."""
    rows = database.query(
        "SELECT id, invariant, mode, before, after, detail, at FROM verdict_changes WHERE (? IS NULL OR invariant = ?) "
        "ORDER BY id DESC LIMIT ?",
        (invariant, invariant, limit),
    )
    return [
        Change(
            id=int(str(row[0])),
            invariant=str(row[1]),
            mode=str(row[2]),
            before=str(row[3]),
            after=str(row[4]),
            detail=str(row[5]),
            at=Instant(int(str(row[6]))),
        )
        for row in rows
    ]


def unknown_since(database: Database) -> dict[tuple[str, str], Instant]:
    """Of which (invariant, kind of pass) the newest change was to UNKNOWN, and when."""
    rows = database.query(
        "SELECT invariant, mode, at FROM verdict_changes WHERE after = 'UNKNOWN' "
        "AND id IN (SELECT max(id) FROM verdict_changes GROUP BY invariant, mode)"
    )
    return {(str(row[0]), str(row[1])): Instant(int(str(row[2]))) for row in rows}
