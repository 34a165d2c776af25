"""A market on disk with people in it and an executor at hand; no process but the test's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
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
    return _digest(data, "market")


def digest_of_all(data: Path) -> str:
    """The same of the books, the identities and the gate: whatever a refusal could have changed."""
    return _digest(data, "market", "identity", "gate")


def _digest(data: Path, *stores: Store) -> str:
    if engine_of(data) == "sqlite":
        return " ".join(_digest_of_file(data, store) for store in stores)
    database = open_database(data, "market", role="owner")
    try:
        schemas = [STORES[store] for store in stores]
        found = database.query(
            f"SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ({', '.join('?' * len(schemas))})",
            tuple(schemas),
        )
        names = sorted(f"{schema!s}.{name!s}" for schema, name in found if name not in BESIDE_THE_GATE)
        return _rows(database.query, names)
    finally:
        database.close()


def _digest_of_file(data: Path, store: Store) -> str:
    # Through the library that the market uses: a second one in this process would undo the locks of the first.
    path = file_of(data, store)
    if not path.exists():
        return "gone"
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(_BUSY_MILLISECONDS_MAX)
        named = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        return _rows(lambda sql: connection.execute(sql).fetchall(), [str(name) for (name,) in named])
    except apsw.NotADBError:
        # What somebody made of it stays as it is, too.
        return hashlib.sha256(path.read_bytes()).hexdigest()
    finally:
        connection.close()


def _rows(query: Callable[[str], Sequence[tuple[object, ...]]], tables: Sequence[str]) -> str:
    found = hashlib.sha256()
    for table in tables:
        name = table.rpartition(".")[2]
        if name in NOT_BOOKS:
            continue
        columns = SESSION if name == "sessions" else "*"
        for row in sorted(query(f"SELECT {columns} FROM {table}"), key=repr):
            found.update(repr((name, row)).encode())
    return found.hexdigest()
