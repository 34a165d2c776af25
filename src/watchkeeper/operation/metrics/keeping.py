"""Keeping the series bounded: complete hours are summed up once and again without harm, what is too old is removed.

Everything happens in portions with a short transaction each, so that the watch never waits long for the store. A crash between
two portions leaves work for the next, never a wrong sum: an hour is summed up from its samples, which outlive it by two days.
"""

from __future__ import annotations

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database, SqliteDatabase
from watchkeeper.operation.metrics.store import HOUR, forget

RAW_HOURS = 48
HOURS_KEPT = 366 * 24
#: Of one transaction: series summed up, hours of each, rows removed, series looked at.
_SERIES_AT_ONCE = 20
_HOURS_AT_ONCE = 6
_REMOVED_AT_ONCE = 5000
_PORTIONS_MAX = 40


def keep(database: SqliteDatabase, *, at: Instant) -> bool:
    """Sum up and remove what is due, at most so many portions; whether nothing is left."""
    for portion in (sum_up, remove_samples, remove_hours, remove_series):
        left = _PORTIONS_MAX
        while portion(database, at=at):
            left -= 1
            if left == 0:
                return False
    return True


def sum_up(database: SqliteDatabase, *, at: Instant) -> bool:
    """Sum up complete hours of some series; whether it did anything."""
    this_hour = at // HOUR
    due = database.query(
        "SELECT id, summed_hour FROM metric_series WHERE summed_hour < ? ORDER BY summed_hour, id LIMIT ?",
        (this_hour, _SERIES_AT_ONCE),
    )
    if due:
        with database.transaction("write"):
            for series_id, summed_hour in due:
                _sum_up(database, int(str(series_id)), int(str(summed_hour)), this_hour)
    return bool(due)


def _sum_up(database: Database, series_id: int, begin: int, this_hour: int) -> None:
    first = database.one(
        "SELECT min(at) FROM metric_samples WHERE series_id = ? AND at >= ?", (series_id, begin * HOUR)
    )
    if first is None or first[0] is None:
        end = this_hour
    else:
        # Hours without a sample, of a watch that stood still, are passed over at once.
        begin = max(begin, int(str(first[0])) // HOUR)
        end = min(this_hour, begin + _HOURS_AT_ONCE)
    for hour in range(begin, end) if first is not None and first[0] is not None else ():
        _sum_up_hour(database, series_id, hour)
    database.execute("UPDATE metric_series SET summed_hour = ? WHERE id = ?", (max(begin, end), series_id))


def _sum_up_hour(database: Database, series_id: int, hour: int) -> None:
    within = (series_id, hour * HOUR, (hour + 1) * HOUR)
    where = "FROM metric_samples WHERE series_id = ? AND at >= ? AND at < ?"
    row = database.one(
        f"SELECT count(value), count(*) - count(value), min(value), max(value), sum(value) {where}", within
    )
    if row is None or (row[0] == 0 and row[1] == 0):
        return
    last = database.one(f"SELECT value {where} AND value IS NOT NULL ORDER BY at DESC LIMIT 1", within)
    database.execute(
        "INSERT INTO metric_hours (series_id, hour, known, unknown, low, high, total, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (series_id, hour) DO UPDATE SET known = excluded.known, unknown = excluded.unknown, "
        "low = excluded.low, high = excluded.high, total = excluded.total, last = excluded.last",
        (series_id, hour, *row, None if last is None else last[0]),
    )


def remove_samples(database: SqliteDatabase, *, at: Instant) -> bool:
    """Remove samples older than two days, and those that a clock put forward has left; whether it did anything."""
    old, ahead = at - RAW_HOURS * HOUR, at + 24 * HOUR
    due = database.query(
        "SELECT s.id FROM metric_series s WHERE EXISTS (SELECT 1 FROM metric_samples WHERE series_id = s.id AND at < ?) "
        "OR EXISTS (SELECT 1 FROM metric_samples WHERE series_id = s.id AND at > ?) ORDER BY s.id LIMIT ?",
        (old, ahead, _SERIES_AT_ONCE),
    )
    left = _REMOVED_AT_ONCE
    if due:
        with database.transaction("write"):
            for (series_id,) in due:
                for condition, bound in (("at < ?", old), ("at > ?", ahead)):
                    if left > 0:
                        some = f"SELECT at FROM metric_samples WHERE series_id = ? AND {condition} ORDER BY at LIMIT ?"
                        left -= database.execute(
                            f"DELETE FROM metric_samples WHERE series_id = ? AND at IN ({some})",
                            (series_id, series_id, bound, left),
                        )
    return bool(due)


def remove_hours(database: SqliteDatabase, *, at: Instant) -> bool:
    """Remove hours older than a year, and those that a clock put forward has left; whether it did anything."""
    old, ahead = at // HOUR - HOURS_KEPT, at // HOUR + 24
    due = database.query(
        "SELECT s.id FROM metric_series s WHERE EXISTS (SELECT 1 FROM metric_hours WHERE series_id = s.id AND hour < ?) "
        "OR EXISTS (SELECT 1 FROM metric_hours WHERE series_id = s.id AND hour > ?) ORDER BY s.id LIMIT ?",
        (old, ahead, _SERIES_AT_ONCE),
    )
    if due:
        with database.transaction("write"):
            for (series_id,) in due:
                database.execute(
                    "DELETE FROM metric_hours WHERE series_id = ? AND (hour < ? OR hour > ?)",
                    (series_id, old, ahead),
                )
    return bool(due)


def remove_series(database: SqliteDatabase, *, at: Instant) -> bool:
    """Remove series of which nothing is kept any more; whether it did anything."""
    due = database.query(
        "SELECT id FROM metric_series s WHERE sampled_at < ? AND summed_hour >= ? "
        "AND NOT EXISTS (SELECT 1 FROM metric_current WHERE series_id = s.id) "
        "AND NOT EXISTS (SELECT 1 FROM metric_samples WHERE series_id = s.id) "
        "AND NOT EXISTS (SELECT 1 FROM metric_hours WHERE series_id = s.id) LIMIT ?",
        (at - RAW_HOURS * HOUR, at // HOUR, _SERIES_AT_ONCE),
    )
    if due:
        with database.transaction("write"):
            for (series_id,) in due:
                forget(database, int(str(series_id)))
    return bool(due)
