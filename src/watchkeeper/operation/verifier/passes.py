"""Full passes as rows: asked for, running, done. One runs at a time; what is asked meanwhile waits as one."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import BootTime, Instant
from watchkeeper.base.database import Database

_KEPT = 500


@dataclass(frozen=True, slots=True)
class FullPass:
    """A full pass: why, how far, and how it ended."""

    id: int
    reason: str
    asked_at: Instant
    #: When the commit that called for it was written; None when none did.
    committed_at: Instant | None
    begun_at: Instant | None
    ended_at: Instant | None
    upto: int
    done: int
    outcome: str

    @property
    def words(self) -> str:
        """Its state for people."""
        if self.ended_at is not None:
            return self.outcome
        if self.begun_at is None:
            return "waiting"
        return f"{100 * self.done // max(1, self.upto)} %"


_COLUMNS = "id, reason, asked_at, committed_at, begun_at, ended_at, upto, done, outcome"


def ask(database: Database, *, reason: str, at: Instant, committed_at: int | None = None) -> int:
    """Ask for a full pass, in the caller's transaction; the one that waits already serves both."""
    row = database.one(
        "SELECT id FROM full_passes WHERE ended_at IS NULL AND begun_at IS NULL ORDER BY id LIMIT 1"
    )
    if row is not None:
        return int(str(row[0]))
    last = database.one("SELECT coalesce(max(id), 0) FROM full_passes")
    identifier = 1 + int(str(last[0] if last else 0))
    database.execute(
        "INSERT INTO full_passes (id, reason, asked_at, committed_at) VALUES (?, ?, ?, ?)",
        (identifier, reason[:300], at, committed_at),
    )
    database.execute("DELETE FROM full_passes WHERE id <= ? AND ended_at IS NOT NULL", (identifier - _KEPT,))
    return identifier


def waiting(database: Database) -> bool:
    """Whether a pass is asked for that nobody has begun."""
    return (
        database.one("SELECT 1 FROM full_passes WHERE ended_at IS NULL AND begun_at IS NULL LIMIT 1")
        is not None
    )


def claim(database: Database, *, boot: BootTime, at: Instant) -> FullPass | None:
    """Take the pass that waits, in the caller's transaction. What a dead child left unfinished ends here."""
    database.execute(
        "UPDATE full_passes SET ended_at = ?, outcome = 'not finished' WHERE ended_at IS NULL AND begun_at IS NOT NULL",
        (at,),
    )
    row = database.one(f"SELECT {_COLUMNS} FROM full_passes WHERE ended_at IS NULL ORDER BY id LIMIT 1")
    if row is None:
        return None
    database.execute(
        "UPDATE full_passes SET begun_at = ?, boot_id = ?, boot_ns = ? WHERE id = ?",
        (at, boot.boot_id, boot.nanoseconds, row[0]),
    )
    return get(database, int(str(row[0])))


def advance(database: Database, pass_id: int, *, done: int, upto: int, boot: BootTime) -> None:
    """Note how far it is, and that it goes on: many slices may come no further in numbers."""
    database.execute(
        "UPDATE full_passes SET done = ?, upto = ?, boot_id = ?, boot_ns = ? WHERE id = ?",
        (done, upto, boot.boot_id, boot.nanoseconds, pass_id),
    )


def end(database: Database, pass_id: int, *, outcome: str, whole: bool, at: Instant) -> None:
    """Note how it ended. `whole`: it read every row and every seal; what it found there is another matter."""
    database.execute(
        "UPDATE full_passes SET ended_at = ?, outcome = ?, whole = ? WHERE id = ? AND ended_at IS NULL",
        (at, outcome[:300], int(whole), pass_id),
    )


def newest_begun(database: Database) -> int:
    """The number of the newest pass that was begun, 0 when none was."""
    row = database.one("SELECT coalesce(max(id), 0) FROM full_passes WHERE begun_at IS NOT NULL")
    return int(str(row[0] if row else 0))


def came_to_an_end_after(database: Database, number: int) -> bool:
    """Whether a pass that began after the one of this number read everything."""
    row = database.one(
        "SELECT 1 FROM full_passes WHERE id > ? AND ended_at IS NOT NULL AND whole = 1 LIMIT 1", (number,)
    )
    return row is not None


def failed(database: Database) -> bool:
    """Whether the last pass that ended says nothing, in whole or of a check, and none waits or runs."""
    row = database.one("SELECT ended_at, outcome, whole FROM full_passes ORDER BY id DESC LIMIT 1")
    return row is not None and row[0] is not None and (row[2] != 1 or str(row[1]).startswith("UNKNOWN"))


def next_to_end(database: Database) -> tuple[int, int] | None:
    """The pass that runs, else the one that waits to be begun, with its last sign of life in nanoseconds since boot, 0
    before the first; None when there is neither.
    """
    row = database.one("SELECT id, boot_ns FROM full_passes WHERE ended_at IS NULL ORDER BY id LIMIT 1")
    return None if row is None else (int(str(row[0])), int(str(row[1])))


def get(database: Database, pass_id: int) -> FullPass | None:
    """One pass."""
    row = database.one(f"SELECT {_COLUMNS} FROM full_passes WHERE id = ?", (pass_id,))
    return None if row is None else _full_pass(row)


def latest(database: Database) -> FullPass | None:
    """The newest pass."""
    row = database.one(f"SELECT {_COLUMNS} FROM full_passes ORDER BY id DESC LIMIT 1")
    return None if row is None else _full_pass(row)


def _full_pass(row: tuple[object, ...]) -> FullPass:
    def instant(value: object) -> Instant | None:
        return None if value is None else Instant(int(str(value)))

    return FullPass(
        id=int(str(row[0])),
        reason=str(row[1]),
        asked_at=Instant(int(str(row[2]))),
        committed_at=instant(row[3]),
        begun_at=instant(row[4]),
        ended_at=instant(row[5]),
        upto=int(str(row[6])),
        done=int(str(row[7])),
        outcome=str(row[8]),
    )
