"""The life of an incident: opened once for each cause, told as it goes on, closed with its cause, analysed.

Every function writes inside the caller's transaction. The bytes of each file are fixed there too, so what
the repository will hold is decided by rows, however often the commit has to be tried.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.operation import authority
from watchkeeper.operation.incidents import records, store
from watchkeeper.operation.incidents.model import (
    CLOSED,
    FIRST_ANALYSIS,
    OPENED,
    SEVERITIES,
    Analysis,
    Incident,
    RecordFile,
    Severity,
    TimelineEntry,
    analysis_due_at,
    analysis_name,
    incident_id,
    worse,
)
from watchkeeper.operation.incidents.text import clean, clean_line

#: Entries that one timeline holds; later ones are counted and the record says how many.
TIMELINE_ENTRIES_MAX = 1_000
_ENTRY_CHARACTERS_MAX = 500
#: Incidents that can begin within one second, or crowd the seconds after it.
_SECONDS_MOVED_MAX = 3_600
_LISTED_MAX = 1_000


class NoSuchIncident(LookupError):
    """There is no incident of this id."""


class IncidentClosedAlready(Exception):
    """This incident is closed. What was learned since belongs in an analysis."""


class IncidentHasOpenParts(Exception):
    """Something of this incident is still open. Cure, resolve and lift it first."""


class IncidentTextMissing(ValueError):
    """Cause, response, resolution and prevention all have to be written down."""


class AnalysisMissing(Exception):
    """A critical incident is analysed before it is closed (catalogue, Incidents). Hand in its analysis."""


class TooManyAnalyses(Exception):
    """This incident has as many analyses as its record can hold."""


class TooManyIncidents(Exception):
    """More incidents began within one hour than there are seconds to name them by."""


def open_incident(
    database: Database,
    *,
    cause: str,
    type: str,
    severity: Severity,
    title: str,
    description: str,
    impact: str,
    alert_ids: Sequence[int],
    at: Instant,
    by: str = authority.RECORD.cited,
    role: str = "system",
) -> Incident:
    """Open the incident of this cause, or go on with the one that is open.

    `cause` is the key of "one cause, one incident", such as `1.1 account:tra_a3k9x2`. An incident that is
    open already gets the new alerts, an entry in its timeline, and the graver severity; its file stays.
    """
    if severity not in SEVERITIES:
        msg = f"no such severity: {severity}"
        raise ValueError(msg)
    key = clean_line(cause)
    known = store.find_open(database, key)
    if known is not None:
        return _go_on(database, known, severity=severity, title=title, alert_ids=alert_ids, at=at)
    incident = Incident(
        id=_free_id(database, at),
        cause_key=key,
        type=clean_line(type),
        severity=severity,
        title=clean_line(title),
        state="open",
        opened_by=clean_line(by),
        opened_role=clean_line(role),
        opened_at=at,
        description=clean(description),
        impact=clean(impact),
    )
    store.insert(database, incident)
    store.link_alerts(database, incident.id, alert_ids, at=at)
    add_timeline(database, incident.id, at=at, kind="opened", text=incident.title)
    _write(database, incident, OPENED, records.opened(incident, _context(database, incident)), at=at)
    return incident


def _free_id(database: Database, at: Instant) -> str:
    for moved in range(_SECONDS_MOVED_MAX):
        candidate = incident_id(at, seconds_moved=moved)
        if store.find(database, candidate) is None:
            return candidate
    raise TooManyIncidents(TooManyIncidents.__doc__)


def _go_on(
    database: Database,
    incident: Incident,
    *,
    severity: Severity,
    title: str,
    alert_ids: Sequence[int],
    at: Instant,
) -> Incident:
    known = set(store.alert_ids(database, incident.id))
    fresh = [alert for alert in alert_ids if alert not in known]
    store.link_alerts(database, incident.id, fresh, at=at)
    graver = worse(severity, incident.severity)
    text = f"again: {clean_line(title)}"
    if graver != incident.severity:
        store.set_severity(database, incident.id, graver)
        text += f"; severity rises from {incident.severity} to {graver}"
    add_timeline(
        database,
        incident.id,
        at=at,
        kind="again",
        text=text,
        ref=", ".join(f"alert {a}" for a in fresh) or None,
    )
    return dataclasses.replace(incident, severity=graver)


def add_timeline(
    database: Database,
    incident_id: str,
    *,
    at: Instant,
    kind: str,
    text: str,
    evidence_digest: str | None = None,
    ref: str | None = None,
) -> None:
    """Append to an incident's timeline; raises `NoSuchIncident`.

    What comes after the closing is kept too, and stands in the next analysis. Beyond
    `TIMELINE_ENTRIES_MAX` an entry is counted only.
    """
    get(database, incident_id)
    position = store.entries_count(database, incident_id) + 1
    if position > TIMELINE_ENTRIES_MAX:
        store.count_left_out(database, incident_id)
        return
    entry = TimelineEntry(
        position=position,
        at=at,
        kind=clean_line(kind),
        text=clean_line(text, characters_max=_ENTRY_CHARACTERS_MAX),
        evidence_digest=None if evidence_digest is None else clean_line(evidence_digest),
        ref=None if ref is None else clean_line(ref),
    )
    store.insert_entry(database, incident_id, entry)


def close_incident(
    database: Database,
    incident_id: str,
    *,
    by: str,
    cause_text: str,
    response: str,
    resolution: str,
    prevention: str,
    open_parts: Sequence[str],
    at: Instant,
    role: str = "operator",
    analysis: str | None = None,
) -> Incident:
    """Close an incident with what is known now.

    `open_parts` names what the caller still finds open: findings, alerts, restrictions. `analysis` is
    written with it; a critical incident needs one by then. Raises `NoSuchIncident`,
    `IncidentClosedAlready`, `IncidentHasOpenParts`, `IncidentTextMissing`, `AnalysisMissing`.
    """
    incident = get(database, incident_id)
    if not incident.open:
        raise IncidentClosedAlready(IncidentClosedAlready.__doc__)
    if open_parts:
        raise IncidentHasOpenParts(f"{IncidentHasOpenParts.__doc__} Open: {', '.join(open_parts)}.")
    texts = [clean(text) for text in (cause_text, response, resolution, prevention)]
    if not all(texts):
        raise IncidentTextMissing(IncidentTextMissing.__doc__)
    if analysis is not None:
        add_analysis(database, incident_id, by=by, role=role, text=analysis, at=at)
    elif incident.severity == "critical" and not store.analyses(database, incident_id):
        raise AnalysisMissing(AnalysisMissing.__doc__)
    closed = dataclasses.replace(
        incident,
        state="closed",
        closed_by=clean_line(by),
        closed_role=clean_line(role),
        closed_at=at,
        cause=texts[0],
        response=texts[1],
        resolution=texts[2],
        prevention=texts[3],
    )
    add_timeline(database, incident_id, at=at, kind="closed", text=f"closed by {closed.closed_by}")
    if not store.set_closed(database, closed):
        raise IncidentClosedAlready(IncidentClosedAlready.__doc__)
    closed = get(database, incident_id)
    _write(database, closed, CLOSED, records.closed(closed, _context(database, closed)), at=at)
    return closed


def add_analysis(
    database: Database, incident_id: str, *, by: str, text: str, at: Instant, role: str = "operator"
) -> Analysis:
    """Add an analysis in a file of its own, beside the one it supersedes.

    Raises `NoSuchIncident`, `IncidentTextMissing`, `TooManyAnalyses`.
    """
    incident = get(database, incident_id)
    earlier = store.analyses(database, incident_id)
    if len(earlier) >= store.ANALYSES_MAX:
        raise TooManyAnalyses(TooManyAnalyses.__doc__)
    written = Analysis(
        number=FIRST_ANALYSIS + len(earlier),
        text=clean(text),
        written_by=clean_line(by),
        written_role=clean_line(role),
        at=at,
    )
    if not written.text:
        raise IncidentTextMissing(IncidentTextMissing.__doc__)
    add_timeline(database, incident_id, at=at, kind="analysed", text=f"analysis by {written.written_by}")
    store.insert_analysis(database, incident_id, written)
    before = earlier[-1] if earlier else None
    content = records.analysis(incident, written, _context(database, incident), supersedes=before)
    _write(database, incident, analysis_name(written.number), content, at=at, by=written.written_by)
    return written


def _context(database: Database, incident: Incident) -> records.Context:
    return records.Context(
        system=store.system_id(database),
        timeline=timeline(database, incident.id),
        alert_ids=store.alert_ids(database, incident.id),
    )


def _write(
    database: Database, incident: Incident, name: str, content: str, *, at: Instant, by: str | None = None
) -> None:
    what = name.removesuffix(".md").split("-", 1)[1]
    person = by or incident.closed_by or incident.opened_by
    subject = f"{incident.id}: {what}, {incident.severity}"
    message = f"{subject}\n\n{incident.title}\n\nOperator: {person}\nFile: {name}\n"
    store.insert_file(
        database, incident_id=incident.id, name=name, message=message, content=content, due_at=at
    )


def get(database: Database, incident_id: str) -> Incident:
    """One incident; raises `NoSuchIncident`."""
    incident = store.find(database, incident_id)
    if incident is None:
        raise NoSuchIncident(NoSuchIncident.__doc__)
    return incident


def of_cause(database: Database, cause: str) -> Incident | None:
    """The open incident of this cause."""
    return store.find_open(database, clean_line(cause))


def listed(database: Database, *, state: str | None = None, limit: int = 100) -> list[Incident]:
    """Incidents, newest first; only `open` or `closed` ones when asked."""
    return store.listed(database, state=state, limit=limit)


def timeline(database: Database, incident_id: str) -> list[TimelineEntry]:
    """All entries of an incident's timeline, in the order in which they were written."""
    return store.entries(database, incident_id, limit=TIMELINE_ENTRIES_MAX)


def analyses(database: Database, incident_id: str) -> list[Analysis]:
    """The analyses of an incident; the last one counts."""
    return store.analyses(database, incident_id)


def files(database: Database, incident_id: str) -> list[RecordFile]:
    """The files of an incident, with the commits that hold them."""
    return store.files(database, incident_id)


def of_alerts(database: Database) -> dict[int, str]:
    """Which incident each linked alert belongs to."""
    return store.incident_of_alerts(database)


def overdue_analyses(database: Database, *, at: Instant) -> list[Incident]:
    """Closed incidents past their time for an analysis: high 24 h, medium a week, low 30 days."""
    waiting = store.closed_without_analysis(database, limit=_LISTED_MAX)
    return [incident for incident in waiting if (analysis_due_at(incident) or at) < at]
