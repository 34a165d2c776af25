"""What a detector is, and what one look of it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database, SqliteDatabase
from watchkeeper.boundary.gatestore import Gate
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.operation.catalogue.signs.model import Reading, Sign
from watchkeeper.operation.detectors.thresholds import Thresholds

QUIET, SEEN, UNKNOWN = "QUIET", "SEEN", "UNKNOWN"
#: The mark from when on what was written is news: what stood there long before the first look of all is not told.
SINCE = "since"


@dataclass(slots=True)
class Post:
    """Where a detector stands: what it may look at, and by which clock. Belongs to one thread."""

    data: Path
    database: SqliteDatabase
    reading: Reading
    gatefile: Gate
    lease: LeaseStore
    clock: Clock
    thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class Gone:
    """A cause that a fresh look no longer finds: its alert is over. `reason` says what was seen."""

    condition: str
    scope: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Look:
    """What one look saw: the state, what is to be told, what is over, and how far was read. Nothing is written yet."""

    state: str = QUIET
    detail: str = ""
    value: int | None = None
    value_max: int | None = None
    signs: Sequence[Sign] = ()
    gone: Sequence[Gone] = ()
    #: Name -> how far was read, or up to where was told.
    marks: Mapping[str, int] = field(default_factory=dict)


class Detector(Protocol):
    """One way of seeing a threat. `every_seconds`: how often it looks."""

    name: str
    every_seconds: float

    def look(self, post: Post, marks: Mapping[str, int], /) -> Look:
        """Look once, in bounded time, and write nothing; raises `DatabaseError` and the gate's errors where it cannot."""
        ...

    def keep(self, database: Database) -> None:
        """Write what is to be remembered beside the marks, in the transaction that tells; nothing for most."""
        ...

    def forget(self) -> None:
        """Let go what is kept in mind: the last look was not written, and the next begins where the one before ended."""
        ...


class Plain:
    """A detector that remembers nothing but its marks."""

    def keep(self, database: Database) -> None:
        """Nothing beside the marks."""

    def forget(self) -> None:
        """Nothing is kept in mind."""
