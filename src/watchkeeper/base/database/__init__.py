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
    Engine,
    TextUnreadable,
    ValueUnfit,
)
from watchkeeper.base.database.places import Role, Store, engine_of, file_of, open_database
from watchkeeper.base.database.postgresql import OutcomeUnknown, PostgresDatabase, open_postgresql
from watchkeeper.base.database.sqlite import SqliteDatabase, create_sqlite, open_sqlite

__all__ = [
    "ConstraintViolated",
    "Database",
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseMissing",
    "DatabaseUnreadable",
    "Engine",
    "OutcomeUnknown",
    "PostgresDatabase",
    "Role",
    "SqliteDatabase",
    "Store",
    "TextUnreadable",
    "ValueUnfit",
    "create_sqlite",
    "engine_of",
    "file_of",
    "open_database",
    "open_postgresql",
    "open_sqlite",
]
