"""What people do in the control room: one append-only row for each act, sealed like the rest."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database

_COLUMNS = "id, actor, action, subject, reason, detail, at"
_DETAIL_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True)
class OperatorAction:
    """One act: who (by alias), what, on what, why, and the facts as canonical JSON."""

    id: int
    actor: str
    action: str
    subject: str
    reason: str
    detail: str
    at: Instant


class DetailTooLong(ValueError):
    """The facts of one act fill at most 16 KiB; store what is longer as evidence and name its digest."""


def record(
    database: Database,
    *,
    actor: str,
    action: str,
    subject: str,
    reason: str,
    detail: dict[str, object],
    at: Instant,
) -> int:
    """Append one act inside the caller's transaction; its number."""
    encoded = canonical.encode(detail)
    if len(encoded) > _DETAIL_BYTES_MAX:
        raise DetailTooLong(DetailTooLong.__doc__)
    # What was deleted from the end keeps its number: what takes it would be taken for sealed already.
    last = database.one(
        "SELECT max(coalesce((SELECT max(id) FROM operator_actions), 0), "
        "coalesce((SELECT key FROM watermarks WHERE table_name = 'operator_actions'), 0))"
    )
    identifier = 1 + int(str(last[0])) if last else 1
    database.execute(
        f"INSERT INTO operator_actions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (identifier, actor, action, subject, reason, encoded.decode("utf-8"), at),
    )
    return identifier


def last_of_each(database: Database, actions: tuple[str, ...]) -> dict[str, str]:
    """Subject -> the newest of these actions on it."""
    marks = ", ".join("?" * len(actions))
    rows = database.query(
        "SELECT subject, action FROM operator_actions WHERE id IN "
        f"(SELECT max(id) FROM operator_actions WHERE action IN ({marks}) GROUP BY subject) LIMIT 1000",
        actions,
    )
    return {str(subject): str(action) for subject, action in rows}


def actions(
    database: Database, *, after: int = 0, limit: int = 100, subject: str | None = None
) -> list[OperatorAction]:
    """Acts with a number above `after`, oldest first; only those on `subject` when it is given."""
    rows = database.query(
        f"SELECT {_COLUMNS} FROM operator_actions WHERE id > ? AND (? IS NULL OR subject = ?) ORDER BY id LIMIT ?",
        (after, subject, subject, limit),
    )
    return [
        OperatorAction(
            id=int(str(row[0])),
            actor=str(row[1]),
            action=str(row[2]),
            subject=str(row[3]),
            reason=str(row[4]),
            detail=str(row[5]),
            at=Instant(int(str(row[6]))),
        )
        for row in rows
    ]
