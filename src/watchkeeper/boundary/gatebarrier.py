"""The gate on PostgreSQL: rows of the same database, guarded by an advisory lock.

Each gated transaction takes the lock shared, then reads the gate in a statement of its own (its
snapshot is then younger than the lock), and keeps it until its commit. A change takes it
exclusively. Whoever keeps it from a change for 3 s is ended.

After a promotion or a restore the server is another one, by its system identifier or timeline:
nothing passes until watch and operator have confirmed the seals against the data (`confirm`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import structlog

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database, DatabaseBusy, DatabaseError, Role, open_database
from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gatestore import HOLDER_SECONDS_MAX, Gate, GateBusy, GateUnreadable, fill
from watchkeeper.boundary.turning import make_anew
from watchkeeper.boundary.views import JOURNAL

#: System identifier and timeline of the server, in one text. The timeline is the first part of a WAL file's name.
CLUSTER = (
    "(SELECT system_identifier FROM pg_control_system())::text || '/' || "
    "substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)"
)
#: After the holders were told to end, they are waited for this long.
_ENDING_SECONDS_MAX = 2.0

_log = structlog.get_logger()


def lock_key(system_id: str) -> int:
    """The advisory lock of a system's gate: 63 bits of a digest of its id."""
    return int.from_bytes(hashlib.sha256(f"gate of {system_id}".encode()).digest()[:8], "big") >> 1


class GateBarrier(Gate):
    """See `Gate`."""

    def __init__(self, data: Path, *, system_id: str, role: Role) -> None:
        super().__init__(system_id=system_id)
        self._data = data
        self._role = role
        self._key = lock_key(system_id)
        self._database: Database | None = None

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        self._cached = None

    def _opened(self) -> Database:
        if self._database is None:
            try:
                self._database = open_database(self._data, "gate", role=self._role)
            except DatabaseError as error:
                raise GateUnreadable(str(error)) from error
        return self._database

    @contextmanager
    def shared(self, within: Database | None = None) -> Iterator[Database]:
        if within is not None:
            self._take_shared(within)
            yield within
            return
        with self._own("read") as database:
            # No lock: whoever only looks decides nothing.
            self._believed(database)
            yield database

    @contextmanager
    def look(self) -> Iterator[Database]:
        with self._own("read") as database:
            self._believed(database, any_cluster=True)
            yield database

    def _take_shared(self, database: Database) -> None:
        try:
            database.query("SELECT pg_advisory_xact_lock_shared(?)", (self._key,))
            self._believed(database)
        except DatabaseBusy as error:
            raise GateBusy(GateBusy.__doc__) from error

    def _believed(self, database: Database, *, any_cluster: bool = False) -> None:
        row = database.one(
            f"SELECT system_id, generation, cluster = {CLUSTER}, "
            f"(SELECT gate_generation FROM {JOURNAL.name} ORDER BY n DESC LIMIT 1) FROM gate WHERE id = 1"
        )
        if row is None or row[0] != self.system_id:
            raise GateUnreadable("the gate belongs to another system")
        if isinstance(row[3], int) and isinstance(row[1], int) and row[1] < row[3]:
            raise GateUnreadable("the gate is older than the books")
        if row[2] is not True and not any_cluster:
            raise GateUnreadable(
                "the database server was promoted or restored: confirm the seals against the data first"
            )

    @contextmanager
    def exclusive(self) -> Iterator[Database]:
        with self._own("write") as database:
            self._take_exclusive(database)
            self._believed(database)
            yield database
            database.execute("UPDATE gate SET generation = generation + 1 WHERE id = 1")
        self._cached = None

    def _take_exclusive(self, database: Database) -> None:
        if self._tried(database, HOLDER_SECONDS_MAX):
            return
        ended = self._end_holders(database)
        _log.warning("gate.holders_ended", backends=ended)
        if not self._tried(database, _ENDING_SECONDS_MAX):
            raise GateBusy(GateBusy.__doc__)

    def _tried(self, database: Database, seconds: float) -> bool:
        database.execute("SAVEPOINT barrier")
        try:
            milliseconds = int(seconds * 1000)
            database.execute(f"SET LOCAL lock_timeout = {milliseconds}")
            database.execute(f"SET LOCAL statement_timeout = {milliseconds + 1000}")
            database.query("SELECT pg_advisory_xact_lock(?)", (self._key,))
        except DatabaseBusy:
            database.execute("ROLLBACK TO SAVEPOINT barrier")
            return False
        return True

    def _end_holders(self, database: Database) -> list[int]:
        rows = database.query(
            "SELECT pid, pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
            "AND pid <> pg_backend_pid() AND ((classid::bigint << 32) | objid::bigint) = ? "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (self._key,),
        )
        return [int(str(row[0])) for row in rows]

    @contextmanager
    def _own(self, mode: str) -> Iterator[Database]:
        database = self._opened()
        try:
            with database.transaction("read" if mode == "read" else "write"):
                yield database
        except DatabaseError as error:
            if error.source is not database:
                raise
            if isinstance(error, DatabaseBusy):
                raise GateBusy(GateBusy.__doc__) from error
            self.close()
            raise GateUnreadable(str(error)) from error

    def decided_under(self) -> int:
        try:
            row = self._opened().one(f"SELECT gate_generation FROM {JOURNAL.name} ORDER BY n DESC LIMIT 1")
        except (DatabaseError, GateUnreadable):
            return 0
        return row[0] if row is not None and isinstance(row[0], int) else 0

    def confirm(self) -> bool:
        with self._own("write") as database:
            self._take_exclusive(database)
            self._believed(database, any_cluster=True)
            changed = database.execute(
                f"UPDATE gate SET generation = generation + 1, cluster = {CLUSTER} WHERE id = 1 AND cluster <> {CLUSTER}"
            )
        self._cached = None
        return changed == 1

    def rebuild(
        self, *, generation: int, flips: Sequence[Flip], features_off: Collection[str], clock: Clock
    ) -> None:
        del clock
        # The rows are the owner's to make anew; what was restricted is gone with them, as with a lost file.
        database = open_database(self._data, "gate", role="owner")
        try:
            with database.transaction("write"):
                self._take_exclusive(database)
                with database.without_triggers(["flips", "feature_turns"]):
                    for table in ("feature_turns", "flips", "holds", "restrictions", "gate"):
                        database.execute(f"DELETE FROM {table}")
                fill(
                    database,
                    system_id=self.system_id,
                    generation=generation,
                    flips=flips,
                    cluster=cluster_of(database),
                )
                make_anew(database, off=features_off, by=flips[-1])
        except DatabaseError as error:
            raise GateUnreadable(str(error)) from error
        finally:
            database.close()
        self.close()


def cluster_of(database: Database) -> str:
    """The server's own mark, as the gate keeps it; raises `DatabaseError` on a standby."""
    row = database.one(f"SELECT {CLUSTER}")
    if row is None or not isinstance(row[0], str):
        raise DatabaseError("the server does not say which one it is")
    return row[0]
