"""What the watch says of itself: verdicts and their age, the lease, the seals, how alerts were told and answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from watchkeeper.base.clock import (
    KAMPALA,
    MICROSECONDS_PER_SECOND,
    SECONDS_PER_HOUR,
    Clock,
    Instant,
    as_datetime,
    later,
)
from watchkeeper.base.database import Database, DatabaseError
from watchkeeper.boundary.lease import SILENT_AFTER_SECONDS, LeaseStore
from watchkeeper.operation.alerts.life import SEVERITIES
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.metrics import METRICS, Measured
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import note, publish
from watchkeeper.operation.verifier import findings, verdicts
from watchkeeper.operation.verifier.verdicts import Standing

_DAY_SECONDS = 24 * SECONDS_PER_HOUR
_DAY_BEGINS_HOUR, _DAY_ENDS_HOUR = 6, 22
#: Of one look: alerts, notices and findings, the newest first.
_ALERTS_MAX, _NOTICES_MAX, _FINDINGS_MAX = 1000, 2000, 100


def judged(standings: Sequence[Standing]) -> frozenset[str]:
    """The invariants of which both kinds of pass have said something within their deadlines."""
    return frozenset(view.invariant for view in standings if view.judged)


def _scaled(metric: str, seconds: float) -> int:
    return int(max(0.0, seconds) * METRICS[metric].scale)


def _since(metric: str, earlier: int, later_: int) -> int:
    return max(0, later_ - earlier) * METRICS[metric].scale // MICROSECONDS_PER_SECOND


#: These change by standing still, so whoever shows them reads them anew.
LIVE = frozenset({"verdict_age_seconds", "verdict_holds", "lease_age_seconds", "lease_kept", "findings_open"})


def words(measured: Measured, standings: Sequence[Standing]) -> None:
    """Which verdicts hold and which are broken."""
    for view in standings:
        for mode, word in ((verdicts.CONTINUOUS, view.continuous), (verdicts.FULL, view.full)):
            if word == verdicts.UNKNOWN:
                why = f"the verdict of {view.invariant} by {mode} passes is UNKNOWN"
                measured.cannot(["verdict_holds"], why)
            else:
                measured.say("verdict_holds", int(word == verdicts.HOLDS), view.invariant, mode)


def live(measured: Measured, database: Database, lease: LeaseStore, *, clock: Clock) -> None:
    """Read what must not be taken from a sample."""
    standings = verdicts.current(database, clock=clock)
    words(measured, standings)
    for view in standings:
        for mode, age in (
            (verdicts.CONTINUOUS, view.continuous_age_seconds),
            (verdicts.FULL, view.full_age_seconds),
        ):
            if age is None:
                why = f"no {mode} pass has judged {view.invariant} on this boot"
                measured.cannot(["verdict_age_seconds"], why)
            else:
                measured.say("verdict_age_seconds", _scaled("verdict_age_seconds", age), view.invariant, mode)
    counts = {
        str(invariant): int(str(count))
        for invariant, count in database.query(
            "SELECT invariant, count(*) FROM findings WHERE state = 'open' GROUP BY invariant LIMIT 200"
        )
    }
    for invariant in INVARIANTS:
        measured.say("findings_open", counts.get(invariant, 0), invariant)
    try:
        row = lease.row()
        age = clock.boot().seconds_since(row.written)
    except DatabaseError as error:
        lease.close()
        measured.cannot(["lease_age_seconds"], f"the lease cannot be read: {error}")
        measured.say("lease_kept", 0)
        return
    if age is None:
        measured.cannot(["lease_age_seconds"], "the lease was not written since the machine started")
    else:
        measured.say("lease_age_seconds", _scaled("lease_age_seconds", age))
    measured.say("lease_kept", int(age is not None and age <= SILENT_AFTER_SECONDS and not row.withheld))


def alerts(measured: Measured, database: Database, *, at: Instant) -> None:
    """Alerts of the last 24 hours, how they were answered and told."""
    since = later(at, seconds=-_DAY_SECONDS)
    times, slowest = {"day": 0, "night": 0}, dict[str, int]()
    for raised, severity, responded, resolved in database.query(
        "SELECT raised_at, severity, responded_at, resolved_at FROM alerts ORDER BY id DESC LIMIT ?",
        (_ALERTS_MAX,),
    ):
        begun = int(str(raised))
        if begun < since:
            continue
        hour = as_datetime(Instant(begun)).astimezone(KAMPALA).hour
        times["day" if _DAY_BEGINS_HOUR <= hour < _DAY_ENDS_HOUR else "night"] += 1
        answered = next((int(str(when)) for when in (responded, resolved) if when is not None), at)
        took = _since("alert_response_seconds", begun, answered)
        slowest[str(severity)] = max(took, slowest.get(str(severity), 0))
    for time, count in times.items():
        measured.say("alerts_last_day", count, time)
    for severity, took in slowest.items():
        measured.say("alert_response_seconds", took, severity)
    open_ones = {
        str(severity): int(str(count))
        for severity, count in database.query(
            "SELECT severity, count(*) FROM alerts WHERE state IN ('open', 'acknowledged') GROUP BY severity"
        )
    }
    for severity in SEVERITIES:
        measured.say("alerts_open", open_ones.get(severity, 0), severity)
    _channels(measured, database, since=since)
    _told(measured, database, since=since)


def _channels(measured: Measured, database: Database, *, since: Instant) -> None:
    counts: dict[str, list[int]] = {}
    for channel, state, attempts, queued in database.query(
        "SELECT channel, state, attempts, queued_at FROM outbox ORDER BY id DESC LIMIT ?", (_NOTICES_MAX,)
    ):
        if int(str(queued)) < since:
            continue
        delivered, failed, waiting = counts.setdefault(str(channel), [0, 0, 0])
        # A try is counted when it begins: the one that is under way or was taken has not failed.
        tries = int(str(attempts)) - (state != "waiting")
        counts[str(channel)] = [
            delivered + (state == "delivered"),
            failed + max(0, tries),
            waiting + (state != "delivered"),
        ]
    for channel, (delivered, failed, waiting) in sorted(counts.items()):
        measured.say("channel_delivered_last_day", delivered, channel)
        measured.say("channel_failures_last_day", failed, channel)
        measured.say("channel_waiting", waiting, channel)


def _told(measured: Measured, database: Database, *, since: Instant) -> None:
    took: list[int] = []
    for finding in findings.latest(database, limit=_FINDINGS_MAX):
        if finding.seen_at < since:
            break
        row = database.one(
            "SELECT min(o.delivered_at) FROM alert_findings f JOIN outbox o ON o.event_id = f.event_id "
            "WHERE f.finding_id = ? AND o.state = 'delivered'",
            (finding.id,),
        )
        if row is not None and row[0] is not None:
            took.append(_since("detection_to_told_seconds", finding.seen_at, int(str(row[0]))))
    if took:
        measured.say("detection_to_told_seconds", max(took))


def unsealed(
    measured: Measured, data: Path, oldest_row_after: Callable[[int], int | None], *, at: Instant
) -> None:
    """How old the oldest row is that no published checkpoint covers."""
    try:
        text = publish.published(data, logs.MAIN)
        oldest = oldest_row_after(0 if text is None else note.parse(text).size)
    except (DatabaseError, OSError, note.NoteUnreadable) as error:
        measured.cannot(["unsealed_seconds"], f"seals and books cannot be compared: {error}")
        return
    measured.say("unsealed_seconds", 0 if oldest is None else _since("unsealed_seconds", oldest, at))
