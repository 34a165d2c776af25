"""The gate as a file of its own, as SQLite keeps it, and the conditions under which it is believed.

A reader holds SQLite's SHARED lock from its look at the gate until its own commit elsewhere; a
change takes the EXCLUSIVE lock. PENDING keeps new readers out, so a change cannot be starved.

Refused, always: a file that is missing, corrupt, of another system, another file under the same
name than the one that is open, or an older copy: its generation is below one that was seen before,
or below the newest journal row's. An older copy is not changed either, or the changes of a watch
that restricts would bring it up to what is believed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.base.clock import Clock, as_datetime
from watchkeeper.base.database import (
    Database,
    DatabaseBusy,
    DatabaseError,
    create_sqlite,
    file_of,
    open_database,
)
from watchkeeper.base.database.migrations import migrate
from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gatestore import (
    HOLDER_SECONDS_MAX,
    Gate,
    GateBusy,
    GateUnreadable,
    fill,
    first_flips,
)
from watchkeeper.boundary.turning import make_anew
from watchkeeper.boundary.views import JOURNAL


class GateFile(Gate):
    """See `Gate`."""

    def __init__(self, data: Path, *, system_id: str, vfs: str | None = None) -> None:
        super().__init__(system_id=system_id)
        self.path = file_of(data, "gate")
        self._data = data
        self._vfs = vfs
        self._database: Database | None = None
        #: The highest generation that is known to have been; a file below it is an older copy.
        self._newest = 0

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        self._cached = None

    def _opened(self) -> Database:
        if self._database is not None and not self._database.same_place():
            # What we had open is no longer what the path names. Refuse now, look at the new file next time.
            self.close()
            raise GateUnreadable("the gate was replaced by another file")
        if self._database is None:
            try:
                self._database = open_database(
                    self._data, "gate", role="control", busy_seconds_max=HOLDER_SECONDS_MAX, vfs=self._vfs
                )
            except DatabaseError as error:
                raise GateUnreadable(str(error)) from error
            self._newest = max(self._newest, self.decided_under())
        return self._database

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[Database]:
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
            if not database.same_place():
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
    def shared(self, within: Database | None = None) -> Iterator[Database]:
        # Another file than the books: it is held by a transaction of its own.
        del within
        with self._transaction("read") as database:
            yield database

    @contextmanager
    def exclusive(self) -> Iterator[Database]:
        with self._transaction("exclusive") as database:
            yield database
            # Any change makes every earlier copy of this file recognisably old.
            database.execute("UPDATE gate SET generation = generation + 1 WHERE id = 1")
        self._cached = None

    def decided_under(self) -> int:
        # Without books nothing can be committed, and a switch must be flipped all the same: 0 then.
        try:
            books = open_database(
                self._data, "market", role="watch", may_write=False, busy_seconds_max=2.0, vfs=self._vfs
            )
        except DatabaseError:
            return 0
        try:
            row = books.one(f"SELECT gate_generation FROM {JOURNAL.name} ORDER BY n DESC LIMIT 1")
        except DatabaseError:
            return 0
        finally:
            books.close()
        return row[0] if row is not None and isinstance(row[0], int) else 0

    def rebuild(
        self, *, generation: int, flips: Sequence[Flip], features_off: Collection[str], clock: Clock
    ) -> None:
        # The lost file is kept beside it as evidence. The new one is complete before it takes the name, so a crash in
        # the middle leaves no gate, which stops everything, or the finished one.
        path = self.path
        fresh = path.with_name(path.name + ".new")
        _remove(fresh)
        database = create_sqlite(fresh, journal="delete", synchronous="EXTRA")
        try:
            migrate(database, store="gate", clock=clock)
            with database.transaction("exclusive"):
                fill(database, system_id=self.system_id, generation=generation, flips=flips)
                make_anew(database, off=features_off, by=flips[-1])
        finally:
            database.close()
        _set_aside(path, clock=clock)
        fresh.replace(path)
        _sync(path.parent)


def _set_aside(path: Path, *, clock: Clock) -> None:
    stamp = as_datetime(clock.now()).strftime("%Y%m%d-%H%M%S")
    # The database first: a journal taken away from a database that keeps its name would leave half a change in it.
    # And the journal too: left behind, it would be played back into the new gate.
    for name in (path.name, f"{path.name}-journal"):
        old = path.with_name(name)
        if old.exists():
            old.replace(path.with_name(f"{name}.lost-{stamp}"))
    _sync(path.parent)


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_gate_file(
    path: Path, *, system_id: str, clock: Clock, generation: int = 1, vfs: str | None = None
) -> None:
    """Make the gate at set-up, in its first state."""
    if path.exists():
        raise FileExistsError(path)
    database = create_sqlite(path, journal="delete", synchronous="EXTRA", vfs=vfs)
    try:
        migrate(database, store="gate", clock=clock)
        with database.transaction("exclusive"):
            fill(
                database,
                system_id=system_id,
                generation=generation,
                flips=first_flips(generation=generation, clock=clock),
            )
    finally:
        database.close()
