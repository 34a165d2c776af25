"""The Markdown file of a record: front matter with the fourteen fields, the same in prose, the timeline.

Pure. The front matter is the small part of YAML that is also JSON: one `key: value` a line, the value a
quoted string or `null`, so no text can end it early or add a line to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant, iso, kampala
from watchkeeper.operation.incidents.model import Analysis, Incident, TimelineEntry, analysis_name
from watchkeeper.operation.incidents.text import inline, quoted

#: The fields that every record has, in order (catalogue, Incidents). `null`: not known when it was written.
FIELDS = (
    "id",
    "type",
    "severity",
    "start",
    "end",
    "duration",
    "description",
    "cause",
    "impact",
    "response",
    "resolution",
    "prevention",
    "operator",
    "documentation_date",
)
#: Fields that are known from the first record on.
KNOWN_AT_ONCE = frozenset(
    {"id", "type", "severity", "start", "description", "impact", "operator", "documentation_date"}
)
_FENCE = "---"
_LINE = re.compile(r"([a-z][a-z_]{0,39}): (null|\".*\")")
_FRONT_LINES_MAX = 64
_NOT_KNOWN = "Not known yet."


class FrontMatterMalformed(ValueError):
    """The front matter of this record is not as Watchkeeper writes it."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a record says beside the incident's own facts."""

    system: str
    timeline: Sequence[TimelineEntry]
    alert_ids: Sequence[int]


def opened(incident: Incident, context: Context) -> str:
    """The file that stands at the beginning."""
    fields = _fields(
        incident,
        record="opened",
        operator=_person(incident.opened_by, incident.opened_role),
        at=incident.opened_at,
        context=context,
    )
    return _file(
        fields, f"{incident.id} opened: {inline(incident.title)}", _sections(incident), context, incident
    )


def closed(incident: Incident, context: Context) -> str:
    """The file that stands at the end; `incident` is closed."""
    if incident.closed_at is None or incident.closed_by is None or incident.closed_role is None:
        msg = "an open incident has no closing record"
        raise ValueError(msg)
    fields = _fields(
        incident,
        record="closed",
        operator=_person(incident.closed_by, incident.closed_role),
        at=incident.closed_at,
        context=context,
    )
    return _file(
        fields, f"{incident.id} closed: {inline(incident.title)}", _sections(incident), context, incident
    )


def analysis(incident: Incident, written: Analysis, context: Context, *, supersedes: Analysis | None) -> str:
    """The file of an analysis, which stands beside what it supersedes."""
    fields = _fields(
        incident,
        record="analysis",
        operator=_person(written.written_by, written.written_role),
        at=written.at,
        context=context,
    )
    fields["supersedes"] = None if supersedes is None else analysis_name(supersedes.number)
    sections = [("Analysis", written.text), *_sections(incident)]
    return _file(fields, f"{incident.id} analysed: {inline(incident.title)}", sections, context, incident)


def _person(alias: str, role: str) -> str:
    return f"{alias} ({role})"


def duration(begin: Instant, end: Instant) -> str:
    """A length of time as people read it; a clock that was set back makes it 0 s, never less."""
    seconds = max(0, (end - begin) // MICROSECONDS_PER_SECOND)
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{amount} {unit}" for amount, unit in parts)


def _fields(
    incident: Incident, *, record: str, operator: str, at: Instant, context: Context
) -> dict[str, str | None]:
    end = incident.closed_at
    return {
        "record": record,
        "supersedes": None,
        "id": incident.id,
        "type": incident.type,
        "severity": incident.severity,
        "start": iso(incident.opened_at),
        "end": None if end is None else iso(end),
        "duration": None if end is None else duration(incident.opened_at, end),
        "description": incident.description,
        "cause": incident.cause,
        "impact": incident.impact,
        "response": incident.response,
        "resolution": incident.resolution,
        "prevention": incident.prevention,
        "operator": operator,
        "documentation_date": iso(at),
        "title": incident.title,
        "system": context.system,
        "alerts": ", ".join(str(alert) for alert in context.alert_ids),
    }


def _sections(incident: Incident) -> list[tuple[str, str | None]]:
    return [
        ("What happened", incident.description),
        ("Cause", incident.cause),
        ("Impact", incident.impact),
        ("Response", incident.response),
        ("Resolution", incident.resolution),
        ("Prevention", incident.prevention),
    ]


def _file(
    fields: Mapping[str, str | None],
    heading: str,
    sections: Iterable[tuple[str, str | None]],
    context: Context,
    incident: Incident,
) -> str:
    parts = [front_matter(fields), f"# {heading}\n", _summary(fields, incident)]
    parts += [f"## {name}\n\n{_NOT_KNOWN if text is None else quoted(text)}\n" for name, text in sections]
    parts.append(_timeline(context.timeline, left_out=incident.timeline_left_out))
    return "\n".join(parts)


def _summary(fields: Mapping[str, str | None], incident: Incident) -> str:
    end = incident.closed_at
    lines = [
        f"- Type: {inline(incident.type)}",
        f"- Severity: {incident.severity}",
        f"- Start: {kampala(incident.opened_at)} (Kampala)",
        f"- End: {_NOT_KNOWN if end is None else kampala(end) + ' (Kampala)'}",
        f"- Duration: {fields['duration'] or _NOT_KNOWN}",
        f"- Alerts: {fields['alerts'] or 'none'}",
        f"- Operator: {inline(fields['operator'] or '')}",
        f"- Documented: {fields['documentation_date']}",
    ]
    return "\n".join(lines) + "\n"


def _timeline(entries: Iterable[TimelineEntry], *, left_out: int) -> str:
    lines = ["## Timeline", "", "| Kampala | What | In words | On | Evidence |", "|---|---|---|---|---|"]
    lines += [
        f"| {kampala(entry.at)} | {inline(entry.kind)} | {inline(entry.text)} | {inline(entry.ref or '')} "
        f"| {inline(entry.evidence_digest or '')} |"
        for entry in entries
    ]
    if left_out:
        lines += ["", f"{left_out} more entries came after the timeline was full."]
    return "\n".join(lines) + "\n"


def front_matter(fields: Mapping[str, str | None]) -> str:
    """The front matter with its fences; every value is one JSON string on one line."""
    lines = [
        f"{key}: {'null' if value is None else json.dumps(value, ensure_ascii=False)}"
        for key, value in fields.items()
    ]
    return "\n".join([_FENCE, *lines, _FENCE, ""])


def read_front_matter(text: str) -> dict[str, str | None]:
    """The fields of a record, as `front_matter` wrote them, nothing wider; raises `FrontMatterMalformed`."""
    lines = text.split("\n", _FRONT_LINES_MAX)
    if lines[0] != _FENCE:
        raise FrontMatterMalformed(FrontMatterMalformed.__doc__)
    fields: dict[str, str | None] = {}
    for line in lines[1:_FRONT_LINES_MAX]:
        if line == _FENCE:
            return fields
        match = _LINE.fullmatch(line)
        if match is None or match[1] in fields:
            raise FrontMatterMalformed(FrontMatterMalformed.__doc__)
        fields[match[1]] = _value(match[2])
    raise FrontMatterMalformed(FrontMatterMalformed.__doc__)


def _value(text: str) -> str | None:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise FrontMatterMalformed(FrontMatterMalformed.__doc__) from error
    if value is None or isinstance(value, str):
        return value
    raise FrontMatterMalformed(FrontMatterMalformed.__doc__)
