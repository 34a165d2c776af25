"""A market on disk with people in it and an executor at hand; no process but the test's own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import apsw

from watchkeeper.base.clock import BootTime, Clock, Instant, SystemClock
from watchkeeper.base.database import Store, engine_of, file_of, open_database
from watchkeeper.base.database.server import STORES
from watchkeeper.bootstrap.bench.books import Bench
from watchkeeper.market.commands import Act, Answer, Command
from watchkeeper.market.refusals import Refusal

REASON = "because the test says so and means it"
#: What a refusal may leave: counts of refusals and rate-limit hits, and the count of our own commits for them.
NOT_BOOKS = frozenset({"refusal_counts", "rate_limit_hits", "commit_count", "sign_in_attempts"})

#: What Python's own library waits for a lock, too.
_BUSY_MILLISECONDS_MAX = 5_000
#: The lease's tables, which lie in the gate's schema on a server and move all the time.
BESIDE_THE_GATE = frozenset(
    {"lease", "probes", "reports", "feature_probes", "probe_rounds", "job_turns", "write_probe"}
)
#: A session without the moment in which it was last seen.
SESSION = "token_hash, user_id, generation, second_factor_at, created_at, expires_at, ended_at"


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


class StandingClock(TurnableClock):
    """Instants move when the test says so and not between two looks; boot time goes on as it does."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = super().now()

    def now(self) -> Instant:
        return Instant(self._begun + self.instant_offset)


class Market(Bench):
    """A farmer and two traders on top of the bench."""

    def __init__(self, data: Path, *, clock: Clock | None = None) -> None:
        super().__init__(data, clock=clock or SystemClock())
        self.farmer = self.person("farmer")
        self.tina = self.trader(capital_ugx=2_000_000)
        self.tom = self.trader(capital_ugx=2_000_000)
        self.admin_id = self.market.admin.id

    def tried(self, command: Command, actor_id: int, **more: object) -> Answer | Refusal:
        """What a command is answered; where it is refused, every table is as it was."""
        self.keep_lease()
        act = self.act(command, actor_id)
        for name, value in more.items():
            object.__setattr__(act, name, value)
        return self.sent(act)

    def sent(self, act: Act) -> Answer | Refusal:
        """The same of an act as it is, with the lease as it stands."""
        before = digest_of_all(self.data)
        outcome = self.executor.run([act])[0]
        if isinstance(outcome, Refusal):
            assert digest_of_all(self.data) == before, f"{outcome.code} left something of {act.command}"
        return outcome

    def lease_reports(self) -> list[tuple[int, str, str, str]]:
        """What the market told the watch about itself."""
        return self._lease_file.reports(after=0)

    def code(self, command: Command, actor_id: int, **more: object) -> str:
        """The refusal's code, or accepted."""
        outcome = self.tried(command, actor_id, **more)
        return outcome.code if isinstance(outcome, Refusal) else "accepted"


def digest(data: Path) -> str:
    """A digest of every table of the books, row by row."""
    with closing(Contents(data, stores=("market",))) as contents:
        return _one(contents)


def digest_of_all(data: Path) -> str:
    """The same of the books, the identities and the gate."""
    with closing(Contents(data)) as contents:
        return _one(contents)


def _one(contents: Contents) -> str:
    return hashlib.sha256(repr(sorted(contents.read().items())).encode()).hexdigest()


class Contents:
    """What stands in every table of the stores, each as a digest of its rows; for who asks often, over connections kept open."""

    def __init__(self, data: Path, *, stores: Sequence[Store] = ("market", "identity", "gate")) -> None:
        self._readers: list[_SqliteContents | _ServerContents] = (
            [_ServerContents(data, stores)]
            if engine_of(data) == "postgresql"
            else [_SqliteContents(data, store) for store in stores]
        )

    def read(self) -> dict[str, str]:
        """Table -> digest, as things are now."""
        return {table: rows for reader in self._readers for table, rows in reader.read().items()}

    def close(self) -> None:
        """Give the connections back."""
        for reader in self._readers:
            reader.close()


class _SqliteContents:
    """One store's file. Where nobody committed since the last look nothing is read again."""

    def __init__(self, data: Path, store: Store) -> None:
        self._store, self._path = store, file_of(data, store)
        self._connection: apsw.Connection | None = None
        self._version: object = None
        self._found: dict[str, str] = {}

    def read(self) -> dict[str, str]:
        if not self._path.exists():
            return {self._store: "gone"}
        try:
            return self._read()
        except apsw.NotADBError:
            # What somebody made of it stays as it is, too.
            return {self._store: hashlib.sha256(self._path.read_bytes()).hexdigest()}

    def _read(self) -> dict[str, str]:
        if self._connection is None:
            # Through the library that the market uses: a second one in this process would undo the locks of the first.
            self._connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            self._connection.set_busy_timeout(_BUSY_MILLISECONDS_MAX)
        (version,) = self._connection.execute("PRAGMA data_version").fetchone() or (None,)
        if version != self._version:
            named = self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            self._found = {
                f"{self._store}.{name}": self._digest(self._connection, str(name))
                for (name,) in named
                if name not in NOT_BOOKS
            }
            self._version = version
        return self._found

    def _digest(self, connection: apsw.Connection, table: str) -> str:
        columns = SESSION if table == "sessions" else "*"
        rows = connection.execute(f"SELECT {columns} FROM {table}").fetchall()
        return hashlib.sha256(repr(sorted(rows, key=repr)).encode()).hexdigest()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class _ServerContents:
    """All stores of a server, by one statement that the server plans once; it sums the digests of the rows up itself."""

    def __init__(self, data: Path, stores: Sequence[Store]) -> None:
        self._database = open_database(data, "market", role="owner")
        parts = []
        for schema in (STORES[store] for store in stores):
            found = self._database.query("SELECT tablename FROM pg_tables WHERE schemaname = ?", (schema,))
            for table in sorted({str(name) for (name,) in found} - BESIDE_THE_GATE - NOT_BOOKS):
                columns = SESSION if table == "sessions" else "*"
                parts.append(
                    f"SELECT '{schema}.{table}', count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) "
                    f"FROM (SELECT {columns} FROM {schema}.{table}) t"
                )
        self._sql = " UNION ALL ".join(parts)

    def read(self) -> dict[str, str]:
        return {str(table): str(rows) for table, rows in self._database.query(self._sql)}

    def close(self) -> None:
        self._database.close()
