"""Dated migrations: files of SQL, run once each, in order of their names.

A file is named `YYYYMMDD-what.sql`, or `YYYYMMDD-what.<engine>.sql` where engines differ. What ran
is a row with the file's digest; a file that changed after it ran is refused, because a database
that nobody can rebuild is a database that nobody can check.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

from watchkeeper.base import canonical
from watchkeeper.base.database.interface import Database, DatabaseError, Engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from watchkeeper.base.clock import Clock

_NAME = re.compile(r"(?P<name>\d{8}-[a-z0-9-]+)(?:\.(?P<engine>sqlite|postgresql))?\.sql")


class MigrationChanged(DatabaseError):
    """A migration that has run was edited afterwards."""


def statements(sql: str) -> Iterator[str]:
    """The single statements of a migration.

    SQLite's triggers end with `END;` on a line of its own; PostgreSQL's functions stand between `$$`.
    """
    lines: list[str] = []
    inside_trigger = inside_dollars = False
    for line in sql.splitlines():
        text = line.split("--", 1)[0].rstrip()
        if not text.strip():
            continue
        lines.append(text)
        if text.upper().startswith("CREATE TRIGGER") and not text.endswith(";"):
            inside_trigger = True
        if text.count("$$") % 2:
            inside_dollars = not inside_dollars
        ends = text.strip().upper().endswith("END;") if inside_trigger else text.endswith(";")
        if ends and not inside_dollars:
            yield "\n".join(lines)
            lines, inside_trigger = [], False
    if lines:
        yield "\n".join(lines)


def available(store: str, *, engine: Engine) -> list[tuple[str, str]]:
    """Names and texts of the migrations of one store, oldest first."""
    folder = resources.files("watchkeeper") / "migrations" / store
    found: list[tuple[str, str]] = []
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        match = _NAME.fullmatch(file.name)
        if match and match["engine"] in (None, engine):
            found.append((match["name"], file.read_text(encoding="utf-8")))
    return found


def pending(database: Database, *, store: str) -> list[str]:
    """The migrations of an embedded store that have not run in it."""
    done = {str(name) for (name,) in database.query("SELECT name FROM schema_migrations")}
    return [name for name, _ in available(store, engine=database.engine) if name not in done]


def migrate(
    database: Database, *, store: str, clock: Clock, schema: str = "", names: Mapping[str, str] | None = None
) -> list[str]:
    """Bring one store up to date; the names that ran now. All of them run in one transaction.

    On PostgreSQL a store has a `schema` for its list of what ran, and `names` are put in for `{name}`: the roles.
    """
    with database.transaction("write"):
        return migrate_in(database, store=store, clock=clock, schema=schema, names=names)


def migrate_in(
    database: Database, *, store: str, clock: Clock, schema: str = "", names: Mapping[str, str] | None = None
) -> list[str]:
    """The same in the caller's transaction."""
    ran: list[str] = []
    table = f"{schema}.{store}_migrations" if schema else "schema_migrations"
    strict, number = (" STRICT", "INTEGER") if database.engine == "sqlite" else ("", "BIGINT")
    database.execute(
        f"CREATE TABLE IF NOT EXISTS {table} "
        f"(name TEXT PRIMARY KEY, digest TEXT NOT NULL, ran_at {number} NOT NULL){strict}"
    )
    done = {str(name): str(was) for name, was in database.query(f"SELECT name, digest FROM {table}")}
    for name, sql in available(store, engine=database.engine):
        fingerprint = canonical.digest(sql.encode("utf-8"))
        if name in done:
            if done[name] != fingerprint:
                msg = f"{MigrationChanged.__doc__} It is {name}."
                raise MigrationChanged(msg)
            continue
        for statement in statements(sql):
            database.execute(filled(statement, names or {}))
        database.execute(
            f"INSERT INTO {table} (name, digest, ran_at) VALUES (?, ?, ?)", (name, fingerprint, clock.now())
        )
        ran.append(name)
    return ran


def filled(statement: str, names: Mapping[str, str]) -> str:
    """A statement with the names put in."""
    for name, value in names.items():
        statement = statement.replace("{" + name + "}", value)
    return statement
