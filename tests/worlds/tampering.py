"""Somebody with the database: changes, removes, adds and swaps rows of any table, and puts all of it back afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

import psycopg

from watchkeeper.base.canonical import Value
from watchkeeper.base.database import DatabaseError, engine_of, open_database
from watchkeeper.base.database.places import addresses
from watchkeeper.boundary.views import VIEWS, View

Place = tuple[str, int]
Row = tuple[Value, ...]
_TRUNCATED_MAX = 3
#: A changed number stays one that the engine can hold, and a changed key near the others.
_BITS, _KEY_BITS = 40, 9


class Hand(Protocol):
    """A login that may do anything, with nothing in its way."""

    def query(self, sql: str, parameters: Row = ()) -> list[Row]: ...
    def write(self, statements: list[tuple[str, Row]]) -> None:
        """All in one transaction; raises `Refused`."""
        ...

    def close(self) -> None: ...


class Refused(Exception):
    """The engine itself holds no such row: another tampering is tried."""


class _Sqlite:
    def __init__(self, data: Path) -> None:
        self._database = open_database(data, "market", role="owner")
        self._database.execute("PRAGMA foreign_keys = OFF")
        self._database.execute("PRAGMA ignore_check_constraints = ON")
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for name in [str(row[0]) for row in self._database.query(triggers)]:
            self._database.execute(f"DROP TRIGGER {name}")

    def query(self, sql: str, parameters: Row = ()) -> list[Row]:
        return [tuple(row) for row in self._database.query(sql, parameters)]

    def write(self, statements: list[tuple[str, Row]]) -> None:
        try:
            with self._database.transaction("write"):
                for sql, parameters in statements:
                    self._database.execute(sql, parameters)
        except DatabaseError as error:
            raise Refused(str(error)) from error

    def close(self) -> None:
        self._database.close()


class _Postgres:
    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("SET search_path = market")
        tables = self._connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'market'"
        ).fetchall()
        for (table,) in tables:
            self._connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        for kinds in ("f", "cu"):
            found = self._connection.execute(
                "SELECT conrelid::regclass::text, conname FROM pg_constraint "
                "WHERE contype = ANY(%s) AND connamespace = 'market'::regnamespace",
                (list(kinds),),
            ).fetchall()
            for table, name in found:
                self._connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')

    def query(self, sql: str, parameters: Row = ()) -> list[Row]:
        return self._connection.execute(sql.replace("?", "%s"), parameters).fetchall()

    def write(self, statements: list[tuple[str, Row]]) -> None:
        try:
            with self._connection.transaction():
                for sql, parameters in statements:
                    self._connection.execute(sql.replace("?", "%s"), parameters)
        except psycopg.Error as error:
            raise Refused(str(error)) from error

    def close(self) -> None:
        self._connection.close()


def hand(data: Path, *, superuser_url: str | None) -> Hand:
    """The login for this folder's engine."""
    if engine_of(data) == "sqlite":
        return _Sqlite(data)
    if superuser_url is None:
        raise ValueError("a server's superuser has an address")
    return _Postgres(superuser_url)


def superuser_of(data: Path) -> str | None:
    """The superuser's address of the tests' own cluster, by the owner's."""
    if engine_of(data) == "sqlite":
        return None
    owner = psycopg.conninfo.conninfo_to_dict(addresses(data)["owner"])
    return psycopg.conninfo.make_conninfo(
        host="127.0.0.1", port=owner["port"], dbname=owner["dbname"], user="super"
    )


@dataclass(slots=True)
class Tampering:
    """What was done: the rows that are not as they were, and what puts them back."""

    what: str
    places: set[Place]
    undo: list[tuple[str, Row]] = field(default_factory=list)


