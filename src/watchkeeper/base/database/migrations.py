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
from watchkeeper.base.database.interface import Database, DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchkeeper.base.clock import Clock

_NAME = re.compile(r"(?P<name>\d{8}-[a-z0-9-]+)(?:\.(?P<engine>sqlite|postgresql))?\.sql")


class MigrationChanged(DatabaseError):
    """A migration that has run was edited afterwards."""


def statements(sql: str) -> Iterator[str]:
    """The single statements of a migration. Triggers end with `END;` on a line of its own."""
    lines: list[str] = []
    inside_trigger = False
    for line in sql.splitlines():
        text = line.split("--", 1)[0].rstrip()
        if not text.strip():
            continue
        lines.append(text)
        if text.lstrip().upper().startswith("CREATE TRIGGER"):
            inside_trigger = True
        ends = text.strip().upper().endswith("END;") if inside_trigger else text.endswith(";")
        if ends:
            yield "\n".join(lines)
            lines, inside_trigger = [], False
    if lines:
        yield "\n".join(lines)


def available(store: str, *, engine: str = "sqlite") -> list[tuple[str, str]]:
    """Names and texts of the migrations of one store, oldest first."""
    folder = resources.files("watchkeeper") / "migrations" / store
    found: list[tuple[str, str]] = []
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        match = _NAME.fullmatch(file.name)
        if match and match["engine"] in (None, engine):
            found.append((match["name"], file.read_text(encoding="utf-8")))
    return found


def migrate(database: Database, *, store: str, clock: Clock, engine: str = "sqlite") -> list[str]:
    """Bring `database` up to date; the names that ran now. All of them run in one transaction."""
    ran: list[str] = []
    with database.transaction("write"):
        database.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(name TEXT PRIMARY KEY, digest TEXT NOT NULL, ran_at INTEGER NOT NULL) STRICT"
        )
        done = {
            str(name): str(was) for name, was in database.query("SELECT name, digest FROM schema_migrations")
        }
        for name, sql in available(store, engine=engine):
            fingerprint = canonical.digest(sql.encode("utf-8"))
            if name in done:
                if done[name] != fingerprint:
                    msg = f"{MigrationChanged.__doc__} It is {name}."
                    raise MigrationChanged(msg)
                continue
            for statement in statements(sql):
                database.execute(statement)
            database.execute(
                "INSERT INTO schema_migrations (name, digest, ran_at) VALUES (?, ?, ?)",
                (name, fingerprint, clock.now()),
            )
            ran.append(name)
    return ran
