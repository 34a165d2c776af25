"""From alerts to incidents and from the operator's conclusion to the closed record: where the stages before meet this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.operation.catalogue import conditions
from watchkeeper.operation.incidents import gathering, life, store
from watchkeeper.operation.incidents.model import Incident, Severity

_OPENED_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What the operator says at the end. A critical incident needs its analysis by then."""

    cause: str
    response: str
    resolution: str
    prevention: str
    analysis: str = ""


def cause_of(*, condition: str, scope: str) -> str:
    """What makes two alerts one incident: the same account, or else what the catalogue names as the conditions' cause."""
    return scope if scope.startswith("account:") else conditions.cause_of(condition)


def open_missing(database: Database, *, at: Instant) -> list[str]:
    """Open an incident for each alert that has none (low ones only by hand), in the caller's transaction; their ids."""
    rows = database.query(
        "SELECT a.id, a.condition, a.scope, a.severity, a.title, a.detail FROM alerts a "
        "LEFT JOIN incident_alerts i ON i.alert_id = a.id WHERE i.alert_id IS NULL AND a.severity <> 'low' "
        "ORDER BY a.id LIMIT ?",
        (_OPENED_AT_ONCE,),
    )
    opened: list[str] = []
    for alert_id, *texts in rows:
        condition, scope, severity, title, detail = (str(text) for text in texts)
        incident = life.open_incident(
            database,
            cause=cause_of(condition=condition, scope=scope),
            type=f"rule {condition}" if condition[:1].isdecimal() else condition,
            severity=cast("Severity", severity),
            title=title,
            description=detail,
            impact=f"Scope: {scope}.",
            alert_ids=[int(str(alert_id))],
            at=at,
        )
        opened.append(incident.id)
    return opened


def conclude(
    database: Database,
    incident_id: str,
    *,
    by: str,
    conclusion: Conclusion,
    open_parts: Sequence[str],
    at: Instant,
) -> Incident:
    """Close an incident with everything that happened in its timeline, in the caller's transaction.

    Raises what `life.close_incident` raises.
    """
    incident = life.get(database, incident_id)
    if incident.open and not open_parts:
        for moment in gathering.moments(database, incident_id):
            life.add_timeline(
                database,
                incident_id,
                at=moment.at,
                kind=moment.what,
                text=moment.text,
                evidence_digest=moment.digest or None,
            )
    return life.close_incident(
        database,
        incident_id,
        by=by,
        cause_text=conclusion.cause,
        response=conclusion.response or "as the playbook says",
        resolution=conclusion.resolution,
        prevention=conclusion.prevention,
        open_parts=open_parts,
        at=at,
        analysis=conclusion.analysis or None,
    )


def of_alert(database: Database, alert_id: int) -> str | None:
    """The newest incident of an alert."""
    row = database.one(
        "SELECT incident_id FROM incident_alerts WHERE alert_id = ? ORDER BY incident_id DESC LIMIT 1",
        (alert_id,),
    )
    return None if row is None else str(row[0])


def alerts_of(database: Database, incident_id: str) -> list[int]:
    """The alerts of an incident."""
    return store.alert_ids(database, incident_id)


def texts(database: Database, incident_id: str) -> list[tuple[str, str, str | None]]:
    """The record's files: name, text, and the commit that holds it, None while it waits."""
    rows = database.query(
        "SELECT name, content, commit_sha FROM incident_files WHERE incident_id = ? ORDER BY name LIMIT 100",
        (incident_id,),
    )
    return [(str(row[0]), str(row[1]), None if row[2] is None else str(row[2])) for row in rows]
