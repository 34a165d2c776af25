"""The rows of incidents. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from watchkeeper.base import canonical
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.base.database.interface import Record
from watchkeeper.operation.incidents.model import Analysis, Incident, RecordFile, Severity, TimelineEntry

#: Alert links read in one go for the page.
_LINKS_MAX = 10_000
#: Analyses of one incident; each supersedes the one before.
ANALYSES_MAX = 90

_INCIDENT = (
    "id, cause_key, type, severity, title, state, opened_by, opened_role, opened_at, description, impact, "
    "closed_by, closed_role, closed_at, cause, response, resolution, prevention, timeline_left_out"
)
_ENTRY = "position, at, kind, text, evidence_digest, ref"
_ANALYSIS = "number, text, written_by, written_role, at"
_FILE = "id, incident_id, name, content_digest, due_at, commit_sha"


def _integer(value: object) -> int:
    return int(str(value))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _instant(value: object) -> Instant | None:
    return None if value is None else Instant(_integer(value))


def _incident(row: Record) -> Incident:
    return Incident(
        id=str(row[0]),
        cause_key=str(row[1]),
        type=str(row[2]),
        severity=cast("Severity", row[3]),
        title=str(row[4]),
        state="open" if row[5] == "open" else "closed",
        opened_by=str(row[6]),
        opened_role=str(row[7]),
        opened_at=Instant(_integer(row[8])),
        description=str(row[9]),
        impact=str(row[10]),
        closed_by=_text(row[11]),
        closed_role=_text(row[12]),
        closed_at=_instant(row[13]),
        cause=_text(row[14]),
        response=_text(row[15]),
        resolution=_text(row[16]),
        prevention=_text(row[17]),
        timeline_left_out=_integer(row[18]),
    )


def _file(row: Record) -> RecordFile:
    return RecordFile(
        _integer(row[0]), str(row[1]), str(row[2]), str(row[3]), Instant(_integer(row[4])), _text(row[5])
    )


def system_id(database: Database) -> str:
    """Which system these records are about."""
    row = database.one("SELECT system_id FROM system WHERE id = 1")
    return "" if row is None else str(row[0])


def find(database: Database, incident_id: str) -> Incident | None:
    """The incident of this id."""
    row = database.one(f"SELECT {_INCIDENT} FROM incidents WHERE id = ?", (incident_id,))
    return None if row is None else _incident(row)


def find_open(database: Database, cause_key: str) -> Incident | None:
    """The open incident of this cause."""
    row = database.one(
        f"SELECT {_INCIDENT} FROM incidents WHERE cause_key = ? AND state = 'open'", (cause_key,)
    )
    return None if row is None else _incident(row)


def listed(database: Database, *, state: str | None = None, limit: int = 100) -> list[Incident]:
    """Incidents, newest first; only of one state where it is given."""
    rows = database.query(
        f"SELECT {_INCIDENT} FROM incidents WHERE (? IS NULL OR state = ?) "
        "ORDER BY opened_at DESC, id DESC LIMIT ?",
        (state, state, limit),
    )
    return [_incident(row) for row in rows]


def closed_without_analysis(database: Database, *, limit: int) -> list[Incident]:
    """Closed incidents that nobody has analysed, the longest closed first."""
    rows = database.query(
        f"SELECT {_INCIDENT} FROM incidents WHERE state = 'closed' AND NOT EXISTS "
        "(SELECT 1 FROM incident_analyses a WHERE a.incident_id = incidents.id) "
        "ORDER BY closed_at, id LIMIT ?",
        (limit,),
    )
    return [_incident(row) for row in rows]


def insert(database: Database, incident: Incident) -> None:
    """Store an incident that was just opened."""
    database.execute(
        "INSERT INTO incidents (id, cause_key, type, severity, title, state, opened_by, opened_role, "
        "opened_at, description, impact) VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?)",
        (
            incident.id,
            incident.cause_key,
            incident.type,
            incident.severity,
            incident.title,
            incident.opened_by,
            incident.opened_role,
            incident.opened_at,
            incident.description,
            incident.impact,
        ),
    )


def set_severity(database: Database, incident_id: str, severity: Severity) -> None:
    """Make an open incident graver."""
    database.execute(
        "UPDATE incidents SET severity = ? WHERE id = ? AND state = 'open'", (severity, incident_id)
    )


def set_closed(database: Database, incident: Incident) -> bool:
    """Store the closing facts of an incident that was open until now; whether it was."""
    changed = database.execute(
        "UPDATE incidents SET state = 'closed', closed_by = ?, closed_role = ?, closed_at = ?, cause = ?, "
        "response = ?, resolution = ?, prevention = ? WHERE id = ? AND state = 'open'",
        (
            incident.closed_by,
            incident.closed_role,
            incident.closed_at,
            incident.cause,
            incident.response,
            incident.resolution,
            incident.prevention,
            incident.id,
        ),
    )
    return changed == 1


def link_alerts(database: Database, incident_id: str, alert_ids: Iterable[int], *, at: Instant) -> None:
    """Note which alerts this incident is about; a link stands once."""
    database.execute_many(
        "INSERT INTO incident_alerts (incident_id, alert_id, linked_at) VALUES (?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [(incident_id, alert, at) for alert in alert_ids],
    )


def alert_ids(database: Database, incident_id: str) -> list[int]:
    """The alerts of one incident, oldest first."""
    rows = database.query(
        "SELECT alert_id FROM incident_alerts WHERE incident_id = ? ORDER BY alert_id LIMIT ?",
        (incident_id, _LINKS_MAX),
    )
    return [_integer(row[0]) for row in rows]


def incident_of_alerts(database: Database) -> dict[int, str]:
    """For each of the newest linked alerts, its newest incident."""
    rows = database.query(
        "SELECT alert_id, incident_id FROM incident_alerts ORDER BY linked_at DESC, incident_id DESC LIMIT ?",
        (_LINKS_MAX,),
    )
    return {_integer(row[0]): str(row[1]) for row in reversed(rows)}


def entries_count(database: Database, incident_id: str) -> int:
    """How many entries the timeline has; the last one has this position."""
    row = database.one(
        "SELECT coalesce(max(position), 0) FROM incident_timeline WHERE incident_id = ?", (incident_id,)
    )
    return 0 if row is None else _integer(row[0])


def insert_entry(database: Database, incident_id: str, entry: TimelineEntry) -> None:
    """Append to the timeline."""
    database.execute(
        f"INSERT INTO incident_timeline (incident_id, {_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (incident_id, entry.position, entry.at, entry.kind, entry.text, entry.evidence_digest, entry.ref),
    )


def count_left_out(database: Database, incident_id: str) -> None:
    """Count an entry for which the timeline had no room."""
    database.execute(
        "UPDATE incidents SET timeline_left_out = timeline_left_out + 1 WHERE id = ?", (incident_id,)
    )


def entries(database: Database, incident_id: str, *, limit: int) -> list[TimelineEntry]:
    """The timeline, in the order in which it was written."""
    rows = database.query(
        f"SELECT {_ENTRY} FROM incident_timeline WHERE incident_id = ? ORDER BY position LIMIT ?",
        (incident_id, limit),
    )
    return [
        TimelineEntry(
            _integer(row[0]),
            Instant(_integer(row[1])),
            str(row[2]),
            str(row[3]),
            _text(row[4]),
            _text(row[5]),
        )
        for row in rows
    ]


def analyses(database: Database, incident_id: str) -> list[Analysis]:
    """The analyses of one incident; the last one counts."""
    rows = database.query(
        f"SELECT {_ANALYSIS} FROM incident_analyses WHERE incident_id = ? ORDER BY number LIMIT ?",
        (incident_id, ANALYSES_MAX),
    )
    return [
        Analysis(_integer(row[0]), str(row[1]), str(row[2]), str(row[3]), Instant(_integer(row[4])))
        for row in rows
    ]


def insert_analysis(database: Database, incident_id: str, analysis: Analysis) -> None:
    """Store an analysis beside the earlier ones."""
    database.execute(
        f"INSERT INTO incident_analyses (incident_id, {_ANALYSIS}) VALUES (?, ?, ?, ?, ?, ?)",
        (
            incident_id,
            analysis.number,
            analysis.text,
            analysis.written_by,
            analysis.written_role,
            analysis.at,
        ),
    )


def insert_file(
    database: Database, *, incident_id: str, name: str, message: str, content: str, due_at: Instant
) -> None:
    """Fix the bytes of a record's file; the worker commits them from this row."""
    last = database.one("SELECT coalesce(max(id), 0) FROM incident_files")
    database.execute(
        "INSERT INTO incident_files (id, incident_id, name, message, content, content_digest, due_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            1 + _integer(last[0] if last else 0),
            incident_id,
            name,
            message,
            content,
            canonical.digest(content.encode("utf-8")),
            due_at,
        ),
    )


def files(database: Database, incident_id: str) -> list[RecordFile]:
    """The files of one incident, in the order in which they were written."""
    rows = database.query(
        f"SELECT {_FILE} FROM incident_files WHERE incident_id = ? ORDER BY id LIMIT ?",
        (incident_id, ANALYSES_MAX + 2),
    )
    return [_file(row) for row in rows]
