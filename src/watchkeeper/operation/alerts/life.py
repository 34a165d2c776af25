"""The life of an alert: raised, raised again, acknowledged, lapsed, resolved. Every step is an event that stays.

Raising is idempotent by condition and scope while an alert is open. An acknowledgement names the next step and
expires; it lapses when the evidence gets worse. Missing data never resolves anything (catalogue, Alerts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.base.clock import Instant, later
from watchkeeper.base.database import Database
from watchkeeper.base.words import harmless
from watchkeeper.operation import authority

SEVERITIES = ("critical", "high", "medium", "low")
#: Seconds within which somebody answers: acknowledges, or takes the first step of the playbook.
RESPONSE_SECONDS = {"critical": 300, "high": 1800, "medium": 7200, "low": 86_400}
#: Seconds for which an acknowledgement counts.
ACKNOWLEDGED_SECONDS = {"critical": 900, "high": 3600, "medium": 14_400, "low": 86_400}
_SWEPT_AT_ONCE = 200


class NoSuchAlert(LookupError):
    """There is no such alert, or it is resolved already."""


class AlertStillHasCause(Exception):
    """What raised this alert is still there. Cure it first."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it stands. Its owner is the operator, always."""

    id: int
    condition: str
    scope: str
    severity: str
    title: str
    detail: str
    playbook: str
    state: str
    times_raised: int
    raised_at: Instant
    due_at: Instant
    overdue: bool
    responded_at: Instant | None
    responded_by: str | None
    acknowledged_until: Instant | None
    next_step: str | None
    resolved_at: Instant | None
    resolved_by: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an alert."""

    id: int
    alert_id: int
    kind: str
    by: str
    text: str
    at: Instant


_COLUMNS = (
    "id, condition, scope, severity, title, detail, playbook, state, times_raised, raised_at, due_at, overdue, "
    "responded_at, responded_by, acknowledged_until, next_step, resolved_at, resolved_by"
)


def raise_alert(
    database: Database,
    *,
    condition: str,
    scope: str,
    severity: str,
    title: str,
    detail: str,
    playbook: str,
    finding_ids: Sequence[int],
    by: str,
    at: Instant,
) -> Alert:
    """Raise an alert, or raise the open one of this condition and scope again, in the caller's transaction.

    Its severity never falls. New evidence is told again, and ends an acknowledgement.
    """
    row = database.one(
        f"SELECT {_COLUMNS} FROM alerts WHERE condition = ? AND scope = ? AND state <> 'resolved'",
        (condition, scope),
    )
    if row is None:
        return _first(
            database,
            condition=condition,
            scope=scope,
            severity=severity,
            title=harmless(title, 200),
            detail=harmless(detail, 2000),
            playbook=playbook,
            finding_ids=finding_ids,
            by=by,
            at=at,
        )
    alert = _alert(row)
    worse = SEVERITIES.index(severity) < SEVERITIES.index(alert.severity)
    rank = severity if worse else alert.severity
    database.execute(
        "UPDATE alerts SET times_raised = times_raised + 1, severity = ?, detail = ?, state = 'open', "
        "due_at = CASE WHEN ? THEN ? ELSE due_at END, acknowledged_until = NULL WHERE id = ?",
        (
            rank,
            harmless(detail, 2000),
            int(worse),
            later(at, seconds=RESPONSE_SECONDS[rank]),
            alert.id,
        ),
    )
    event = _event(
        database, alert.id, "worse" if worse else "raised again", by=by, text=detail, tell=True, at=at
    )
    _link(database, alert.id, finding_ids, event)
    return _require(database, alert.id)


def _first(
    database: Database,
    *,
    condition: str,
    scope: str,
    severity: str,
    title: str,
    detail: str,
    playbook: str,
    finding_ids: Sequence[int],
    by: str,
    at: Instant,
) -> Alert:
    last = database.one("SELECT coalesce(max(id), 0) FROM alerts")
    identifier = 1 + int(str(last[0] if last else 0))
    database.execute(
        "INSERT INTO alerts (id, condition, scope, severity, title, detail, playbook, state, times_raised, raised_at, "
        "due_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'open', 1, ?, ?)",
        (
            identifier,
            condition,
            scope,
            severity,
            title,
            detail,
            playbook,
            at,
            later(at, seconds=RESPONSE_SECONDS[severity]),
        ),
    )
    event = _event(database, identifier, "raised", by=by, text=detail, tell=True, at=at)
    _link(database, identifier, finding_ids, event)
    return _require(database, identifier)


def _event(
    database: Database, alert_id: int, kind: str, *, by: str, text: str, tell: bool, at: Instant
) -> int:
    last = database.one("SELECT coalesce(max(id), 0) FROM alert_events")
    identifier = 1 + int(str(last[0] if last else 0))
    database.execute(
        "INSERT INTO alert_events (id, alert_id, kind, by, text, tell, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (identifier, alert_id, kind, by, harmless(text, 2000), int(tell), at),
    )
    return identifier


def _link(database: Database, alert_id: int, finding_ids: Sequence[int], event_id: int) -> None:
    database.execute_many(
        "INSERT INTO alert_findings (alert_id, finding_id, event_id) VALUES (?, ?, ?) "
        "ON CONFLICT (alert_id, finding_id) DO NOTHING",
        [(alert_id, finding_id, event_id) for finding_id in finding_ids],
    )


def restate(database: Database, *, condition: str, scope: str, detail: str) -> None:
    """Say anew what the open alert of this condition and scope is about, in the caller's transaction.

    For evidence that got less and still stands: nothing happened that anybody must be told, and an acknowledgement goes on.
    """
    database.execute(
        "UPDATE alerts SET detail = ? WHERE condition = ? AND scope = ? AND state <> 'resolved'",
        (harmless(detail, 2000), condition, scope),
    )


def declare(database: Database, *, by: str, title: str, detail: str, severity: str, at: Instant) -> Alert:
    """An alert that the operator raises by hand; each title stands for one condition."""
    return raise_alert(
        database,
        condition=f"declared: {harmless(title, 100)}",
        scope="everything",
        severity=severity,
        title=title,
        detail=detail,
        playbook="",
        finding_ids=(),
        by=by,
        at=at,
    )


def acknowledge(database: Database, alert_id: int, *, by: str, next_step: str, at: Instant) -> Alert:
    """Say that somebody is on it, and what comes next; it counts for a time that the severity sets."""
    alert = _require(database, alert_id)
    until = later(at, seconds=ACKNOWLEDGED_SECONDS[alert.severity])
    database.execute(
        "UPDATE alerts SET state = 'acknowledged', acknowledged_until = ?, next_step = ?, "
        "responded_at = coalesce(responded_at, ?), responded_by = coalesce(responded_by, ?) WHERE id = ?",
        (until, harmless(next_step, 500), at, by, alert_id),
    )
    _event(database, alert_id, "acknowledged", by=by, text=next_step, tell=False, at=at)
    return _require(database, alert_id)


def mark_response(database: Database, alert_id: int, *, by: str, at: Instant) -> None:
    """The first step of the playbook is an answer too."""
    changed = database.execute(
        "UPDATE alerts SET responded_at = ?, responded_by = ? WHERE id = ? AND responded_at IS NULL",
        (at, by, alert_id),
    )
    if changed == 1:
        _event(database, alert_id, "responded", by=by, text="began the playbook", tell=False, at=at)


def resolve(
    database: Database, alert_id: int, *, by: str, reason: str, causes: Sequence[str], at: Instant
) -> None:
    """End an alert whose causes are gone; raises `AlertStillHasCause` when the caller names any."""
    if causes:
        raise AlertStillHasCause(f"{AlertStillHasCause.__doc__} {', '.join(causes[:5])}")
    changed = database.execute(
        "UPDATE alerts SET state = 'resolved', resolved_at = ?, resolved_by = ? WHERE id = ? AND state <> 'resolved'",
        (at, by, alert_id),
    )
    if changed == 1:
        _event(database, alert_id, "resolved", by=by, text=reason, tell=True, at=at)


def sweep(database: Database, *, at: Instant) -> None:
    """Let acknowledgements lapse whose time is over, and tell again of what nobody answered in time; once each."""
    for (alert_id,) in database.query(
        "SELECT id FROM alerts WHERE state = 'acknowledged' AND acknowledged_until <= ? LIMIT ?",
        (at, _SWEPT_AT_ONCE),
    ):
        changed = database.execute(
            "UPDATE alerts SET state = 'open', acknowledged_until = NULL WHERE id = ? AND state = 'acknowledged'",
            (alert_id,),
        )
        if changed == 1:
            _event(
                database,
                int(str(alert_id)),
                "lapsed",
                by=authority.TELL.cited,
                text="the acknowledgement's time is over and the alert still stands",
                tell=True,
                at=at,
            )
    for (alert_id,) in database.query(
        "SELECT id FROM alerts WHERE state = 'open' AND responded_at IS NULL AND overdue = 0 AND due_at <= ? LIMIT ?",
        (at, _SWEPT_AT_ONCE),
    ):
        if database.execute("UPDATE alerts SET overdue = 1 WHERE id = ? AND overdue = 0", (alert_id,)) == 1:
            _event(
                database,
                int(str(alert_id)),
                "overdue",
                by=authority.TELL.cited,
                text="nobody has answered within the time for this severity",
                tell=True,
                at=at,
            )


def get(database: Database, alert_id: int) -> Alert | None:
    """One alert, resolved or not."""
    row = database.one(f"SELECT {_COLUMNS} FROM alerts WHERE id = ?", (alert_id,))
    return None if row is None else _alert(row)


def of(database: Database, *, condition: str, scope: str) -> Alert | None:
    """The open alert of this condition and scope."""
    row = database.one(
        f"SELECT {_COLUMNS} FROM alerts WHERE condition = ? AND scope = ? AND state <> 'resolved'",
        (condition, scope),
    )
    return None if row is None else _alert(row)


def listed(database: Database, *, with_resolved: bool = False, limit: int = 100) -> list[Alert]:
    """Alerts, the most severe first, then the newest."""
    rows = database.query(
        f"SELECT {_COLUMNS} FROM alerts WHERE (? OR state <> 'resolved') ORDER BY state = 'resolved', "
        "CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, id DESC LIMIT ?",
        (int(with_resolved), limit),
    )
    return [_alert(row) for row in rows]


def events(database: Database, alert_id: int, *, limit: int = 200) -> list[Event]:
    """What happened to an alert, oldest first."""
    rows = database.query(
        "SELECT id, alert_id, kind, by, text, at FROM alert_events WHERE alert_id = ? ORDER BY id LIMIT ?",
        (alert_id, limit),
    )
    return [
        Event(int(str(r[0])), int(str(r[1])), str(r[2]), str(r[3]), str(r[4]), Instant(int(str(r[5]))))
        for r in rows
    ]


def _require(database: Database, alert_id: int) -> Alert:
    alert = get(database, alert_id)
    if alert is None or alert.state == "resolved":
        raise NoSuchAlert(NoSuchAlert.__doc__)
    return alert


def _alert(row: tuple[object, ...]) -> Alert:
    def instant(value: object) -> Instant | None:
        return None if value is None else Instant(int(str(value)))

    def text(value: object) -> str | None:
        return None if value is None else str(value)

    return Alert(
        id=int(str(row[0])),
        condition=str(row[1]),
        scope=str(row[2]),
        severity=str(row[3]),
        title=str(row[4]),
        detail=str(row[5]),
        playbook=str(row[6]),
        state=str(row[7]),
        times_raised=int(str(row[8])),
        raised_at=Instant(int(str(row[9]))),
        due_at=Instant(int(str(row[10]))),
        overdue=row[11] == 1,
        responded_at=instant(row[12]),
        responded_by=text(row[13]),
        acknowledged_until=instant(row[14]),
        next_step=text(row[15]),
        resolved_at=instant(row[16]),
        resolved_by=text(row[17]),
    )
