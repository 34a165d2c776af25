"""Moving an embedded market into PostgreSQL: the same rows under the same keys, the same seals, verified before and after.

Nothing may run meanwhile. Everything is made and checked from a folder beside the data, with a copy of the control room's
store; the data folder changes at the very end, by renames. So a move that fails, is interrupted or killed leaves the market
where it was, and the files stay in the folder, under another name, until somebody removes them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from watchkeeper.base.database.schema import REFERENCE_FILE, keep_reference
from watchkeeper.base.database.server import STORES
from watchkeeper.base.utid import base36
from watchkeeper.bootstrap.full_pass import FullPasses
from watchkeeper.boundary.gatebarrier import cluster_of
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.market.reading import system_id_of
from watchkeeper.operation.store import FILE_NAME as STORE_FILE
from watchkeeper.operation.store import open_store
from watchkeeper.operation.verifier import findings, passes, verdicts
from watchkeeper.operation.verifier.continuous import forget_schema_mark

_ROWS_AT_ONCE = 5000
_MAKING = "-moving-"
_TABLES = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'schema_migrations' "
    "AND name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY rowid"
)


class MoveRefused(Exception):
    """The market was not moved; it is where it was."""


def move(data: Path, url: str, *, clock: Clock, say: Callable[[str], None]) -> int:
    """Move the books; how many rows. `url` is the superuser's address of an empty database. Raises `MoveRefused`."""
    if engine_of(data) == "postgresql":
        # A move that was killed at its very end has left files that nobody reads any more.
        _set_aside(data, clock=clock)
        raise MoveRefused("This market is on PostgreSQL already.")
    system_id = system_id_of(data)
    say("Checking every row before the move ...")
    _verified(data, system_id=system_id, clock=clock)
    with _beside(data) as making:
        try:
            rows = copy(data, making, url, system_id=system_id, clock=clock, say=say)
            say("Checking every row after the move ...")
            _verified(making, system_id=system_id, clock=clock)
        except (DatabaseError, GateUnreadable, GateBusy, MoveRefused) as error:
            raise MoveRefused(
                f"{error} The market is where it was; drop what was made on the server."
            ) from error
        _forget_marks(data, system_id=system_id)
        (making / REFERENCE_FILE).replace(data / REFERENCE_FILE)
        roles = places.addresses(making)
    # From here on the market is on the server.
    places.write_addresses(data, roles)
    _set_aside(data, clock=clock)
    return rows


def copy(
    data: Path, making: Path, url: str, *, system_id: str, clock: Clock, say: Callable[[str], None]
) -> int:
    """Make `making` the folder of the same market with its books in the empty database of `url`; how many rows.

    Nothing is checked, and `data` stays as it is. Raises `DatabaseError`, `GateUnreadable`, `GateBusy`, `MoveRefused`.
    """
    say("Making roles and tables ...")
    places.write_addresses(making, server.initialise(url))
    rows = _copied(making, files=data, clock=clock, say=say)
    _copy_store(data, making, system_id=system_id)
    _forget_marks(making, system_id=system_id)
    for name in ("keys", "seals"):
        # They stay where they are; a check of the copy reads by whom its rows were sealed.
        (making / name).symlink_to(data.absolute() / name, target_is_directory=True)
    return rows


@contextmanager
def _beside(data: Path) -> Iterator[Path]:
    """A folder beside the data, for its owner alone, gone when the block ends; what a killed move left goes too."""
    data = data.absolute()
    for left in data.parent.glob(f".{data.name}{_MAKING}*"):
        shutil.rmtree(left)
    making = data.parent / f".{data.name}{_MAKING}{base36(6)}"
    making.mkdir(mode=0o700)
    try:
        yield making
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _copy_store(data: Path, making: Path, *, system_id: str) -> None:
    """The control room's store as it is, so that what a check notes stays with the move that it belongs to."""
    store = open_store(data, system_id=system_id)
    try:
        store.query("VACUUM INTO ?", (str(making / STORE_FILE),))
    finally:
        store.close()


def _set_aside(data: Path, *, clock: Clock) -> None:
    """Give the files of the embedded stores another name."""
    stamp = as_datetime(clock.now()).strftime("%Y%m%d-%H%M%S")
    for store in STORES:
        name = file_of(data, store).name
        for suffix in ("", "-wal", "-shm", "-journal"):
            old = data / f"{name}{suffix}"
            if old.exists():
                old.rename(old.with_name(f"{old.name}.moved-{stamp}"))


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


def _copied(making: Path, *, files: Path, clock: Clock, say: Callable[[str], None]) -> int:
    target = open_database(making, "market", role="owner")
    copied = 0
    try:
        with target.transaction("write"):
            server.upgrade_in(target, making, clock=clock)
            keep_reference(target, making)
            if target.one("SELECT 1 FROM system WHERE id = 1") is not None:
                raise MoveRefused("There is a market in this database already.")
            # What the migrations fill comes with its own rows from the files.
            for filled in ("market.commit_count", "boundary.features"):
                target.execute(f"DELETE FROM {filled}")
            for store, schema in STORES.items():
                source = places.open_file(files, store)
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
    # The check that follows reads all of it, long before the server would count by itself what there is.
    target.execute(f"ANALYZE {into}")
    return copied
