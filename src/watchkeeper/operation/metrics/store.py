"""The series as they are kept: what is written of a round, and what it says now.

A value is kept when it differs from the last one, and once a minute when it does not. What could not be read ends in a NULL.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, SECONDS_PER_HOUR, BootTime, Clock, Instant
from watchkeeper.base.database import Database, SqliteDatabase
from watchkeeper.operation.catalogue.metrics import CRITICAL, METRICS, REST, Measured

ROUND_CRITICAL, ROUND_MINUTE = "critical", "minute"
ROUNDS: Mapping[str, frozenset[str]] = {ROUND_CRITICAL: CRITICAL, ROUND_MINUTE: REST}
#: A round older than this says nothing about now.
FRESH_SECONDS = {ROUND_CRITICAL: 30.0, ROUND_MINUTE: 180.0}
HOUR = SECONDS_PER_HOUR * MICROSECONDS_PER_SECOND
#: More series than this are not kept; the one that was sampled longest ago and is not current makes room.
SERIES_MAX = 1000
#: A value that does not change is kept so often.
_KEPT_EACH = 55 * MICROSECONDS_PER_SECOND
#: No sum of an hour's samples can overflow.
_VALUE_MAX = 2**50

Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Current:
    series_id: int
    value: int
    kept_at: int


@dataclass(slots=True)
class Now:
    """What is known now: values by metric and labels, and for each metric that is not wholly known the reason."""

    values: dict[Key, int] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    #: Round -> its age in seconds, None when there was none on this boot.
    ages: dict[str, float | None] = field(default_factory=dict)

    def of(self, metric: str) -> dict[tuple[str, ...], int]:
        """The values of one metric, by their labels."""
        return {labels: value for (name, labels), value in self.values.items() if name == metric}


def record(database: SqliteDatabase, *, round_: str, measured: Measured, boot: BootTime, at: Instant) -> None:
    """Write one round, in a short transaction of its own."""
    with database.transaction("write"):
        database.execute(
            "INSERT INTO metric_rounds (round, boot_id, boot_ns, at) VALUES (?, ?, ?, ?) ON CONFLICT (round) DO UPDATE "
            "SET boot_id = excluded.boot_id, boot_ns = excluded.boot_ns, at = excluded.at",
            (round_, boot.boot_id, boot.nanoseconds, at),
        )
        before = _current(database, round_)
        for key, value in measured.readings.items():
            if key[0] in ROUNDS[round_]:
                bounded = max(-_VALUE_MAX, min(_VALUE_MAX, value))
                _write(database, key, bounded, before.pop(key, None), round_=round_, at=at)
        # What had a value and has none any more: it could not be read, or there is no such thing now.
        for gone in before.values():
            _sample(database, gone.series_id, None, at=at)
            database.execute("DELETE FROM metric_current WHERE series_id = ?", (gone.series_id,))
        database.execute("DELETE FROM metric_unknown WHERE round = ?", (round_,))
        database.execute_many(
            "INSERT INTO metric_unknown (metric, round, reason) VALUES (?, ?, ?) "
            "ON CONFLICT (metric) DO UPDATE SET round = excluded.round, reason = excluded.reason",
            [
                (metric, round_, reason[:300].encode("utf-8", "replace").decode("utf-8"))
                for metric, reason in measured.unknown.items()
                if metric in ROUNDS[round_]
            ],
        )


def _current(database: Database, round_: str) -> dict[Key, _Current]:
    rows = database.query(
        "SELECT s.metric, s.labels, c.series_id, c.value, c.kept_at FROM metric_current c "
        "JOIN metric_series s ON s.id = c.series_id WHERE c.round = ? LIMIT ?",
        (round_, SERIES_MAX),
    )
    return {
        (str(row[0]), labels_of(row[1])): _Current(int(str(row[2])), int(str(row[3])), int(str(row[4])))
        for row in rows
    }


def labels_of(text: object) -> tuple[str, ...]:
    """The labels of a series as they are stored."""
    return tuple(str(item) for item in json.loads(str(text)))


def _write(
    database: Database, key: Key, value: int, before: _Current | None, *, round_: str, at: Instant
) -> None:
    if before is None:
        series_id = _series(database, key, at=at)
        _sample(database, series_id, value, at=at)
        database.execute(
            "INSERT INTO metric_current (series_id, round, value, kept_at) VALUES (?, ?, ?, ?) ON CONFLICT (series_id) "
            "DO UPDATE SET round = excluded.round, value = excluded.value, kept_at = excluded.kept_at",
            (series_id, round_, value, at),
        )
    elif value != before.value or abs(at - before.kept_at) >= _KEPT_EACH:
        _sample(database, before.series_id, value, at=at)
        database.execute(
            "UPDATE metric_current SET value = ?, kept_at = ? WHERE series_id = ?",
            (value, at, before.series_id),
        )


def _series(database: Database, key: Key, *, at: Instant) -> int:
    metric, labels = key[0], json.dumps(key[1])
    row = database.one("SELECT id FROM metric_series WHERE metric = ? AND labels = ?", (metric, labels))
    if row is not None:
        return int(str(row[0]))
    count = database.one("SELECT count(*) FROM metric_series")
    if count is not None and int(str(count[0])) >= SERIES_MAX:
        _make_room(database)
    database.execute(
        "INSERT INTO metric_series (metric, labels, sampled_at, summed_hour) VALUES (?, ?, ?, ?)",
        (metric, labels, at, at // HOUR),
    )
    row = database.one("SELECT id FROM metric_series WHERE metric = ? AND labels = ?", (metric, labels))
    return int(str(row[0])) if row else 0


def _make_room(database: Database) -> None:
    row = database.one(
        "SELECT id FROM metric_series WHERE id NOT IN (SELECT series_id FROM metric_current) "
        "ORDER BY sampled_at, id LIMIT 1"
    )
    if row is not None:
        forget(database, int(str(row[0])))


def forget(database: Database, series_id: int) -> None:
    """Remove a series with all that is kept of it, in the caller's transaction."""
    for table in ("metric_samples", "metric_hours", "metric_current"):
        database.execute(f"DELETE FROM {table} WHERE series_id = ?", (series_id,))
    database.execute("DELETE FROM metric_series WHERE id = ?", (series_id,))


