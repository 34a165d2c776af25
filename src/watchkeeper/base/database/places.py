"""Where the operated system's four stores are: files in the data folder, or the PostgreSQL database that it names.

The control room's own store is always a file: it must share no fate with what it watches. Everyone
who needs one of the four asks here, by the data folder, the store and the role in which they come.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from watchkeeper.base.database.interface import Database, DatabaseMissing, Engine
from watchkeeper.base.database.postgresql import open_postgresql
from watchkeeper.base.database.sqlite import Journal, Synchronous, open_sqlite

Store: TypeAlias = Literal["market", "identity", "gate", "lease"]
#: `owner` migrates and repairs; `market` appends; `watch` reads the published views; `control` restricts.
Role: TypeAlias = Literal["owner", "market", "watch", "control"]
ROLES: tuple[Role, ...] = ("owner", "market", "watch", "control")
#: Names the PostgreSQL database and how each role gets in. Its presence makes the folder a PostgreSQL one.
SERVER_FILE = "database.toml"
_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    journal: Journal
    synchronous: Synchronous


_FILES: dict[Store, _File] = {
    "market": _File("market.db", "wal", "FULL"),
    "identity": _File("identity.db", "wal", "FULL"),
    # A rollback journal: a change then waits for every reader, and none can commit after it.
    "gate": _File("gate.db", "delete", "EXTRA"),
    "lease": _File("lease.db", "wal", "NORMAL"),
}


def file_of(data: Path, store: Store) -> Path:
    """The file of an embedded store."""
    return data / _FILES[store].name


def engine_of(data: Path) -> Engine:
    """Which engine is behind this data folder."""
    return "postgresql" if (data / SERVER_FILE).exists() else "sqlite"


def addresses(data: Path) -> Mapping[Role, str]:
    """The connection string of each role; raises `DatabaseMissing` when they cannot be read or others can read them."""
    path = data / SERVER_FILE
    try:
        if path.stat().st_mode & 0o077:
            raise DatabaseMissing(
                f"{SERVER_FILE} holds passwords and can be read by others; make it mode 0600"
            )
        if path.stat().st_size > _BYTES_MAX:
            raise DatabaseMissing(f"{SERVER_FILE} is longer than {_BYTES_MAX} bytes")
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        roles = document["roles"]
        return {role: str(roles[role]) for role in ROLES if role in roles}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise DatabaseMissing(f"{SERVER_FILE} cannot be read: {type(error).__name__}") from error


def write_addresses(data: Path, roles: Mapping[Role, str]) -> None:
    """Keep the connection strings, for the owner of the folder alone."""
    path = data / SERVER_FILE
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(
            "# How Watchkeeper gets into its PostgreSQL database, by role. Holds passwords.\n[roles]\n"
        )
        file.writelines(f"{role} = {_quoted(url)}\n" for role, url in roles.items())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def open_database(
    data: Path,
    store: Store,
    *,
    role: Role,
    may_write: bool = True,
    busy_seconds_max: float = 5.0,
    vfs: str | None = None,
) -> Database:
    """A connection to one store. Raises `DatabaseMissing`, `DatabaseUnreadable`.

    `role` matters to PostgreSQL alone; `busy_seconds_max` and `vfs` to SQLite alone, PostgreSQL's
    time-outs belong to its roles.
    """
    if engine_of(data) == "postgresql":
        url = addresses(data).get(role)
        if url is None:
            raise DatabaseMissing(f"{SERVER_FILE} has no address for the role {role}")
        return open_postgresql(url, may_write=may_write)
    return open_file(data, store, may_write=may_write, busy_seconds_max=busy_seconds_max, vfs=vfs)


def open_file(
    data: Path, store: Store, *, may_write: bool = True, busy_seconds_max: float = 5.0, vfs: str | None = None
) -> Database:
    """The embedded file of a store, whatever the folder says about a server."""
    file = _FILES[store]
    return open_sqlite(
        data / file.name,
        journal=file.journal,
        synchronous=file.synchronous,
        may_write=may_write,
        busy_seconds_max=busy_seconds_max,
        vfs=vfs,
    )
