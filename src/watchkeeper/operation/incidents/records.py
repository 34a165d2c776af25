"""The files of an incident as text: front matter and prose. Pure; text from outside cannot leave its place.

Front matter values are JSON strings, which every YAML reader understands and no content can break out of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchkeeper.base.clock import Instant, iso, kampala
from watchkeeper.operation.alerts.words import harmless

_VALUE_MAX = 4000
_TIMELINE_MAX = 500
#: The fields of an incident, in the order in which people read them (catalogue, Incidents).
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
    "documented",
)


class RecordUnreadable(ValueError):
    """This file has no front matter of an incident record."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A line of a timeline."""

    at: Instant
    what: str
    text: str
    digest: str = ""


def render(fields: Mapping[str, str], *, heading: str, timeline: Sequence[Moment]) -> str:
    """One record file."""
    front = [f"{name}: {_quoted(fields.get(name, ''))}" for name in FIELDS]
    prose = [
        f"# {_plain(heading)}",
        "",
        _plain(fields.get("description", "")),
        "",
    ]
    for name in ("cause", "impact", "response", "resolution", "prevention"):
        if fields.get(name):
            prose += [f"## {name.capitalize()}", "", _plain(fields[name]), ""]
    prose += ["## Timeline", "", "| at (Kampala) | what | detail | evidence |", "|---|---|---|---|"]
    for moment in timeline[:_TIMELINE_MAX]:
        prose.append(
            f"| {kampala(moment.at)} | {_cell(moment.what)} | {_cell(moment.text)} | {_cell(moment.digest[:16])} |"
        )
    if len(timeline) > _TIMELINE_MAX:
        prose.append(f"| | | {len(timeline) - _TIMELINE_MAX} more in the control room | |")
    return "\n".join(["---", *front, "---", "", *prose, ""])


def _quoted(value: str) -> str:
    return json.dumps(harmless(value, _VALUE_MAX), ensure_ascii=False)


def _plain(value: str) -> str:
    """Prose that starts no heading, list, table or block of its own."""
    text = harmless(value, _VALUE_MAX).replace("<", "&lt;").replace("`", "'")
    return text if not text[:1] or text[0] not in "#>-+*|=~0123456789[!" else f"\\{text}"


def _cell(value: str) -> str:
    return harmless(value, 300).replace("<", "&lt;").replace("|", "\\|").replace("`", "'")


def read(text: str) -> dict[str, str]:
    """The front matter of a record file; raises `RecordUnreadable`."""
    lines = text.split("\n")
    if lines[:1] != ["---"] or "---" not in lines[1:]:
        raise RecordUnreadable(RecordUnreadable.__doc__)
    fields: dict[str, str] = {}
    for line in lines[1 : lines.index("---", 1)]:
        name, _, value = line.partition(": ")
        try:
            found = json.loads(value)
        except ValueError as error:
            raise RecordUnreadable(f"the field {name[:40]!r} cannot be read") from error
        if name not in FIELDS or not isinstance(found, str):
            raise RecordUnreadable(f"the field {name[:40]!r} is not one of a record")
        fields[name] = found
    if set(fields) != set(FIELDS):
        raise RecordUnreadable("a record has all its fields")
    return fields


def duration(*, opened_at: Instant, closed_at: Instant) -> str:
    """How long it took, for people."""
    seconds = max(0, (closed_at - opened_at) // 1_000_000)
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes} min {left} s"


def stamp(at: Instant) -> str:
    """An instant in a record: UTC, and what the clock in Kampala said."""
    return f"{iso(at)} ({kampala(at)} Kampala)"
