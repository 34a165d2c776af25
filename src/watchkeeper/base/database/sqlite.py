"""SQLite through apsw, whose wheel brings a recent SQLite of its own.

What was learned the hard way and is kept here:

- `execute` of apsw runs a string of several statements only as far as its rows are fetched, so
  every call here is one statement, drained.
- A POSIX lock is gone from a process as soon as *any* descriptor of that file is closed in it.
  So nothing opens these files except through SQLite; a look at the path is a `stat`.
- `recursive_triggers` must be on, or INSERT OR REPLACE walks past the append-only triggers.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import apsw
import apsw.ext
import structlog

from watchkeeper.base.database.interface import (
    ConstraintViolated,
    DatabaseBusy,
    DatabaseError,
    DatabaseMissing,
    DatabaseUnreadable,
    Engine,
    Mode,
    Parameters,
    Record,
    TextUnreadable,
    ValueUnfit,
)

_BEGIN = {"read": "BEGIN DEFERRED", "write": "BEGIN IMMEDIATE", "exclusive": "BEGIN EXCLUSIVE"}
#: How long one sleep of the busy handler lasts. Short, so that a rare second writer finds the
#: gap between two batches of the one that is always there.
_BUSY_SLEEP_SECONDS = 0.0005

_log = structlog.get_logger()

Journal = Literal["wal", "delete"]
Synchronous = Literal["FULL", "EXTRA", "NORMAL"]


def _translate(error: apsw.Error) -> DatabaseError:
    text = str(error)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return DatabaseBusy(text)
    if isinstance(error, apsw.ConstraintError | apsw.MismatchError):
        return ConstraintViolated(text)
    if isinstance(error, apsw.CantOpenError):
        return DatabaseMissing(text)
    if isinstance(
        error,
        apsw.CorruptError
        | apsw.NotADBError
        | apsw.IOError
        | apsw.FullError
        | apsw.ReadOnlyError
        | apsw.PermissionsError,
    ):
        return DatabaseUnreadable(text)
    return DatabaseError(text)


class SqliteDatabase:
    """One connection to one SQLite file."""

    def __init__(self, path: Path, *, connection: apsw.Connection, busy_seconds_max: float) -> None:
        self.path = path
        self._connection = connection
        self._cursor = connection.cursor()
        self.busy_seconds_max = busy_seconds_max
        self._waiting_since: float | None = None
        #: Whether text that is no UTF-8 is given as lone surrogates instead of raising `TextUnreadable`.
        self.reads_any_text = False
        connection.set_busy_handler(self._on_busy)
        self._identity = _identity(path)

    def _on_busy(self, tries: int) -> bool:
        # A stopwatch of the process, not a time of day: it bounds a wait and is never stored.
        if tries == 0 or self._waiting_since is None:
            self._waiting_since = time.monotonic()
        if time.monotonic() - self._waiting_since >= self.busy_seconds_max:
            return False
        time.sleep(_BUSY_SLEEP_SECONDS)
        return True

    @property
    def engine(self) -> Engine:
        return "sqlite"

    @property
    def raw(self) -> apsw.Connection:
        """The engine's own connection, for what only SQLite knows (data_version, VFS)."""
        return self._connection

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def same_place(self) -> bool:
        """Whether the path still names the file that this connection has open."""
        try:
            return _identity(self.path) == self._identity
        except FileNotFoundError:
            return False

    def query(self, sql: str, parameters: Parameters = ()) -> list[Record]:
        try:
            return self._cursor.execute(sql, parameters).fetchall()
        except apsw.Error as error:
            raise self._failed(_translate(error)) from error
        except UnicodeDecodeError as error:
            if self.reads_any_text:
                return self._any_text(sql, parameters)
            raise self._failed(TextUnreadable(str(error))) from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise self._failed(ValueUnfit(str(error))) from error

    def _any_text(self, sql: str, parameters: Parameters) -> list[Record]:
        """The same rows, with text that is no UTF-8 as lone surrogates, which canonical bytes know how to write."""
        count = len(apsw.ext.query_info(self._connection, sql, bindings=parameters).description)
        names = [f"c{number}" for number in range(count)]
        columns = ", ".join(
            f"CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END, typeof({name})"
            for name in names
        )
        wrapped = f"WITH found({', '.join(names)}) AS MATERIALIZED ({sql}) SELECT {columns} FROM found"
        try:
            rows = self._cursor.execute(wrapped, parameters).fetchall()
        except apsw.Error as error:
            raise self._failed(_translate(error)) from error
        return [
            tuple(
                value.decode("utf-8", "surrogateescape")
                if kind == "text" and isinstance(value, bytes)
                else value
                for value, kind in zip(row[::2], row[1::2], strict=True)
            )
            for row in rows
        ]

    def _failed(self, error: DatabaseError) -> DatabaseError:
        error.source = self
        return error

    def one(self, sql: str, parameters: Parameters = ()) -> Record | None:
        rows = self.query(sql, parameters)
        return rows[0] if rows else None

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        self.query(sql, parameters)
        return self._connection.changes()

    def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        try:
            self._cursor.executemany(sql, rows)
        except apsw.Error as error:
            raise self._failed(_translate(error)) from error
        except (OverflowError, UnicodeEncodeError) as error:
            raise self._failed(ValueUnfit(str(error))) from error

    @contextmanager
    def transaction(self, mode: Mode) -> Iterator[None]:
        self.begin(mode)
        try:
            yield
        except BaseException:
            self.rollback()
            raise
        self.commit()

    def begin(self, mode: Mode) -> None:
        """Open a transaction; the context manager `transaction` is the usual way."""
        self.query(_BEGIN[mode])

    def commit(self) -> None:
        """Commit; a commit that fails is rolled back and raised."""
        try:
            self.query("COMMIT")
        except BaseException:
            self.rollback()
            raise

    def rollback(self) -> None:
        """Roll back; quiet when the engine has already done so by itself."""
        if self._connection.in_transaction:
            self.query("ROLLBACK")

    @contextmanager
    def without_triggers(self, tables: Sequence[str]) -> Iterator[None]:
        # For this connection only, all of its triggers: the schema and other connections stay as they are.
        del tables
        self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        try:
            yield
        finally:
            self._connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)

    def close(self) -> None:
        try:
            self._connection.close()
        except apsw.Error as error:
            # The file is gone or cannot be written: there is nothing left to give back, and what was committed
            # is the next connection's to find.
            _log.warning("database.close_failed", file=self.path.name, detail=str(error))


