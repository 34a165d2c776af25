"""Moving an embedded market into PostgreSQL: the same rows under the same keys, the same seals, verified before and after.

Nothing may run meanwhile. The files stay beside the data, under another name, until somebody
removes them; a move that fails leaves the market where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from watchkeeper.base.clock import Clock, as_datetime
from watchkeeper.base.database import (
    Database,
    DatabaseError,
    engine_of,
    file_of,
    open_database,
    places,
    server,
)
from watchkeeper.base.database.schema import keep_reference
from watchkeeper.base.database.server import STORES
from watchkeeper.bootstrap.full_pass import FullPasses
from watchkeeper.boundary.gatebarrier import cluster_of
from watchkeeper.market.reading import system_id_of
from watchkeeper.operation.store import open_store
from watchkeeper.operation.verifier import findings, passes, verdicts
from watchkeeper.operation.verifier.continuous import forget_schema_mark

_ROWS_AT_ONCE = 5000
_TABLES = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'schema_migrations' "
    "AND name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY rowid"
)


class MoveRefused(Exception):
    """The market was not moved; it is where it was."""


def move(data: Path, url: str, *, clock: Clock, say: Callable[[str], None]) -> int:
    """Move the books; how many rows. `url` is the superuser's address of an empty database. Raises `MoveRefused`."""
    if engine_of(data) == "postgresql":
        raise MoveRefused("This market is on PostgreSQL already.")
    system_id = system_id_of(data)
    say("Checking every row before the move ...")
    _verified(data, system_id=system_id, clock=clock)
    say("Making roles and tables ...")
    roles = server.initialise(url)
    places.write_addresses(data, roles)
    try:
        rows = _copied(data, clock=clock, say=say)
        _forget_marks(data, system_id=system_id)
        say("Checking every row after the move ...")
        _verified(data, system_id=system_id, clock=clock)
    except (DatabaseError, MoveRefused) as error:
        (data / places.SERVER_FILE).unlink(missing_ok=True)
        raise MoveRefused(f"{error} The market is where it was; drop what was made on the server.") from error
    stamp = as_datetime(clock.now()).strftime("%Y%m%d-%H%M%S")
    for store in STORES:
        for old in data.glob(f"{file_of(data, store).name}*"):
            old.rename(old.with_name(f"{old.name}.moved-{stamp}"))
    return rows


def _forget_marks(data: Path, *, system_id: str) -> None:
    database = open_store(data, system_id=system_id)
    try:
        with database.transaction("write"):
            forget_schema_mark(database)
    finally:
        database.close()


def _verified(data: Path, *, system_id: str, clock: Clock) -> None:
    """A full pass that finds everything as it was sealed, or `MoveRefused`."""
    database = open_store(data, system_id=system_id)
    runner = FullPasses(data, system_id=system_id, clock=clock)
    try:
        runner.look()
        with database.transaction("write"):
            passes.ask(database, reason="a move to another engine", at=clock.now())
        runner.run_waiting()
        standing = {view.invariant: view.full for view in verdicts.current(database, clock=clock)}
        wrong = sorted(invariant for invariant, verdict in standing.items() if verdict != verdicts.HOLDS)
        if wrong or findings.count(database, state="open"):
            raise MoveRefused(
                f"Not every check holds ({', '.join(wrong) or 'a finding is open'}). Cure that first."
            )
    finally:
        runner.close()
        database.close()


def _copied(data: Path, *, clock: Clock, say: Callable[[str], None]) -> int:
    target = open_database(data, "market", role="owner")
    copied = 0
    try:
        with target.transaction("write"):
            server.upgrade_in(target, data, clock=clock)
            keep_reference(target, data)
            if target.one("SELECT 1 FROM system WHERE id = 1") is not None:
                raise MoveRefused("There is a market in this database already.")
            target.execute("DELETE FROM commit_count")
            for store, schema in STORES.items():
                source = places.open_file(data, store)
                try:
                    with source.transaction("read"):
                        for table in (str(row[0]) for row in source.query(_TABLES)):
                            if (store, table) != ("identity", "system"):
                                copied += _table(source, target, f"{schema}.{table}", table, say=say)
                finally:
                    source.close()
            target.query(
                "SELECT setval(pg_get_serial_sequence('boundary.reports', 'id'), coalesce(max(id), 0) + 1, false) "
                "FROM boundary.reports"
            )
    finally:
        target.close()
    return copied


def _table(source: Database, target: Database, into: str, table: str, *, say: Callable[[str], None]) -> int:
    columns = [str(row[1]) for row in source.query(f"PRAGMA table_info({table})")]
    added: dict[str, str] = {"cluster": cluster_of(target)} if table == "gate" else {}
    insert = (
        f"INSERT INTO {into} ({', '.join((*columns, *added))}) "
        f"VALUES ({', '.join('?' * (len(columns) + len(added)))})"
    )
    copied, last = 0, -(2**62)
    while rows := source.query(
        f"SELECT rowid, {', '.join(columns)} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?",
        (last, _ROWS_AT_ONCE),
    ):
        target.execute_many(insert, [(*row[1:], *added.values()) for row in rows])
        copied, last = copied + len(rows), int(str(rows[-1][0]))
        if len(rows) == _ROWS_AT_ONCE:
            say(f"  {table}: {copied:,} rows ...")
    return copied