class Tamperer:
    """Draws tamperings from a seeded source; no two of a round touch the same row."""

    def __init__(self, data: Path, *, seed: int) -> None:
        self._hand = hand(data, superuser_url=superuser_of(data))
        self._random = Random(seed)
        self._keys: dict[str, list[int]] = {}
        for view in VIEWS.values():
            keys = [
                int(str(key))
                for (key,) in self._hand.query(f"SELECT {view.key} FROM {view.table} ORDER BY 1")
            ]
            if keys:
                self._keys[view.table] = keys
        #: Tables that were tampered with so far.
        self.tables: set[str] = set()

    @property
    def known(self) -> set[str]:
        """The tables that have rows."""
        return set(self._keys)

    def round(self, count: int) -> list[Tampering]:
        """Commit so many tamperings, each in a transaction of its own."""
        done: list[Tampering] = []
        touched: set[Place] = set()
        while len(done) < count:
            act = self._random.choices(
                (self._edit, self._delete, self._insert, self._swap, self._truncate), (70, 10, 10, 5, 5)
            )[0]
            view = VIEWS[self._random.choice(sorted(self._keys))]
            try:
                tampering = act(view, touched)
            except Refused:
                continue
            if tampering is not None:
                touched |= tampering.places
                self.tables.add(view.table)
                done.append(tampering)
        return done

    def undo(self, done: list[Tampering]) -> None:
        """Put everything back as it was, the last first."""
        for tampering in reversed(done):
            self._hand.write(tampering.undo)

    def close(self) -> None:
        self._hand.close()

    def _row(self, view: View, key: int) -> Row:
        (row,) = self._hand.query(
            f"SELECT {', '.join(view.columns)} FROM {view.table} WHERE {view.key} = ?", (key,)
        )
        return row

    def _free(self, view: View, touched: set[Place]) -> int | None:
        key = self._random.choice(self._keys[view.table])
        return None if (view.table, key) in touched else key

    def _edit(self, view: View, touched: set[Place]) -> Tampering | None:
        key = self._free(view, touched)
        if key is None:
            return None
        before = self._row(view, key)
        column = self._random.choice(view.columns)
        value = before[view.columns.index(column)]
        changed, expression = self._changed(value, is_key=column == view.key)
        places = {(view.table, key)}
        now = key
        if column == view.key:
            now = int(str(changed))
            if (view.table, now) in touched or now in self._keys[view.table] or self._appended(view, now):
                return None
            places.add((view.table, now))
        self._hand.write(
            [(f"UPDATE {view.table} SET {column} = {expression} WHERE {view.key} = ?", (changed, key))]
        )
        return Tampering(
            f"{view.table} {key}: {column} {value!r} -> {changed!r}",
            places,
            [_gone(view, now), _back(view, before)],
        )

    def _appended(self, view: View, key: int) -> bool:
        """A row at the end of a log that belongs to no journal row is new, not a sealed one that was tampered with."""
        return not view.journalled and key > self._keys[view.table][-1]

    def _changed(self, value: Value, *, is_key: bool) -> tuple[Value, str]:
        if isinstance(value, int):
            return value ^ (1 << self._random.randrange(_KEY_BITS if is_key else _BITS)), "?"
        if value is None:
            return self._random.choice((0, "x")), "?"
        data = bytearray(str(value).encode("utf-8"))
        if not data:
            return "x", "?"
        place = self._random.randrange(len(data))
        if isinstance(self._hand, _Postgres):
            # The server keeps nothing that is no text.
            data[place : place + 1] = self._random.choice(b"abcxyz0189 -").to_bytes(1, "big")
            text = data.decode("utf-8", "replace")
            if text == value:
                raise Refused("the same byte")
            return text, "?"
        data[place] ^= 1 << self._random.randrange(8)
        return bytes(data), "CAST(? AS TEXT)"

    def _delete(self, view: View, touched: set[Place]) -> Tampering | None:
        key = self._free(view, touched)
        if key is None:
            return None
        before = self._row(view, key)
        self._hand.write([_gone(view, key)])
        return Tampering(f"{view.table} {key} deleted", {(view.table, key)}, [_back(view, before)])

    def _insert(self, view: View, touched: set[Place]) -> Tampering | None:
        like = self._free(view, touched)
        if like is None:
            return None
        keys = self._keys[view.table]
        key = self._random.choice((-self._random.randrange(1, 1000), max(keys) + 1))
        if (
            (view.table, key) in touched
            or (view.table == "journal" and key <= 0)
            or self._appended(view, key)
        ):
            return None
        row = [
            key if name == view.key else value
            for name, value in zip(view.columns, self._row(view, like), strict=True)
        ]
        # What must be one of a kind is made so, or the engine itself would not have it.
        for name in ("command_id", "alias", "external_ref"):
            if name in view.columns:
                row[view.columns.index(name)] = f"added{key}"
        if view.table == "journal":
            row[view.columns.index("utid")] = f"20261124-120000-tra-{self._random.randrange(10**5, 10**6)}"
            row[view.columns.index("idempotency_key")] = None
            # With the digest of what it wrote it would be an act like any other; whether it may be is the policy's affair.
            row[view.columns.index("effects_digest")] = f"{self._random.randrange(16**64):064x}"
        self._hand.write([_back(view, tuple(row))])
        return Tampering(f"{view.table} {key} added", {(view.table, key)}, [_gone(view, key)])

    def _swap(self, view: View, touched: set[Place]) -> Tampering | None:
        one, other = self._free(view, touched), self._free(view, touched)
        if one is None or other is None or one == other:
            return None
        rows = [self._row(view, one), self._row(view, other)]
        at = view.columns.index(view.key)
        swapped = [_keyed(rows[1], at, one), _keyed(rows[0], at, other)]
        if swapped[0] == rows[0] or swapped[1] == rows[1]:
            return None
        gone = [_gone(view, one), _gone(view, other)]
        self._hand.write([*gone, *(_back(view, row) for row in swapped)])
        return Tampering(
            f"{view.table} {one} and {other} swapped",
            {(view.table, one), (view.table, other)},
            [*gone, *(_back(view, row) for row in rows)],
        )

    def _truncate(self, view: View, touched: set[Place]) -> Tampering | None:
        last = self._keys[view.table][-self._random.randrange(1, _TRUNCATED_MAX + 1) :]
        if any((view.table, key) in touched for key in last):
            return None
        rows = [self._row(view, key) for key in last]
        self._hand.write([_gone(view, key) for key in last])
        return Tampering(
            f"the last {len(last)} of {view.table} cut off",
            {(view.table, key) for key in last},
            [_back(view, row) for row in rows],
        )


def _keyed(row: Row, at: int, key: int) -> Row:
    return (*row[:at], key, *row[at + 1 :])


def _gone(view: View, key: int) -> tuple[str, Row]:
    return f"DELETE FROM {view.table} WHERE {view.key} = ?", (key,)


def _back(view: View, row: Row) -> tuple[str, Row]:
    return (
        f"INSERT INTO {view.table} ({', '.join(view.columns)}) VALUES ({', '.join('?' * len(row))})",
        row,
    )
