"""Which engine's marks a data folder's books give."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import engine_of
from watchkeeper.boundary.views import Views
from watchkeeper.operation.verifier.engine import Engine
from watchkeeper.operation.verifier.engine_postgresql import PostgresEngine
from watchkeeper.operation.verifier.engine_sqlite import SqliteEngine


def engine_for(data: Path, views: Views, *, clock: Clock) -> Engine:
    """The marks of the engine beneath these views."""
    if engine_of(data) == "postgresql":
        return PostgresEngine(views, clock)
    return SqliteEngine(data, views)
