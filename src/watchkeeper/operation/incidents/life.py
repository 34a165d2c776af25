"""The life of an incident: opened by the documented authority for each cause, closed by the operator with the true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from watchkeeper.base.clock import KAMPALA, Instant, as_datetime, later
from watchkeeper.base.database import Database
from watchkeeper.operation import authority
from watchkeeper.operation.alerts.words import harmless
from watchkeeper.operation.incidents import records, timeline

_OPENED_AT_ONCE = 50
_TAKEN_SECONDS_MAX = 10_000


class NoSuchIncident(LookupError):
    """There is no such incident."""


class IncidentHasOpenParts(Exception):
    """Something of this incident is still open. Finish it first."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands."""

    id: str
    cause: str
    type: str
    severity: str
    title: str
    description: str
    impact: str
    opened_at: Instant
    closed_at: Instant | None
    closed_by: str | None
    found_cause: str | None
    response: str | None
    resolution: str | None
    prevention: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What the operator says at the end."""

    cause: str
    response: str
    resolution: str
    prevention: str


_COLUMNS = (
    "id, cause, type, severity, title, description, impact, opened_at, closed_at, closed_by, found_cause, response, "
    "resolution, prevention"
)


def cause_of(*, condition: str, scope: str) -> str:
    """What makes two alerts one incident: the same account, or else the same condition everywhere."""
    return scope if scope.startswith("account:") else condition


def open_missing(database: Database, *, at: Instant) -> list[str]:
    """Open an incident for each alert that has none (low ones only by hand), in the caller's transaction; new ids."""
    rows = database.query(
        "SELECT a.id, a.condition, a.scope, a.severity, a.title, a.detail FROM alerts a "
        "LEFT JOIN incident_alerts i ON i.alert_id = a.id WHERE i.alert_id IS NULL AND a.severity <> 'low' "
        "ORDER BY a.id LIMIT ?",
        (_OPENED_AT_ONCE,),
    )
    opened: list[str] = []
    for alert_id, *texts in rows:
        condition, scope, severity, title, detail = (str(text) for text in texts)
        cause = cause_of(condition=condition, scope=scope)
        row = database.one("SELECT id FROM incidents WHERE cause = ? AND closed_at IS NULL", (cause,))
        if row is not None:
            incident_id = str(row[0])
        else:
            incident_id = _open(
                database,
                cause=cause,
                type_=f"rule {condition}" if condition[:1].isdecimal() else condition,
                severity=severity,
                title=title,
                description=detail,
                impact=f"Scope: {scope}.",
                at=at,
            )
            opened.append(incident_id)
        database.execute(
            "INSERT INTO incident_alerts (alert_id, incident_id) VALUES (?, ?) ON CONFLICT (alert_id) DO NOTHING",
            (alert_id, incident_id),
        )
        if row is None:
            _write_opened(database, incident_id, at=at)
    return opened


def _open(
    database: Database,
    *,
    cause: str,
    type_: str,
    severity: str,
    title: str,
    description: str,
    impact: str,
    at: Instant,
) -> str:
    incident_id = _free_id(database, at)
    database.execute(
        "INSERT INTO incidents (id, cause, type, severity, title, description, impact, opened_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            incident_id,
            cause,
            type_,
            severity,
            harmless(title, 200),
            harmless(description, 2000),
            impact,
            at,
        ),
    )
    return incident_id


def _free_id(database: Database, at: Instant) -> str:
    for seconds in range(_TAKEN_SECONDS_MAX):
        moment = as_datetime(later(at, seconds=seconds)).astimezone(KAMPALA)
        incident_id = moment.strftime("INC-%Y%m%d-%H%M%S")
        if database.one("SELECT 1 FROM incidents WHERE id = ?", (incident_id,)) is None:
            return incident_id
    raise RuntimeError("ten thousand incidents in a few hours; something opens them in a loop")


def _fields(incident: Incident, *, at: Instant, operator: str) -> dict[str, str]:
    closed = incident.closed_at
    return {
        "id": incident.id,
        "type": incident.type,
        "severity": incident.severity,
        "start": records.stamp(incident.opened_at),
        "end": "" if closed is None else records.stamp(closed),
        "duration": ""
        if closed is None
        else records.duration(opened_at=incident.opened_at, closed_at=closed),
        "description": incident.description,
        "cause": incident.found_cause or "",
        "impact": incident.impact,
        "response": incident.response or "",
        "resolution": incident.resolution or "",
        "prevention": incident.prevention or "",
        "operator": operator,
        "documented": records.stamp(at),
    }


def _write_opened(database: Database, incident_id: str, *, at: Instant) -> None:
    incident = get(database, incident_id)
    text = records.render(
        _fields(incident, at=at, operator=authority.RECORD.cited),
        heading=f"{incident.id}: {incident.title}",
        timeline=timeline.of(database, incident_id),
    )
    _write(database, incident_id, "01-opened.md", text, at=at)


