"""The gate's file, as SQLite keeps it, and the conditions under which it is believed.

A reader holds SQLite's SHARED lock from its look at the gate until its own commit elsewhere; a
change takes the EXCLUSIVE lock, so when it is answered nothing decided under the old gate can
still commit. PENDING keeps new readers out, so a change cannot be starved.

Refused, always: a file that is missing, corrupt, of another system, another file under the same
name than the one that is open, or an older copy: its generation is below one that was seen before,
or below the newest journal row's. An older copy is not changed either, or the changes of a watch
that restricts would bring it up to what is believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.base import utid
from watchkeeper.base.clock import Clock
from watchkeeper.base.database import (
    DatabaseBusy,
    DatabaseError,
    DatabaseMissing,
    SqliteDatabase,
    create_sqlite,
    open_sqlite,
)
from watchkeeper.base.database.migrations import migrate
from watchkeeper.boundary.gate import Hold, OperationClass, Restriction, Scope, Switch
from watchkeeper.boundary.views import BOOKS_FILE, JOURNAL

FILE_NAME = "gate.db"
#: A holder that keeps the gate longer than this is stuck (architecture, The gate).
HOLDER_SECONDS_MAX = 3.0


class GateUnreadable(Exception):
    """The gate is missing, corrupt, or not the one of this system. Nothing passes until it is there again."""


class GateBusy(Exception):
    """Commands decided under the old gate have not ended yet. New ones are refused; the change is not in force."""


class GateFile:
    """One process's handle on the gate. It belongs to one thread at a time."""

    def __init__(self, path: Path, *, system_id: str, vfs: str | None = None) -> None:
        self.path = path
        self.system_id = system_id
        self._vfs = vfs
        self._database: SqliteDatabase | None = None
        #: The highest generation that is known to have been; a file below it is an older copy.
        self._newest = 0
        self._cached: tuple[int, frozenset[tuple[Switch, Hold]], tuple[Restriction, ...]] | None = None

    def close(self) -> None:
        """Give the file back; the next use opens it again."""
        if self._database is not None:
            self._database.close()
            self._database = None
        self._cached = None

    def _opened(self) -> SqliteDatabase:
        if self._database is not None and not self._database.same_file():
            # What we had open is no longer what the path names. Refuse now, look at the new file next time.
            self.close()
            raise GateUnreadable("the gate was replaced by another file")
        if self._database is None:
            try:
                self._database = open_sqlite(
                    self.path,
                    journal="delete",
                    synchronous="EXTRA",
                    busy_seconds_max=HOLDER_SECONDS_MAX,
                    vfs=self._vfs,
                )
            except DatabaseError as error:
                raise GateUnreadable(str(error)) from error
            self._newest = max(self._newest, decided_under(self.path.parent, vfs=self._vfs))
        return self._database

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[SqliteDatabase]:
        database = self._opened()
        began = False
        try:
            database.begin("read" if mode == "read" else "exclusive")
            began = True
            row = database.one("SELECT system_id, generation FROM gate WHERE id = 1")
            if row is None or row[0] != self.system_id:
                raise GateUnreadable("the gate belongs to another system")
            generation = int(str(row[1]))
            if generation < self._newest:
                raise GateUnreadable("the gate is an older copy of itself")
            self._newest = generation
            # The path may have been swapped between the open and the lock.
            if not database.same_file():
                raise GateUnreadable("the gate was replaced by another file")
            yield database
            database.commit()
        except DatabaseError as error:
            if error.source is not database:
                # What failed inside the block is somebody else's database; the gate is as good as it was.
                raise
            if isinstance(error, DatabaseBusy):
                raise GateBusy(GateBusy.__doc__) from error
            self.close()
            raise GateUnreadable(str(error)) from error
        except GateUnreadable:
            self.close()
            raise
        finally:
            if began and self._database is not None and self._database.in_transaction:
                self._database.rollback()

    @contextmanager
    def shared(self) -> Iterator[SqliteDatabase]:
        """Hold the gate as it is for the length of the block; changes wait for its end."""
        with self._transaction("read") as database:
            yield database

    @contextmanager
    def exclusive(self) -> Iterator[SqliteDatabase]:
        """Change the gate: waits for those inside, lets nobody in, commits at the end of the block.

        Raises `GateBusy` after 3 s; the change is then not in force.
        """
        with self._transaction("exclusive") as database:
            yield database
            # Any change makes every earlier copy of this file recognisably old.
            database.execute("UPDATE gate SET generation = generation + 1 WHERE id = 1")
        self._cached = None

    def read(
        self, database: SqliteDatabase
    ) -> tuple[int, frozenset[tuple[Switch, Hold]], tuple[Restriction, ...]]:
        """Generation, holds and active restrictions; parsed once for each generation."""
        row = database.one("SELECT generation FROM gate WHERE id = 1")
        if row is None or not isinstance(row[0], int):
            raise GateUnreadable("the gate has no generation")
        if self._cached is None or self._cached[0] != row[0]:
            self._cached = (row[0], holds(database), restrictions(database))
        return self._cached


