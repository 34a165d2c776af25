"""Where a measurement's own market is: files in a folder that is thrown away, or a database that is dropped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.database import Database, Engine, open_database, places, server
from watchkeeper.operation import store

#: How SQLite counts its levels of `synchronous`.
_SYNCHRONOUS = {"0": "OFF", "1": "NORMAL", "2": "FULL", "3": "EXTRA"}


@dataclass(frozen=True, slots=True)
class Ground:
    """A place for one market: its data folder, and the empty database for its books, if they are to be on a server."""

    data: Path
    database_url: str | None

    @property
    def engine(self) -> Engine:
        """Which engine is measured."""
        return "sqlite" if self.database_url is None else "postgresql"

    def prepare(self) -> None:
        """Make the data folder one whose market is set up there by whoever needs no control room."""
        self.data.mkdir(mode=0o700)
        if self.database_url is not None:
            places.write_addresses(self.data, server.initialise(self.database_url))

    def durability(self) -> str:
        """What an answered commit survives, as the engine says it of connections opened like the market's own.

        Raises `DatabaseError` when there is no market here yet.
        """
        if self.database_url is None:
            return _durability_of_files(self.data)
        with closing(open_database(self.data, "market", role="market")) as database:
            return server.durability(database)


def _durability_of_files(data: Path) -> str:
    with closing(open_database(data, "market", role="market")) as database:
        version = str((database.one("SELECT sqlite_version()") or ("",))[0])
        said = [f"SQLite {version}", f"market.db {_settings(database)}"]
    with closing(open_database(data, "gate", role="market")) as database:
        said.append(f"gate.db {_settings(database)}")
    if (data / store.FILE_NAME).exists():
        with closing(store.open_store(data)) as database:
            said.append(f"{store.FILE_NAME} {_settings(database)}")
    return ", ".join(said)


def _settings(database: Database) -> str:
    journal = database.one("PRAGMA journal_mode") or ("unknown",)
    level = database.one("PRAGMA synchronous") or ("unknown",)
    words = _SYNCHRONOUS.get(str(level[0]), str(level[0]))
    return f"journal_mode={journal[0]!s} synchronous={words}"


@contextmanager
def ground(database_url: str | None) -> Iterator[Ground]:
    """A place that is gone at the end. `database_url`: a superuser's address in the cluster to measure."""
    with tempfile.TemporaryDirectory(prefix="watchkeeper-") as folder:
        data = Path(folder) / "data"
        if database_url is None:
            yield Ground(data, None)
            return
        with server.scratch(database_url) as url:
            yield Ground(data, url)
