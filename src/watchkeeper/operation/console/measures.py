"""The metrics as people and programs read them: the newest values, those that time alone changes read anew, and what they were."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.clock import SECONDS_PER_HOUR, Clock, Instant, later
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.operation.catalogue.metrics import METRICS, PARTS, Measured, Metric
from watchkeeper.operation.console import charts
from watchkeeper.operation.console.charts import Chart
from watchkeeper.operation.metrics import history, keeping, own, store
from watchkeeper.operation.metrics.history import Sample, Slot, Span
from watchkeeper.operation.metrics.store import Now

#: Of one answer: series, and samples of each, the newest.
_TOLD_MAX, _SAMPLES_MAX = 100, 3000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page: its charts, and of what in it nothing is known, with the reason."""

    key: str
    name: str
    charts: tuple[Chart, ...]
    unknown: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a series was: samples while they are kept, hours before that."""

    labels: tuple[str, ...]
    samples: tuple[Sample, ...]
    hours: tuple[Slot, ...]


class Measures:
    """Reads them. Belongs to one thread at a time."""

    def __init__(self, data: Path, *, system_id: str, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lease = LeaseStore(data, system_id=system_id, role="control")

    def close(self) -> None:
        """Give the lease back."""
        self._lease.close()

    def now(self) -> Now:
        """What is known at this moment; raises `DatabaseError` when the control room's own store cannot be read."""
        measured = Measured()
        with self._database.transaction("read"):
            found = store.now(self._database, clock=self._clock)
            own.live(measured, self._database, self._lease, clock=self._clock)
        # A sample of a verdict would say that it is fresh while nobody gives any.
        found.values = {key: value for key, value in found.values.items() if key[0] not in own.LIVE}
        found.unknown = {name: why for name, why in found.unknown.items() if name not in own.LIVE}
        found.values.update(measured.readings)
        found.unknown.update(measured.unknown)
        return found

    def parts(self, span: Span) -> list[Part]:
        """The page: every part with its charts over this time."""
        now, until = self.now(), self._clock.now()
        parts: list[Part] = []
        with self._database.transaction("read"):
            for key, name in PARTS:
                metrics = [metric for metric in METRICS.values() if metric.drawn == key]
                drawn = [chart for metric in metrics for chart in self._drawn(metric, now, until, span)]
                unknown = [(m.title, now.unknown[m.name]) for m in metrics if m.name in now.unknown]
                parts.append(Part(key, name, tuple(drawn), tuple(unknown)))
        return parts

    def told(self, metric: Metric, *, since: Instant) -> list[Told]:
        """What each series of a metric was since an instant, at most a year ago."""
        at = self._clock.now()
        since = max(since, later(at, seconds=-keeping.HOURS_KEPT * SECONDS_PER_HOUR))
        raw = max(since, later(at, seconds=-keeping.RAW_HOURS * SECONDS_PER_HOUR))
        found: list[Told] = []
        with self._database.transaction("read"):
            for series in history.series(self._database, metric.name)[:_TOLD_MAX]:
                if series.sampled_at >= since:
                    before = (
                        history.hours(self._database, series.id, since=since, until=raw)
                        if since < raw
                        else []
                    )
                    samples = history.samples(self._database, series.id, since=raw, limit=_SAMPLES_MAX)
                    found.append(Told(series.labels, tuple(samples), tuple(before)))
        return sorted(found, key=lambda one: one.labels)

    def _drawn(self, metric: Metric, now: Now, until: Instant, span: Span) -> list[Chart]:
        current = now.of(metric.name)
        begin = until - span.seconds * 1_000_000
        sampled = [
            series for series in history.series(self._database, metric.name) if series.sampled_at >= begin
        ]
        sampled.sort(
            key=lambda series: (
                series.labels not in current,
                metric.well(current.get(series.labels, 0)),
                -current.get(series.labels, 0),
                series.labels,
            )
        )
        return [
            charts.draw(
                metric,
                series.labels,
                history.slots(self._database, series.id, until=until, span=span),
                now=current.get(series.labels),
                span=span,
            )
            for series in sampled[: metric.drawn_max]
        ]
