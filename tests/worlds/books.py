"""A market on disk with people in it and an executor at hand; no process but the test's own."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from watchkeeper.base.clock import BootTime, Clock, Instant, SystemClock
from watchkeeper.base.database import engine_of, file_of, open_database
from watchkeeper.bootstrap.bench.books import Bench
from watchkeeper.market.commands import Answer, Command
from watchkeeper.market.refusals import Refusal

REASON = "because the test says so and means it"
#: What a refusal may leave: counts of refusals and rate-limit hits, and the count of our own commits for them.
NOT_BOOKS = frozenset({"refusal_counts", "rate_limit_hits", "commit_count", "sign_in_attempts"})


class TurnableClock:
    """A clock that a test turns; boot time and instants move apart when they are told to."""

    def __init__(self) -> None:
        self._real = SystemClock()
        self.instant_offset = 0
        self.boot_offset_seconds = 0.0

    def now(self) -> Instant:
        return Instant(self._real.now() + self.instant_offset)

    def boot(self) -> BootTime:
        real = self._real.boot()
        return BootTime(real.boot_id, real.nanoseconds + int(self.boot_offset_seconds * 1e9))


class Market(Bench):
    """A farmer and two traders on top of the bench."""

    def __init__(self, data: Path, *, clock: Clock | None = None) -> None:
        super().__init__(data, clock=clock or SystemClock())
        self.farmer = self.person("farmer")
        self.tina = self.trader(capital_ugx=2_000_000)
        self.tom = self.trader(capital_ugx=2_000_000)
        self.admin_id = self.market.admin.id

    def tried(self, command: Command, actor_id: int, **more: object) -> Answer | Refusal:
        """What a command is answered."""
        self.keep_lease()
        act = self.act(command, actor_id)
        for name, value in more.items():
            object.__setattr__(act, name, value)
        return self.executor.run([act])[0]

    def code(self, command: Command, actor_id: int, **more: object) -> str:
        """The refusal's code, or accepted."""
        outcome = self.tried(command, actor_id, **more)
        return outcome.code if isinstance(outcome, Refusal) else "accepted"


def digest(data: Path) -> str:
    """A digest of every table of the books, row by row."""
    if engine_of(data) == "postgresql":
        database = open_database(data, "market", role="owner")
        try:
            return _digest(
                database.query,
                "SELECT tablename FROM pg_tables WHERE schemaname = 'market' ORDER BY tablename",
            )
        finally:
            database.close()
    connection = sqlite3.connect(f"file:{file_of(data, 'market')}?mode=ro", uri=True)
    try:
        return _digest(
            lambda sql: connection.execute(sql).fetchall(),
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
        )
    finally:
        connection.close()


def digest_apart(data: Path) -> str:
    """The same from another process: two SQLite libraries in one would undo each other's locks."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from tests.worlds.books import digest; "
            "print(digest(Path(sys.argv[1])))",
            str(data),
        ],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
    ).stdout


def _digest(query: Callable[[str], Sequence[tuple[object, ...]]], tables: str) -> str:
    found = hashlib.sha256()
    for (table,) in query(tables):
        if table not in NOT_BOOKS:
            for row in sorted(query(f"SELECT * FROM {table}"), key=repr):
                found.update(repr((table, row)).encode())
    return found.hexdigest()
