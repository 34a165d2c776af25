"""What an incident is: its facts, its timeline, its files, and how they are named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from watchkeeper.base.clock import KAMPALA, Instant, as_datetime, later

Severity: TypeAlias = Literal["critical", "high", "medium", "low"]

#: From the worst to the least.
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
#: Within how many hours of the end an analysis must stand; a critical incident's before it is closed.
ANALYSIS_HOURS_MAX: dict[Severity, int] = {"critical": 0, "high": 24, "medium": 7 * 24, "low": 30 * 24}

OPENED = "01-opened.md"
CLOSED = "02-closed.md"
FIRST_ANALYSIS = 3

ID_FORM = re.compile(r"INC-[0-9]{8}-[0-9]{6}")
FILE_FORM = re.compile(r"(?P<number>[0-9]{2,4})-(?P<kind>opened|closed|analysis)\.md")


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause and what came of it. What is not known yet is None. People appear by alias and role only."""

    id: str
    cause_key: str
    type: str
    severity: Severity
    title: str
    state: Literal["open", "closed"]
    opened_by: str
    opened_role: str
    opened_at: Instant
    description: str
    impact: str
    closed_by: str | None = None
    closed_role: str | None = None
    closed_at: Instant | None = None
    cause: str | None = None
    response: str | None = None
    resolution: str | None = None
    prevention: str | None = None
    #: Timeline entries that came after the timeline was full.
    timeline_left_out: int = 0

    @property
    def open(self) -> bool:
        """Whether it still goes on."""
        return self.state == "open"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened: when, of what kind, in words, and the digest of the evidence captured then."""

    position: int
    at: Instant
    kind: str
    text: str
    evidence_digest: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """Why it happened and what prevents the next one; a later number supersedes an earlier one."""

    number: int
    text: str
    written_by: str
    written_role: str
    at: Instant


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A file of the incident repository, and the commit that holds it once there is one."""

    id: int
    incident_id: str
    name: str
    content_digest: str
    due_at: Instant
    commit_sha: str | None

    @property
    def path(self) -> str:
        """Its path within the repository."""
        return f"{self.incident_id}/{self.name}"


def incident_id(at: Instant, *, seconds_moved: int = 0) -> str:
    """The id of an incident of that second, as clocks in Kampala show it."""
    moment = as_datetime(at).astimezone(KAMPALA) + timedelta(seconds=seconds_moved)
    return moment.strftime("INC-%Y%m%d-%H%M%S")


def analysis_name(number: int) -> str:
    """The file of an analysis; the first is 03."""
    return f"{number:02d}-analysis.md"


def worse(one: Severity, other: Severity) -> Severity:
    """The graver of two severities."""
    return min(one, other, key=SEVERITIES.index)


def analysis_due_at(incident: Incident) -> Instant | None:
    """By when the analysis of a closed incident must stand; None while it is open."""
    if incident.closed_at is None:
        return None
    return later(incident.closed_at, seconds=ANALYSIS_HOURS_MAX[incident.severity] * 3600)
