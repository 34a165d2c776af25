"""What corrections could not take, because it was not there any more: shown until the operator waives it (domain, Ledgers)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import Instant
from watchkeeper.boundary.views import Views
from watchkeeper.operation.catalogue.books import integer

_STANDING = (
    "SELECT u.utid, u.finding, u.incident, u.account, u.amount_ugx, u.at FROM watch_unrecovered u WHERE NOT EXISTS "
    "(SELECT 1 FROM watch_journal j WHERE j.target_utid = u.utid AND j.command = 'waive_unrecovered')"
)


@dataclass(frozen=True, slots=True)
class Unrecovered:
    """What is missing of one correction, in UGX: the act that made it, for which finding and incident, on whose account."""

    utid: str
    finding: str
    incident: str
    account: str
    amount_ugx: int
    at: Instant


def standing(views: Views, *, limit: int, finding: str | None = None) -> list[Unrecovered]:
    """What was not waived, of one finding or of all, the oldest first; raises `DatabaseError`."""
    rows = views.database.query(
        f"{_STANDING} AND (? IS NULL OR u.finding = ?) ORDER BY u.id LIMIT ?", (finding, finding, limit)
    )
    return [_read(row) for row in rows]


def of(views: Views, utid: str) -> Unrecovered | None:
    """What this correction left; None for nothing, or when it was waived."""
    row = views.database.one(f"{_STANDING} AND u.utid = ?", (utid,))
    return None if row is None else _read(row)


def _read(row: Sequence[Value]) -> Unrecovered:
    utid, finding, incident, account = (str(value) for value in row[:4])
    return Unrecovered(utid, finding, incident, account, integer(row[4]), Instant(integer(row[5])))
