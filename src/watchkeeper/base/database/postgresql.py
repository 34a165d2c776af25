"""PostgreSQL through psycopg 3.

What was learned the hard way and is kept here:

- Parameters are put in by the client: under server-side binding `? IS NULL` has no type, and prepared
  statements do not outlive a pooler's transaction.
- A COMMIT of an aborted transaction succeeds and says ROLLBACK; one whose wait for the standby is
  cancelled succeeds with a warning. Neither is a commit: the outcome is then unknown and raised.
- No setting is made for a session, which a pooler would hand to somebody else. Time-outs and the
  search path belong to the roles.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
import structlog
from psycopg import ClientCursor, errors
from psycopg.adapt import Buffer, Loader
from psycopg.pq import TransactionStatus

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
    ValueUnfit,
)
from watchkeeper.base.database.restore import STATES

_BEGIN = {
    "read": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "write": "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    "exclusive": "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
}
_CONNECT_SECONDS_MAX = 5
#: A peer that does not answer for this long is gone.
_SILENT_MILLISECONDS_MAX = 10_000
_ROWS_AT_ONCE = 500
_VALUES = re.compile(r"\A(?P<head>.*\bVALUES )(?P<row>\([?, ]+\))(?P<tail>.*)\Z", re.DOTALL)

_log = structlog.get_logger()


class OutcomeUnknown(DatabaseUnreadable):
    """A COMMIT was sent and nobody knows what became of it."""


class _Whole(Loader):
    """Sums of bigint come as numeric; every number of ours is whole."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


