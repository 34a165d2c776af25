"""The database layer: one small interface, an engine behind it, SQL by hand in front of it.

Stores write SQL with `?` for parameters and nothing that only one engine understands; where the
engines truly differ, the difference lives here.
"""

from watchkeeper.base.database.interface import (
    ConstraintViolated,
    Database,
    DatabaseBusy,
    DatabaseError,
    DatabaseMissing,
    DatabaseUnreadable,
    TextUnreadable,
)
from watchkeeper.base.database.sqlite import SqliteDatabase, create_sqlite, open_sqlite

__all__ = [
    "ConstraintViolated",
    "Database",
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseMissing",
    "DatabaseUnreadable",
    "SqliteDatabase",
    "TextUnreadable",
    "create_sqlite",
    "open_sqlite",
]