def decided_under(data: Path, *, vfs: str | None = None) -> int:
    """The gate's generation under which the newest journal row was decided; 0 when the books cannot tell.

    Without books nothing can be committed, and a switch must be flipped all the same.
    """
    try:
        books = open_sqlite(data / BOOKS_FILE, may_write=False, busy_seconds_max=2.0, vfs=vfs)
    except DatabaseError:
        return 0
    try:
        row = books.one(f"SELECT gate_generation FROM {JOURNAL.name} ORDER BY n DESC LIMIT 1")
    except DatabaseError:
        return 0
    finally:
        books.close()
    return row[0] if row is not None and isinstance(row[0], int) else 0


#: More active restrictions than this are one fault, not many; the gate then stops everything they name.
_RESTRICTIONS_MAX = 10_000


def holds(database: SqliteDatabase) -> frozenset[tuple[Switch, Hold]]:
    """The holds that stand now."""
    try:
        return frozenset(
            (Switch(str(switch)), Hold(str(hold)))
            for switch, hold in database.query("SELECT switch, hold FROM holds LIMIT 100")
        )
    except ValueError as error:
        raise GateUnreadable(str(error)) from error


def restrictions(database: SqliteDatabase) -> tuple[Restriction, ...]:
    """The restrictions in force now, oldest first."""
    rows = database.query(
        "SELECT id, rule, scope_kind, scope_key, classes, cause, reason, evidence_seq, imposed_by, imposed_at "
        "FROM restrictions WHERE lifted_at IS NULL ORDER BY id LIMIT ?",
        (_RESTRICTIONS_MAX + 1,),
    )
    if len(rows) > _RESTRICTIONS_MAX:
        raise GateUnreadable("there are more restrictions than can be weighed")
    try:
        return tuple(
            Restriction(
                id=int(str(row[0])),
                rule=str(row[1]),
                scope=Scope(str(row[2]), str(row[3])),
                classes=frozenset(OperationClass(name) for name in str(row[4]).split(" ")),
                cause=str(row[5]),
                reason=str(row[6]),
                evidence_seq=int(str(row[7])),
                imposed_by=str(row[8]),
                imposed_at=int(str(row[9])),
            )
            for row in rows
        )
    except ValueError as error:
        raise GateUnreadable(str(error)) from error


def create_gate(
    path: Path, *, system_id: str, clock: Clock, generation: int = 1, vfs: str | None = None
) -> None:
    """Make the gate at set-up, in its first state: pilot mode on and the window closed, by the admin hold."""
    if path.exists():
        raise FileExistsError(path)
    database = create_sqlite(path, journal="delete", synchronous="EXTRA", vfs=vfs)
    try:
        migrate(database, store="gate", clock=clock)
        with database.transaction("exclusive"):
            database.execute(
                "INSERT INTO gate (id, system_id, generation) VALUES (1, ?, ?)", (system_id, generation)
            )
            taken: set[str] = set()
            for switch in (Switch.PILOT_MODE, Switch.PURCHASE_WINDOW):
                at = clock.now()
                name = utid.draw(role="system", at=at, taken=taken.__contains__)
                taken.add(name)
                database.execute(
                    "INSERT INTO holds (switch, hold, utid) VALUES (?, 'admin', ?)", (switch.value, name)
                )
                # The first interval in which it is on begins before the first journal row.
                database.execute(
                    "INSERT INTO flips (number, utid, switch, hold, action, actor, role, reason, journal_n, "
                    "engaged_after, generation, at) VALUES (?, ?, ?, 'admin', 'engage', 'system', 'system', "
                    "'set up on the host', 0, 1, ?, ?)",
                    (len(taken), name, switch.value, generation, at),
                )
    finally:
        database.close()


__all__ = [
    "FILE_NAME",
    "DatabaseMissing",
    "GateBusy",
    "GateFile",
    "GateUnreadable",
    "create_gate",
    "decided_under",
    "holds",
    "restrictions",
]
