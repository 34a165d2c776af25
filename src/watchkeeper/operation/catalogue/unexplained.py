"""Payments that one side has and the other lacks for a day, kept as they were told, so that what is new is told again.

A payment that nobody can match would otherwise hide each later one of its provider behind an alert that is open already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database

#: In the books, and in no statement as it is booked; in a statement, and in no book as it says.
UNMATCHED, UNBOOKED = "money unmatched", "money unbooked"
#: As many as are kept of each; with more it is "at least" anyway.
KEPT_MAX = 40_000


@dataclass(frozen=True, slots=True, order=True)
class Overdue:
    """A payment that only one side has; `amount_ugx` in UGX. `since` when it was made: two that differ only in that are one."""

    provider: str
    reference: str
    way: str
    amount_ugx: int
    since: Instant = field(compare=False)


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What of a provider is overdue; `at_least` while there is more than can be kept in mind, or not all was read."""

    provider: str
    count: int
    total_ugx: int
    oldest: Instant
    at_least: bool
    payments: tuple[Overdue, ...] = ()


def by_provider(overdue: Sequence[Overdue], *, at_least: bool) -> dict[str, Unmatched]:
    """The overdue payments, provider by provider."""
    names = sorted({one.provider for one in overdue})
    found: dict[str, Unmatched] = {}
    for name in names:
        own = tuple(one for one in overdue if one.provider == name)
        found[name] = Unmatched(
            name, len(own), sum(one.amount_ugx for one in own), min(one.since for one in own), at_least, own
        )
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a provider's overdue payments since they were told: more that was not among them, or fewer."""

    more: bool
    fewer: bool
    #: There is no room to keep all of them, so not each can be told.
    full: bool = False


def keep(
    database: Database,
    condition: str,
    found: Mapping[str, Unmatched],
    *,
    complete: bool,
    settled: Collection[Overdue] = (),
) -> dict[str, Change]:
    """Keep what is overdue now, in the caller's transaction; what changed, by provider.

    Until everything was read (`complete`) only that is let go which was seen to be `settled`: what was not seen may still stand.
    """
    kept = set(_kept(database, condition))
    now = {one for unmatched in found.values() for one in unmatched.payments}
    fewer = sorted(kept - now if complete else (kept & set(settled)) - now)
    new, room = sorted(now - kept), max(0, KEPT_MAX - len(kept) + len(fewer))
    more, left_out = new[:room], new[room:]
    key = "condition = ? AND provider = ? AND reference = ? AND way = ? AND amount_ugx = ?"
    database.execute_many(
        f"DELETE FROM unexplained_money WHERE {key}",
        [(condition, one.provider, one.reference, one.way, one.amount_ugx) for one in fewer],
    )
    database.execute_many(
        "INSERT INTO unexplained_money (condition, provider, reference, way, amount_ugx, since) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(condition, one.provider, one.reference, one.way, one.amount_ugx, one.since) for one in more],
    )
    grown, shrunk, full = ({one.provider for one in some} for some in (more, fewer, left_out))
    return {
        name: Change(name in grown, name in shrunk, name in full) for name in sorted(grown | shrunk | full)
    }


def listed(database: Database, *, provider: str = "", limit: int) -> list[tuple[str, Overdue]]:
    """What was overdue at the last look, with its condition, the oldest first; of one provider, or of all."""
    rows = database.query(
        "SELECT condition, provider, reference, way, amount_ugx, since FROM unexplained_money "
        "WHERE ? IN ('', provider) ORDER BY since, provider, reference LIMIT ?",
        (provider, limit),
    )
    return [(str(row[0]), _overdue(row[1:])) for row in rows]


def counted(database: Database, *, provider: str = "") -> int:
    """How many were overdue at the last look."""
    row = database.one("SELECT count(*) FROM unexplained_money WHERE ? IN ('', provider)", (provider,))
    return 0 if row is None else int(str(row[0]))


def _kept(database: Database, condition: str) -> list[Overdue]:
    rows = database.query(
        "SELECT provider, reference, way, amount_ugx, since FROM unexplained_money WHERE condition = ? LIMIT ?",
        (condition, KEPT_MAX),
    )
    return [_overdue(row) for row in rows]


def _overdue(row: Sequence[object]) -> Overdue:
    return Overdue(str(row[0]), str(row[1]), str(row[2]), int(str(row[3])), Instant(int(str(row[4]))))
