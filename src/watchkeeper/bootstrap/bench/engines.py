"""Where a measurement's own market is: files in a folder that is thrown away, or a database that is dropped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.database import Engine, open_database, places, server


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
        """What an answered commit survives."""
        if self.database_url is None:
            return (
                "market.db and operation.db WAL synchronous=FULL, gate.db rollback journal synchronous=EXTRA"
            )
        database = open_database(self.data, "market", role="market")
        try:
            return server.durability(database)
        finally:
            database.close()


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
