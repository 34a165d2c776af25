"""The identity database: opened by its owner, sign-in, and nobody else."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.database import DatabaseError, SqliteDatabase, open_sqlite
from watchkeeper.market.setup import IDENTITY_FILE


def open_identities(data: Path, *, system_id: str) -> SqliteDatabase:
    """Open it; raises `DatabaseError` when it is missing or another system's."""
    database = open_sqlite(data / IDENTITY_FILE, busy_seconds_max=5.0)
    row = database.one("SELECT system_id FROM system WHERE id = 1")
    if row is None or row[0] != system_id:
        database.close()
        raise DatabaseError("the identities belong to another system")
    return database
