"""For how long a verdict says something about now: settings with the catalogue's defaults; a change is an act on record.

One deadline for each kind of pass, and for each invariant one of its own where the settings have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watchkeeper.base import settings
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.operation import journal
from watchkeeper.operation.catalogue import INVARIANTS

CONTINUOUS, FULL = "continuous", "full"
SECTION = "deadlines"
#: Who a change of the file is recorded as: whoever may write it, which the file does not say.
_ACTOR = "settings.toml"
_ALL = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A deadline in seconds: its default, what it may be at least and at most."""

    default: int
    least: int
    most: int


#: At least: a pass of either kind comes round within it also under load. At most: what is older says nothing about now.
KNOWN: Mapping[str, Known] = {CONTINUOUS: Known(30, 10, 300), FULL: Known(7200, 600, 86_400)}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The deadlines in force: (invariant, kind of pass) -> seconds; the empty invariant stands for all others."""

    values: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def of(self, invariant: str, mode: str) -> int:
        """After how many seconds a verdict of this invariant by this kind of pass says nothing any more."""
        return self.values.get((invariant, mode)) or self.of_all(mode)

    def of_all(self, mode: str) -> int:
        """The deadline of every invariant without one of its own, in seconds."""
        return self.values.get((_ALL, mode), KNOWN[mode].default)

    def shortest(self, mode: str) -> int:
        """The shortest of all invariants, in seconds."""
        return min(self.of(invariant, mode) for invariant in INVARIANTS)

    @property
    def own(self) -> dict[str, dict[str, int]]:
        """The invariants with a deadline of their own: invariant -> kind of pass -> seconds."""
        found: dict[str, dict[str, int]] = {}
        for (invariant, mode), seconds in sorted(self.values.items()):
            if invariant != _ALL:
                found.setdefault(invariant, {})[mode] = seconds
        return found

    def document(self) -> dict[str, object]:
        """The deadlines as JSON has them, in seconds."""
        return {mode: self.of_all(mode) for mode in KNOWN} | {"own": self.own}

    def words(self) -> str:
        """The deadlines in one line for people."""
        parts = [f"{mode} {self.of_all(mode)} s" for mode in KNOWN]
        for invariant, by_mode in self.own.items():
            parts += [f"{invariant} {mode} {seconds} s" for mode, seconds in by_mode.items()]
        return ", ".join(parts)


def read(data: Path) -> Deadlines:
    """The deadlines of this data folder; raises `SettingsWrong` for a name or a value that cannot be meant."""
    section = settings.read(data).get(SECTION, {})
    tables = {name: table for name, table in section.items() if isinstance(table, dict)}
    settings.known(tables, frozenset(INVARIANTS), where=f"[{SECTION}] for single checks")
    found = dict(
        _table({k: v for k, v in section.items() if k not in tables}, where=f"[{SECTION}]", invariant=_ALL)
    )
    for invariant, table in tables.items():
        found.update(_table(table, where=f'[{SECTION}."{invariant}"]', invariant=invariant))
    return Deadlines(found)


def _table(
    table: Mapping[str, object], *, where: str, invariant: str
) -> Iterable[tuple[tuple[str, str], int]]:
    names = {f"{mode}_seconds": mode for mode in KNOWN}
    settings.known(table, frozenset(names), where=where)
    for name in table:
        known = KNOWN[names[name]]
        value = settings.whole(table, name, default=known.default)
        if not known.least <= value <= known.most:
            raise SettingsWrong(f"{name} in {where} is {value}; it may be {known.least} to {known.most}")
        yield (invariant, names[name]), value


def keep(database: Database, found: Deadlines, *, at: Instant) -> None:
    """Put what has changed since the last look on record, with old and new, in the caller's transaction."""
    before = kept(database)
    for invariant, mode in sorted(before.values.keys() | found.values.keys()):
        value = found.values.get((invariant, mode))
        if value is None:
            database.execute("DELETE FROM deadlines WHERE invariant = ? AND mode = ?", (invariant, mode))
        else:
            database.execute(
                "INSERT INTO deadlines (invariant, mode, seconds, at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (invariant, mode) DO UPDATE SET seconds = excluded.seconds, at = excluded.at",
                (invariant, mode, value, at),
            )
        old, new = before.of(invariant, mode), found.of(invariant, mode)
        if old != new:
            journal.record(
                database,
                actor=_ACTOR,
                action="change deadline",
                subject=f"{invariant or 'every check'} {mode}",
                reason="the settings file says so: a verdict older than this says nothing about now",
                detail={"old": old, "new": new},
                at=at,
            )


def kept(database: Database) -> Deadlines:
    """The deadlines as they were last read and put on record; the defaults for what never was."""
    rows = database.query("SELECT invariant, mode, seconds FROM deadlines LIMIT 1000")
    return Deadlines({(str(row[0]), str(row[1])): int(str(row[2])) for row in rows})
