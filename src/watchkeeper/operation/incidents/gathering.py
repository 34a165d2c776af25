"""What happened in an incident, gathered from the rows of every stage before this one when it is closed."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.base.database.interface import Parameters

_ROWS_MAX = 300


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened, with the digest of its evidence where there is any."""

    at: Instant
    what: str
    text: str
    digest: str = ""


def moments(database: Database, incident_id: str) -> list[Moment]:
    """Every alert, finding, restriction, step and act of an incident, in order of time."""
    found: list[Moment] = []
    of_incident = "SELECT alert_id FROM incident_alerts WHERE incident_id = ?"
    for at, kind, by, text in _texts(
        database,
        f"SELECT at, kind, by, text FROM alert_events WHERE alert_id IN ({of_incident}) ORDER BY id LIMIT ?",
        (incident_id, _ROWS_MAX),
    ):
        found.append(Moment(_instant(at), f"alert {kind}", f"{text} ({by})"))
    for seen_at, number, invariant, detail, digest, state, closed_at, closed_by in _texts(
        database,
        "SELECT f.seen_at, f.id, f.invariant, f.detail, f.found_digest, f.state, f.closed_at, f.closed_by FROM findings f "
        f"JOIN alert_findings a ON a.finding_id = f.id WHERE a.alert_id IN ({of_incident}) ORDER BY f.id LIMIT ?",
        (incident_id, _ROWS_MAX),
    ):
        found.append(
            Moment(_instant(seen_at), f"finding {number}", f"{invariant}: {detail}", str(digest or ""))
        )
        if closed_at is not None:
            found.append(
                Moment(_instant(closed_at), f"finding {number} {state}", f"by {closed_by}", str(digest or ""))
            )
    for at, rule, scope, classes in _texts(
        database,
        "SELECT min(c.contained_at), c.rule, c.scope, c.classes FROM containments c "
        f"JOIN alert_findings a ON a.finding_id = c.finding_id WHERE a.alert_id IN ({of_incident}) "
        "GROUP BY c.restriction_id, c.rule, c.scope, c.classes ORDER BY 1 LIMIT ?",
        (incident_id, _ROWS_MAX),
    ):
        found.append(Moment(_instant(at), "contained", f"rule {rule}, {scope}: stops {classes}"))
    for at, key, by, note, digest, state in _texts(
        database,
        "SELECT s.at, s.key, s.by, s.note, s.evidence_digest, s.state FROM playbook_steps s "
        f"JOIN playbook_runs r ON r.id = s.run_id WHERE r.alert_id IN ({of_incident}) AND s.at IS NOT NULL "
        "ORDER BY s.at LIMIT ?",
        (incident_id, _ROWS_MAX),
    ):
        found.append(Moment(_instant(at), f"step {key} {state}", f"{note or ''} ({by})", str(digest or "")))
    for at, actor, action, subject, reason in _texts(
        database,
        "SELECT at, actor, action, subject, reason FROM operator_actions WHERE subject = ? OR detail LIKE ? ORDER BY id LIMIT ?",
        (incident_id, f"%{incident_id}%", _ROWS_MAX),
    ):
        found.append(Moment(_instant(at), f"{action}", f"{subject}: {reason} ({actor})"))
    return sorted(found, key=lambda moment: moment.at)


def _texts(database: Database, sql: str, parameters: Parameters) -> list[tuple[str | None, ...]]:
    return [
        tuple(None if value is None else str(value) for value in row)
        for row in database.query(sql, parameters)
    ]


def _instant(value: object) -> Instant:
    return Instant(int(str(value)))
