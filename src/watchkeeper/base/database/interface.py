"""What a store may ask of a database, whichever engine it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol, TypeAlias

Parameter: TypeAlias = int | str | bytes | float | None
Parameters: TypeAlias = Sequence[Parameter]
Engine: TypeAlias = Literal["sqlite", "postgresql"]
#: A row as the engine gives it; a store turns it into something with names.
Record: TypeAlias = tuple[Parameter, ...]
#: `read` sees one snapshot; `write` is the only writer until it ends; `exclusive` also waits for readers to leave.
Mode: TypeAlias = Literal["read", "write", "exclusive"]


class DatabaseError(Exception):
    """The database could not do what was asked."""

    #: The connection that failed, where it is known: of two that are open at once it matters which.
    source: object = None


class DatabaseBusy(DatabaseError):
    """Somebody else holds the database, and the time to wait for them is over."""


class DatabaseMissing(DatabaseError):
    """The database is not where it should be; it is never created outside set-up."""


class DatabaseUnreadable(DatabaseError):
    """The database is corrupt, not a database, or cannot be read or written."""


class ConstraintViolated(DatabaseError):
    """A constraint, a trigger or a unique key refused the statement."""


class ValueUnfit(DatabaseError):
    """A value is of a kind or size that the engine does not take: no row can hold it."""


class TextUnreadable(DatabaseError):
    """A text column holds bytes that are no UTF-8."""


class Database(Protocol):
    """One connection. It belongs to one thread at a time."""

    @property
    def engine(self) -> Engine:
        """Which engine is behind it, for the few who must know."""
        ...

    def query(self, sql: str, parameters: Parameters = ()) -> list[Record]:
        """All rows of a query; the query bounds their number."""
        ...

    def one(self, sql: str, parameters: Parameters = ()) -> Record | None:
        """The first row of a query, or None."""
        ...

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement; the number of rows it changed."""
        ...

    def execute_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """Run one statement once for each of `rows`."""
        ...

    def transaction(self, mode: Mode) -> AbstractContextManager[None]:
        """A transaction around the `with` block: committed at its end, rolled back when it raises."""
        ...

    def begin(self, mode: Mode) -> None:
        """Open a transaction; the context manager `transaction` is the usual way."""
        ...

    def commit(self) -> None:
        """Commit; a commit that fails is rolled back and raised."""
        ...

    def rollback(self) -> None:
        """Roll back; quiet when the engine has already done so by itself."""
        ...

    def without_triggers(self, tables: Sequence[str]) -> AbstractContextManager[None]:
        """No trigger of these tables fires for this transaction while the block runs; for repairs alone.

        On PostgreSQL the owner's right. When the block raises, the transaction has to be rolled back.
        """
        ...

    def same_place(self) -> bool:
        """Whether this still is what was opened: the same file under its path, a server that was not lost."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open on this connection."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...