def _write(database: Database, incident_id: str, name: str, text: str, *, at: Instant) -> None:
    database.execute(
        "INSERT INTO incident_files (incident_id, name, content, written_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (incident_id, name) DO NOTHING",
        (incident_id, name, text, at),
    )


def close(
    database: Database,
    incident_id: str,
    *,
    by: str,
    conclusion: Conclusion,
    open_parts: Sequence[str],
    at: Instant,
) -> Incident:
    """Close with the true cause, in the caller's transaction; raises `IncidentHasOpenParts`, `NoSuchIncident`."""
    if open_parts:
        raise IncidentHasOpenParts(f"{IncidentHasOpenParts.__doc__} {', '.join(open_parts[:5])}")
    changed = database.execute(
        "UPDATE incidents SET closed_at = ?, closed_by = ?, found_cause = ?, response = ?, resolution = ?, "
        "prevention = ? WHERE id = ? AND closed_at IS NULL",
        (
            at,
            by,
            harmless(conclusion.cause, 2000),
            harmless(conclusion.response, 2000),
            harmless(conclusion.resolution, 2000),
            harmless(conclusion.prevention, 2000),
            incident_id,
        ),
    )
    incident = get(database, incident_id)
    if changed == 1:
        text = records.render(
            _fields(incident, at=at, operator=f"{by} (operator)"),
            heading=f"{incident.id} closed: {incident.title}",
            timeline=timeline.of(database, incident_id),
        )
        _write(database, incident_id, "02-closed.md", text, at=at)
    return incident


def analyse(database: Database, incident_id: str, *, by: str, text: str, at: Instant) -> str:
    """Add an analysis; a later one supersedes the earlier and both stay. The file's name."""
    incident = get(database, incident_id)
    row = database.one("SELECT count(*) FROM incident_files WHERE incident_id = ?", (incident_id,))
    number = max(3, 1 + int(str(row[0] if row else 0)))
    name = f"{number:02d}-analysis.md"
    fields = _fields(incident, at=at, operator=f"{by} (operator)") | {"description": harmless(text, 4000)}
    body = records.render(
        fields,
        heading=f"{incident.id} analysis: {incident.title}",
        timeline=timeline.of(database, incident_id),
    )
    _write(database, incident_id, name, body, at=at)
    return name


def get(database: Database, incident_id: str) -> Incident:
    """One incident; raises `NoSuchIncident`."""
    row = database.one(f"SELECT {_COLUMNS} FROM incidents WHERE id = ?", (incident_id,))
    if row is None:
        raise NoSuchIncident(NoSuchIncident.__doc__)
    return _incident(row)


def listing(database: Database, *, open_only: bool = False, limit: int = 100) -> list[Incident]:
    """Incidents, newest first."""
    rows = database.query(
        f"SELECT {_COLUMNS} FROM incidents WHERE (? = 0 OR closed_at IS NULL) ORDER BY opened_at DESC LIMIT ?",
        (int(open_only), limit),
    )
    return [_incident(row) for row in rows]


def of_alert(database: Database, alert_id: int) -> str | None:
    """The incident of an alert."""
    row = database.one("SELECT incident_id FROM incident_alerts WHERE alert_id = ?", (alert_id,))
    return None if row is None else str(row[0])


def alerts_of(database: Database, incident_id: str) -> list[int]:
    """The alerts of an incident."""
    rows = database.query(
        "SELECT alert_id FROM incident_alerts WHERE incident_id = ? ORDER BY alert_id LIMIT 500",
        (incident_id,),
    )
    return [int(str(row[0])) for row in rows]


def files(database: Database, incident_id: str) -> list[tuple[str, str, str | None]]:
    """The record's files: name, text, and the commit that holds it, None while it waits."""
    rows = database.query(
        "SELECT name, content, commit_sha FROM incident_files WHERE incident_id = ? ORDER BY name LIMIT 100",
        (incident_id,),
    )
    return [(str(row[0]), str(row[1]), None if row[2] is None else str(row[2])) for row in rows]


def _incident(row: tuple[object, ...]) -> Incident:
    def text(value: object) -> str | None:
        return None if value is None else str(value)

    return Incident(
        id=str(row[0]),
        cause=str(row[1]),
        type=str(row[2]),
        severity=str(row[3]),
        title=str(row[4]),
        description=str(row[5]),
        impact=str(row[6]),
        opened_at=Instant(int(str(row[7]))),
        closed_at=None if row[8] is None else Instant(int(str(row[8]))),
        closed_by=text(row[9]),
        found_cause=text(row[10]),
        response=text(row[11]),
        resolution=text(row[12]),
        prevention=text(row[13]),
    )
