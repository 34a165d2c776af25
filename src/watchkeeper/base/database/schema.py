"""What a database's schema is made of, so that it can be compared with what the migrations make."""

from __future__ import annotations

import tempfile
from pathlib import Path

from watchkeeper.base import canonical
from watchkeeper.base.clock import Clock
from watchkeeper.base.database.interface import Database
from watchkeeper.base.database.migrations import migrate
from watchkeeper.base.database.sqlite import create_sqlite

#: Many times what we have; an attacker who adds more is found by the digest of the first ones too.
_OBJECTS_MAX = 10_000


def objects(database: Database) -> dict[tuple[str, str], str]:
    """Every table, index, view and trigger: (type, name) -> its SQL, white space aside."""
    rows = database.query(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY type, name LIMIT ?",
        (_OBJECTS_MAX,),
    )
    return {(str(kind), str(name)): " ".join(str(sql).split()) for kind, name, sql in rows}


def fingerprint(database: Database) -> str:
    """SHA-256 over all objects of the schema."""
    found = objects(database)
    return canonical.digest(canonical.encode([[kind, name, sql] for (kind, name), sql in found.items()]))


def reference(store: str, *, clock: Clock) -> dict[tuple[str, str], str]:
    """The objects that the migrations of `store` make, from a fresh database."""
    with tempfile.TemporaryDirectory() as folder:
        database = create_sqlite(Path(folder) / "reference.db")
        try:
            migrate(database, store=store, clock=clock)
            return objects(database)
        finally:
            database.close()
