"""What the detectors saw last, as rows: state, count, age. Whoever reads one judges its age, by boot time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.base.clock import BootTime, Clock, Instant
from watchkeeper.base.database import Database
from watchkeeper.operation.detectors.model import QUIET, SEEN, UNKNOWN, Look

__all__ = ["QUIET", "SEEN", "UNKNOWN", "Seen", "current", "keep", "marks", "seen"]

_DETECTORS_MAX = 200
#: Marks of one detector; those of accounts are pruned by whoever writes them.
_MARKS_MAX = 5_000


@dataclass(frozen=True, slots=True)
class Seen:
    """The last look of a detector. Ages in seconds of boot time, None when it was on another boot."""

    name: str
    state: str
    detail: str
    value: int | None
    value_max: int | None
    age_seconds: float | None
    #: For how long it has known nothing; None while it knows something.
    unknown_seconds: float | None
    at: Instant


def marks(database: Database, detector: str) -> dict[str, int]:
    """How far a detector has read and told."""
    return {
        str(name): int(str(value))
        for name, value in database.query(
            "SELECT name, value FROM detector_marks WHERE detector = ? LIMIT ?", (detector, _MARKS_MAX)
        )
    }


def keep(database: Database, detector: str, look: Look, *, boot: BootTime, at: Instant) -> None:
    """Write a look and its marks, in the caller's transaction."""
    unknown = look.state == UNKNOWN
    database.execute(
        "INSERT INTO detectors (name, state, detail, value, value_max, unknown_boot_id, unknown_boot_ns, boot_id, boot_ns, "
        "at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET state = excluded.state, "
        "detail = excluded.detail, value = excluded.value, value_max = excluded.value_max, "
        "unknown_boot_id = CASE WHEN excluded.state <> 'UNKNOWN' THEN NULL WHEN detectors.state = 'UNKNOWN' "
        "AND detectors.unknown_boot_id = excluded.boot_id THEN detectors.unknown_boot_id ELSE excluded.boot_id END, "
        "unknown_boot_ns = CASE WHEN excluded.state <> 'UNKNOWN' THEN NULL WHEN detectors.state = 'UNKNOWN' "
        "AND detectors.unknown_boot_id = excluded.boot_id THEN detectors.unknown_boot_ns ELSE excluded.boot_ns END, "
        "boot_id = excluded.boot_id, boot_ns = excluded.boot_ns, at = excluded.at",
        (
            detector,
            look.state,
            look.detail[:300],
            look.value,
            look.value_max,
            boot.boot_id if unknown else None,
            boot.nanoseconds if unknown else None,
            boot.boot_id,
            boot.nanoseconds,
            at,
        ),
    )
    keep_marks(database, detector, look.marks)


def keep_marks(database: Database, detector: str, found: Mapping[str, int]) -> None:
    """Write marks, in the caller's transaction."""
    database.execute_many(
        "INSERT INTO detector_marks (detector, name, value) VALUES (?, ?, ?) "
        "ON CONFLICT (detector, name) DO UPDATE SET value = excluded.value",
        [(detector, name, value) for name, value in sorted(found.items())],
    )


def forget_marks(database: Database, detector: str, *, prefix: str, below: int) -> None:
    """Let marks go that stand for what nobody counts any more, in the caller's transaction."""
    database.execute(
        "DELETE FROM detector_marks WHERE detector = ? AND substr(name, 1, ?) = ? AND value < ?",
        (detector, len(prefix), prefix, below),
    )


def current(database: Database, *, clock: Clock) -> dict[str, Seen]:
    """The last look of every detector that ever looked."""
    rows = database.query(
        "SELECT name, state, detail, value, value_max, boot_id, boot_ns, unknown_boot_id, unknown_boot_ns, at "
        "FROM detectors ORDER BY name LIMIT ?",
        (_DETECTORS_MAX,),
    )
    now = clock.boot()
    found: dict[str, Seen] = {}
    for row in rows:
        since = None if row[7] is None else now.seconds_since(BootTime(str(row[7]), int(str(row[8]))))
        found[str(row[0])] = Seen(
            name=str(row[0]),
            state=str(row[1]),
            detail=str(row[2]),
            value=None if row[3] is None else int(str(row[3])),
            value_max=None if row[4] is None else int(str(row[4])),
            age_seconds=now.seconds_since(BootTime(str(row[5]), int(str(row[6])))),
            unknown_seconds=since,
            at=Instant(int(str(row[9]))),
        )
    return found


def seen(database: Database, name: str, *, clock: Clock) -> Seen | None:
    """The last look of one detector."""
    return current(database, clock=clock).get(name)
