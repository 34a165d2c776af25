"""What is proven, what is blind and for how long, and when verdicts changed: the page of coverage, read in one go."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Engine, SqliteDatabase, engine_of
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.operation.coverage import rows, stale
from watchkeeper.operation.coverage.rows import Row
from watchkeeper.operation.coverage.version import version
from watchkeeper.operation.verifier import deadlines, history, verdicts
from watchkeeper.operation.verifier.history import Change

_CHANGES_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one kind."""

    kind: str
    rows: tuple[Row, ...]

    @property
    def proven(self) -> int:
        """How many have a proof that counts."""
        return sum(row.proven for row in self.rows)


@dataclass(frozen=True, slots=True)
class Turn:
    """Verdicts that changed together, in one pass."""

    change: Change
    invariants: tuple[str, ...]


@dataclass(slots=True)
class Proven:
    """Everything on the page. `days` is how long a proof counts."""

    engine: Engine
    version: str
    days: int
    #: The deadlines of verdicts in words.
    deadlines: str = ""
    groups: list[Group] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """Of all kinds."""
        return [row for group in self.groups for row in group.rows]

    @property
    def blind(self) -> list[Row]:
        """Rules of which nobody knows now whether they hold, the longest first; one that never was known comes before."""
        found = [row for row in self.rows if row.verdict == verdicts.UNKNOWN]
        return sorted(
            found, key=lambda row: float("-inf") if row.blind_seconds is None else -row.blind_seconds
        )

    @property
    def worst(self) -> str:
        """BROKEN when a drill failed, UNKNOWN while a row is unproven, HOLDS when all are proven."""
        states = {row.state for row in self.rows}
        if rows.BROKEN in states:
            return verdicts.BROKEN
        return verdicts.UNKNOWN if self.problems or states != {rows.PROVEN} else verdicts.HOLDS


def read(data: Path, database: SqliteDatabase, *, clock: Clock) -> Proven:
    """The state as of now; raises `DatabaseError`. A setting that cannot be used is a problem on the page."""
    found = Proven(engine_of(data), version(), rows.PROOF_DAYS_MAX)
    try:
        found.days = stale.days_max(data)
    except SettingsWrong as error:
        found.problems.append(f"How long a proof counts cannot be read, so it is {found.days} days: {error}")
    with database.transaction("read"):
        every = rows.rows(database, engine=found.engine, clock=clock, days_max=found.days)
        found.deadlines = deadlines.kept(database).words()
        found.turns = _together(history.latest(database, limit=_CHANGES_SHOWN))
    for kind in dict.fromkeys(row.kind for row in every):
        found.groups.append(Group(kind, tuple(row for row in every if row.kind == kind)))
    return found


def _together(changes: list[Change]) -> list[Turn]:
    found: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        alike = (change.at, change.mode, change.before, change.after, change.detail)
        found.setdefault(alike, []).append(change)
    return [Turn(group[0], tuple(change.invariant for change in reversed(group))) for group in found.values()]


def lasting(seconds: float) -> str:
    """A length of time as people say it."""
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