def _sample(database: Database, series_id: int, value: int | None, *, at: Instant) -> None:
    database.execute(
        "INSERT INTO metric_samples (series_id, at, value) VALUES (?, ?, ?) "
        "ON CONFLICT (series_id, at) DO UPDATE SET value = excluded.value",
        (series_id, at, value),
    )
    # A clock that was put back brings samples of an hour that was summed up already: it is summed up again.
    database.execute(
        "UPDATE metric_series SET sampled_at = ?, summed_hour = min(summed_hour, ?) WHERE id = ?",
        (at, at // HOUR, series_id),
    )


def now(database: Database, *, clock: Clock) -> Now:
    """The newest values, as far as their round is fresh; everything else is unknown, with the reason."""
    found = Now()
    boot = clock.boot()
    rounds = {
        str(row[0]): BootTime(str(row[1]), int(str(row[2])))
        for row in database.query("SELECT round, boot_id, boot_ns FROM metric_rounds LIMIT 10")
    }
    for round_, names in ROUNDS.items():
        begun = rounds.get(round_)
        age = None if begun is None else boot.seconds_since(begun)
        found.ages[round_] = age
        if age is None:
            found.unknown.update(dict.fromkeys(names, "not sampled since the machine started"))
        elif not 0 <= age <= FRESH_SECONDS[round_]:
            found.unknown.update(dict.fromkeys(names, f"not sampled for {age:.0f} s"))
        else:
            _take(database, round_, names, found)
    return found


def _take(database: Database, round_: str, names: Collection[str], found: Now) -> None:
    for key, current in _current(database, round_).items():
        if key[0] in names and len(key[1]) == len(METRICS[key[0]].labels):
            found.values[key] = current.value
    for metric, reason in database.query(
        "SELECT metric, reason FROM metric_unknown WHERE round = ? LIMIT 200", (round_,)
    ):
        if metric in names:
            found.unknown[str(metric)] = str(reason)
