"""What a series was over a time, in slots of equal length. A slot of which nothing is known is a gap, never a guess."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import Database
from watchkeeper.operation.metrics.store import HOUR, SERIES_MAX, labels_of

#: A value that was sampled so long ago still stands: it is sampled each minute while it does not change.
_STANDS = 150 * MICROSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Span:
    """How far back a picture looks, and in how long slots, in seconds."""

    name: str
    title: str
    seconds: int
    slot_seconds: int


SPANS = (
    Span("1h", "1 hour", 3600, 60),
    Span("48h", "48 hours", 48 * 3600, 30 * 60),
    Span("1y", "1 year", 365 * 86_400, 73 * 3600),
)


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a metric."""

    id: int
    labels: tuple[str, ...]
    sampled_at: Instant


@dataclass(frozen=True, slots=True)
class Slot:
    """What was sampled in one slot: so many values, their least, greatest, sum and last. Whole numbers of the metric."""

    begin: Instant
    known: int
    low: int
    high: int
    total: int
    last: int


def series(database: Database, metric: str) -> list[Series]:
    """All series of a metric, the one that was sampled last first."""
    rows = database.query(
        "SELECT id, labels, sampled_at FROM metric_series WHERE metric = ? ORDER BY sampled_at DESC, labels LIMIT ?",
        (metric, SERIES_MAX),
    )
    return [Series(int(str(row[0])), labels_of(row[1]), Instant(int(str(row[2])))) for row in rows]


def slots(database: Database, series_id: int, *, until: Instant, span: Span) -> list[Slot | None]:
    """The slots of a span that ends with the slot in which `until` is, oldest first; None for a gap."""
    width = span.slot_seconds * MICROSECONDS_PER_SECOND
    end = (until // width + 1) * width
    begin = end - span.seconds * MICROSECONDS_PER_SECOND
    number = (end - begin) // width
    if width < HOUR:
        found = _of_samples(database, series_id, begin, end, width)
        ended = _ends(database, series_id, begin, end, width)
        return _with_standing(found, ended, begin=begin, until=until, width=width, number=number)
    merged: dict[int, Slot] = {}
    for slot in _of_hours(database, series_id, begin, end):
        index = (slot.begin - begin) // width
        merged[index] = _together(merged[index], slot) if index in merged else slot
    return [merged.get(index) for index in range(number)]


def _of_samples(database: Database, series_id: int, begin: int, end: int, width: int) -> dict[int, Slot]:
    """Slots from the samples that have a value."""
    within = (begin, width, series_id, begin, end)
    where = "FROM metric_samples WHERE series_id = ? AND at >= ? AND at < ? AND value IS NOT NULL GROUP BY 1"
    # Beside a single maximum SQLite gives the value of the row that has it.
    last = {row[0]: row[2] for row in database.query(f"SELECT (at - ?) / ?, max(at), value {where}", within)}
    rows = database.query(
        f"SELECT (at - ?) / ?, count(value), min(value), max(value), sum(value) {where}", within
    )
    return {int(str(row[0])): _slot(begin + int(str(row[0])) * width, *row[1:], last[row[0]]) for row in rows}


def _slot(begin: int, *values: object) -> Slot:
    known, low, high, total, last = (int(str(value)) for value in values)
    return Slot(Instant(begin), known, low, high, total, last)


def _ends(
    database: Database, series_id: int, begin: int, end: int, width: int
) -> dict[int, tuple[int, int | None]]:
    """The last sample of each slot: when, and its value, None when it says that nothing is known."""
    rows = database.query(
        "SELECT (at - ?) / ?, max(at), value FROM metric_samples WHERE series_id = ? AND at >= ? AND at < ? GROUP BY 1",
        (begin, width, series_id, begin, end),
    )
    return {
        int(str(row[0])): (int(str(row[1])), None if row[2] is None else int(str(row[2]))) for row in rows
    }


def _with_standing(
    found: dict[int, Slot],
    ended: dict[int, tuple[int, int | None]],
    *,
    begin: int,
    until: int,
    width: int,
    number: int,
) -> list[Slot | None]:
    """Slots in which nothing was sampled have the value that still stood when they began."""
    shown: list[Slot | None] = []
    at: int = 0
    value: int | None = None
    for index in range(number):
        opens = begin + index * width
        slot = found.get(index)
        if index in ended:
            at, value = ended[index]
        elif value is not None and opens <= min(at + _STANDS, until):
            slot = Slot(Instant(opens), 1, value, value, value, value)
        shown.append(slot)
    return shown


def _of_hours(database: Database, series_id: int, begin: int, end: int) -> list[Slot]:
    """One slot for each hour, oldest first; hours that are not summed up yet from their samples."""
    row = database.one("SELECT summed_hour FROM metric_series WHERE id = ?", (series_id,))
    summed = end if row is None else min(end, int(str(row[0])) * HOUR)
    rows = database.query(
        "SELECT hour, known, low, high, total, last FROM metric_hours "
        "WHERE series_id = ? AND hour >= ? AND hour < ? AND known > 0 ORDER BY hour",
        (series_id, -(-begin // HOUR), summed // HOUR),
    )
    hours = [_slot(int(str(row[0])) * HOUR, *row[1:]) for row in rows]
    return hours + [slot for _, slot in sorted(_of_samples(database, series_id, summed, end, HOUR).items())]


def _together(before: Slot, after: Slot) -> Slot:
    return Slot(
        before.begin,
        before.known + after.known,
        min(before.low, after.low),
        max(before.high, after.high),
        before.total + after.total,
        after.last,
    )


@dataclass(frozen=True, slots=True)
class Sample:
    """One kept sample; None when the value could not be read then."""

    at: Instant
    value: int | None


def samples(database: Database, series_id: int, *, since: Instant, limit: int) -> list[Sample]:
    """The newest samples since an instant, at most `limit`, oldest first."""
    rows = database.query(
        "SELECT at, value FROM metric_samples WHERE series_id = ? AND at >= ? ORDER BY at DESC LIMIT ?",
        (series_id, since, limit),
    )
    return [
        Sample(Instant(int(str(row[0]))), None if row[1] is None else int(str(row[1])))
        for row in reversed(rows)
    ]


def hours(database: Database, series_id: int, *, since: Instant, until: Instant) -> list[Slot]:
    """The hours since an instant, oldest first; at most those of a year."""
    return _of_hours(database, series_id, since // HOUR * HOUR, (until // HOUR + 1) * HOUR)
