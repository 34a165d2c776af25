"""The identity database: opened by its owner, sign-in, and nobody else."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.database import Database, DatabaseError, open_database


def open_identities(data: Path, *, system_id: str) -> Database:
    """Open it; raises `DatabaseError` when it is missing or another system's."""
    database = open_database(data, "identity", role="market")
    row = database.one("SELECT system_id FROM system WHERE id = 1")
    if row is None or row[0] != system_id:
        database.close()
        raise DatabaseError("the identities belong to another system")
    if database.engine == "sqlite":
        # What is deleted or overwritten here leaves the pages too.
        database.query("PRAGMA secure_delete=ON")
    return database