def _identity(path: Path) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _prepare(
    connection: apsw.Connection, *, journal: Journal, synchronous: Synchronous, may_write: bool
) -> None:
    if may_write:
        connection.execute(f"PRAGMA journal_mode={journal}").fetchall()
        connection.execute(f"PRAGMA synchronous={synchronous}").fetchall()
    connection.execute("PRAGMA foreign_keys=ON").fetchall()
    connection.execute("PRAGMA recursive_triggers=ON").fetchall()
    connection.execute("PRAGMA trusted_schema=OFF").fetchall()


def open_sqlite(
    path: Path,
    *,
    journal: Journal = "wal",
    synchronous: Synchronous = "FULL",
    may_write: bool = True,
    busy_seconds_max: float = 5.0,
    vfs: str | None = None,
) -> SqliteDatabase:
    """Open a database that must exist.

    Raises `DatabaseMissing` when it does not, `DatabaseUnreadable` when it is no database.
    A reader (`may_write=False`) of a WAL database still needs the folder to be writable.
    """
    if not path.is_file():
        msg = f"there is no database at {path.name}"
        raise DatabaseMissing(msg)
    flags = apsw.SQLITE_OPEN_READWRITE
    connection: apsw.Connection | None = None
    try:
        connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
        # The busy handler must stand before the first statement that can meet a lock.
        database = SqliteDatabase(path, connection=connection, busy_seconds_max=busy_seconds_max)
        _prepare(connection, journal=journal, synchronous=synchronous, may_write=may_write)
        if not may_write:
            connection.execute("PRAGMA query_only=ON").fetchall()
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except (apsw.Error, FileNotFoundError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, apsw.Error):
            raise _translate(error) from error
        raise DatabaseMissing(str(error)) from error
    return database


def create_sqlite(
    path: Path,
    *,
    journal: Journal = "wal",
    synchronous: Synchronous = "FULL",
    busy_seconds_max: float = 5.0,
    vfs: str | None = None,
) -> SqliteDatabase:
    """Create a new database for its owner alone (mode 0600); only set-up calls this."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    os.close(descriptor)
    return open_sqlite(
        path, journal=journal, synchronous=synchronous, busy_seconds_max=busy_seconds_max, vfs=vfs
    )
