"""Bringing the embedded stores of an earlier version up to date, while nothing runs on them.

On a server `watchkeeper database upgrade` does that, under the owner's credential.
"""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database, engine_of
from watchkeeper.base.database.migrations import migrate, pending
from watchkeeper.base.database.places import open_file
from watchkeeper.base.database.server import STORES
from watchkeeper.operation import store as operation_store
from watchkeeper.operation.verifier import continuous


def upgrade(data: Path, *, clock: Clock) -> list[str]:
    """Run what has not run yet; the names, by store. Raises `DatabaseError`, also for a migration that was edited."""
    ran = [f"operation {name}" for name in operation_store.upgrade(data, clock=clock)]
    if engine_of(data) == "sqlite":
        for store in STORES:
            database = open_file(data, store)
            try:
                if pending(database, store=store):
                    as_known = store == "market" and _as_the_watch_knows_it(data, database)
                    ran += [f"{store} {name}" for name in migrate(database, store=store, clock=clock)]
                    if as_known:
                        _explained(data)
            finally:
                database.close()
    return ran


def _as_the_watch_knows_it(data: Path, books: Database) -> bool:
    """Whether nobody has touched the schema since the watch last looked: only then is the change all ours."""
    row = books.one("PRAGMA schema_version")
    room = operation_store.open_store(data)
    try:
        return row is not None and continuous.schema_mark(room) == row[0]
    finally:
        room.close()


def _explained(data: Path) -> None:
    """The watch takes the schema's mark anew, after comparing every object with what the migrations make."""
    room = operation_store.open_store(data)
    try:
        with room.transaction("write"):
            continuous.forget_schema_mark(room)
    finally:
        room.close()
