"""The control room's own database: one SQLite file that shares no fate with what it watches."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import DatabaseError, SqliteDatabase, create_sqlite, open_sqlite
from watchkeeper.base.database.migrations import migrate, pending

FILE_NAME = "operation.db"


def create(data: Path, *, system_id: str, clock: Clock) -> None:
    """Make the control room's store at set-up, in the data folder."""
    database = create_sqlite(data / FILE_NAME)
    try:
        migrate(database, store="operation", clock=clock)
        with database.transaction("write"):
            database.execute("INSERT INTO system (id, system_id) VALUES (1, ?)", (system_id,))
    finally:
        database.close()


def upgrade(data: Path, *, clock: Clock) -> list[str]:
    """Run the migrations that this store has not seen; their names."""
    database = open_store(data)
    try:
        return (
            migrate(database, store="operation", clock=clock) if pending(database, store="operation") else []
        )
    finally:
        database.close()


def system_id_of(data: Path) -> str:
    """The id of the system that this control room watches, from its own store: it knows when the books cannot be read.

    Raises `DatabaseError`.
    """
    database = open_sqlite(data / FILE_NAME, may_write=False)
    try:
        row = database.one("SELECT system_id FROM system WHERE id = 1")
        if row is None:
            raise DatabaseError("the control room's store does not say whose it is")
        return str(row[0])
    finally:
        database.close()


def open_store(
    data: Path, *, may_write: bool = True, busy_seconds_max: float = 5.0, system_id: str | None = None
) -> SqliteDatabase:
    """Open the store of this data folder; raises `DatabaseError` when it is missing or another system's."""
    database = open_sqlite(data / FILE_NAME, may_write=may_write, busy_seconds_max=busy_seconds_max)
    if system_id is not None:
        row = database.one("SELECT system_id FROM system WHERE id = 1")
        if row is None or row[0] != system_id:
            database.close()
            raise DatabaseError("the control room's store belongs to another system")
    return database