@functools.lru_cache(maxsize=2048)
def _translated(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


def _translate(error: psycopg.Error) -> DatabaseError:
    text = " ".join(str(error).split())
    if isinstance(error, errors.LockNotAvailable | errors.QueryCanceled):
        return DatabaseBusy(text)
    if isinstance(error, psycopg.IntegrityError | errors.RaiseException):
        return ConstraintViolated(text)
    if isinstance(error, psycopg.DataError):
        return ValueUnfit(text)
    if isinstance(error, errors.DeadlockDetected | errors.SerializationFailure):
        # One of the two is to be tried again, and that one is this.
        return DatabaseError(text)
    if isinstance(error, psycopg.OperationalError | psycopg.InternalError | errors.ReadOnlySqlTransaction):
        return DatabaseUnreadable(text)
    return DatabaseError(text)


class PostgresDatabase:
    """One connection to one PostgreSQL database."""

    def __init__(self, url: str, *, may_write: bool) -> None:
        self._url = url
        self._may_write = may_write
        self._warnings: list[str] = []
        #: A transaction was begun and not ended by us, whatever became of the connection since.
        self._begun = False
        self._connect()

    def _connect(self) -> None:
        self._connection = _connected(self._url)
        # A cursor copies what its connection knows: the loader comes first.
        self._connection.adapters.register_loader("numeric", _Whole)
        self._cursor: ClientCursor[tuple[object, ...]] = ClientCursor(self._connection)
        self._connection.add_notice_handler(self._noticed)

    def _noticed(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            self._warnings.append(str(diagnostic.message_primary))

    @property
    def engine(self) -> Engine:
        return "postgresql"

    @property
    def in_transaction(self) -> bool:
        return self._begun

    def _lost(self) -> bool:
        return self._connection.closed

    def same_place(self) -> bool:
        # A connection that was lost is made anew for the next transaction.
        return True

    def _run(self, sql: str, parameters: Parameters) -> None:
        if self._lost():
            if self._begun:
                raise self._failed(DatabaseUnreadable("the connection was lost and the transaction with it"))
            self._connect()
        try:
            self._send(sql, parameters)
        except UnicodeEncodeError as error:
            raise self._failed(ValueUnfit(str(error))) from error
        except psycopg.Error as error:
            if self._begun or not self._lost() or not sql.startswith(("SELECT", "BEGIN")):
                raise self._failed(_translate(error)) from error
            # Lost while nobody used it, and nothing was changed: it is sent again on a new one.
            self._again(sql, parameters)

    def _send(self, sql: str, parameters: Parameters) -> None:
        if parameters:
            self._cursor.execute(_translated(sql), parameters)
        else:
            self._cursor.execute(sql)

    def _again(self, sql: str, parameters: Parameters) -> None:
        self._connect()
        try:
            self._send(sql, parameters)
        except psycopg.Error as error:
            raise self._failed(_translate(error)) from error

    def _failed(self, error: DatabaseError) -> DatabaseError:
        error.source = self
        return error

    def query(self, sql: str, parameters: Parameters = ()) -> list[Record]:
        self._run(sql, parameters)
        if self._cursor.description is None:
            return []
        try:
            return self._cursor.fetchall()  # type: ignore[return-value]
        except psycopg.Error as error:
            raise self._failed(_translate(error)) from error

    def one(self, sql: str, parameters: Parameters = ()) -> Record | None:
        rows = self.query(sql, parameters)
        return rows[0] if rows else None

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        self._run(sql, parameters)
        return max(0, self._cursor.rowcount)

    def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """An INSERT of many rows is one statement for each few hundred of them."""
        waiting = list(rows)
        parts = _VALUES.match(sql)
        if parts is None:
            for row in waiting:
                self.execute(sql, row)
            return
        for begin in range(0, len(waiting), _ROWS_AT_ONCE):
            chunk = waiting[begin : begin + _ROWS_AT_ONCE]
            values = ", ".join([parts["row"]] * len(chunk))
            self.execute(f"{parts['head']}{values}{parts['tail']}", _flat(chunk))

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
        self._run(_BEGIN[mode if self._may_write else "read"], ())
        self._begun = True

    def commit(self) -> None:
        self._warnings.clear()
        if self._lost():
            # Lost before the COMMIT was sent.
            self._begun = False
            raise self._failed(DatabaseUnreadable("the connection was lost and the transaction with it"))
        try:
            self._cursor.execute("COMMIT")
        except psycopg.Error as error:
            translated = _translate(error)
            if self._lost():
                translated = OutcomeUnknown(str(translated))
            self.rollback()
            raise self._failed(translated) from error
        self._begun = False
        if self._cursor.statusmessage != "COMMIT":
            raise self._failed(DatabaseError("the transaction had failed and was rolled back"))
        if self._warnings:
            raise self._failed(OutcomeUnknown("; ".join(self._warnings)))

    def rollback(self) -> None:
        self._begun = False
        if self._lost() or self._connection.info.transaction_status is TransactionStatus.IDLE:
            return
        try:
            self._cursor.execute("ROLLBACK")
        except psycopg.Error as error:
            # The connection is of no use any more; what it had begun ends with it.
            _log.warning("database.rollback_failed", detail=type(error).__name__)
            self._connection.close()

    @contextmanager
    def without_triggers(self, tables: Sequence[str]) -> Iterator[None]:
        before: list[Record] = []
        for table in tables:
            before += [
                (table, *row)
                for row in self.query(
                    "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = to_regclass(?) AND NOT tgisinternal "
                    "ORDER BY tgname",
                    (table,),
                )
            ]
            self.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for on_table, trigger, state in before:
            act, name = STATES[str(state)], str(trigger).replace('"', '""')
            self.execute(f'ALTER TABLE {on_table!s} {act} TRIGGER "{name}"')

    def close(self) -> None:
        self._connection.close()


def _flat(rows: Sequence[Parameters]) -> list[int | str | bytes | float | None]:
    return [value for row in rows for value in row]


def open_postgresql(url: str, *, may_write: bool = True) -> PostgresDatabase:
    """Connect; raises `DatabaseMissing` when the server does not let us in, never with the password in its words."""
    return PostgresDatabase(url, may_write=may_write)


def _connected(url: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            connect_timeout=_CONNECT_SECONDS_MAX,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=_SILENT_MILLISECONDS_MAX,
            application_name="watchkeeper",
        )
    except psycopg.Error as error:
        raise DatabaseMissing(f"the server does not let us in: {_without_secrets(str(error))}") from None


def _without_secrets(text: str) -> str:
    # libpq names host, port, role and database; a malformed address it would quote whole.
    return " ".join(re.sub(r"postgres(ql)?://\S+", "postgresql://...", text).split())[:300]
