"""A PostgreSQL database made ready: roles, schemas, migrations, what each role may wait for, and what is missing.

`initialise` needs a superuser's connection once; everything after it is the owner's.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import conninfo, errors, sql

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import places, schema
from watchkeeper.base.database.interface import Database, DatabaseError
from watchkeeper.base.database.migrations import available, migrate_in
from watchkeeper.base.database.places import ROLES, Role, Store

SCHEMAS = ("market", "boundary", "identity")
#: Store -> the schema that its list of migrations lies in, in the order in which they run.
STORES: dict[Store, str] = {
    "market": "market",
    "gate": "boundary",
    "lease": "boundary",
    "identity": "identity",
}
_SEARCH_PATH: dict[Role, str] = {
    "owner": "market, boundary, identity",
    "market": "market, boundary, identity",
    "watch": "boundary",
    "control": "boundary",
}
#: What each role waits for at most (architecture, The write path); the owner's migrations take what they take.
_WAITS: dict[Role, Mapping[str, str]] = {
    "owner": {"lock_timeout": "3s"},
    "market": {
        "lock_timeout": "1s",
        "statement_timeout": "2s",
        "idle_in_transaction_session_timeout": "2s",
    },
    "watch": {"statement_timeout": "30s", "idle_in_transaction_session_timeout": "60s"},
    "control": {
        "lock_timeout": "3s",
        "statement_timeout": "5s",
        "idle_in_transaction_session_timeout": "5s",
    },
}
VERSION_MIN = 150_000
#: The log grows by segments of this size unless it was set up otherwise; a server that has no room for one stops soon.
ROOM_BYTES = 16 * 1024 * 1024
_ROOM_ROW_BYTES = 1024


class ServerUnfit(DatabaseError):
    """The server or the database cannot be used as it is."""


def names(data: Path) -> dict[str, str]:
    """The roles' quoted names, to be put into migrations."""
    found: dict[str, str] = {}
    for role, url in places.addresses(data).items():
        user = conninfo.conninfo_to_dict(url).get("user")
        found[role] = '"' + str(user).replace('"', '""') + '"'
    return found


def upgrade_in(database: Database, data: Path, *, clock: Clock) -> list[str]:
    """Run the migrations of all four stores in the owner's transaction; the names that ran now."""
    ran: list[str] = []
    for store, where in STORES.items():
        ran += [
            f"{store} {name}"
            for name in migrate_in(database, store=store, clock=clock, schema=where, names=names(data))
        ]
    return ran


def initialise(url: str, *, prefix: str | None = None) -> dict[Role, str]:
    """Make roles and schemas in the database that `url` leads to, as its superuser; the address of each role.

    The roles are named after the database, or after `prefix`. Run again it gives them new passwords and changes nothing
    else. Raises `ServerUnfit`.
    """
    with _superuser(url) as connection:
        return _initialise(connection, url, prefix=prefix)


def _initialise(
    connection: psycopg.Connection[tuple[object, ...]], url: str, *, prefix: str | None
) -> dict[Role, str]:
    if connection.info.server_version < VERSION_MIN:
        raise ServerUnfit("PostgreSQL 15 or newer is needed")
    row = connection.execute(
        "SELECT current_database(), pg_encoding_to_char(encoding) FROM pg_database "
        "WHERE datname = current_database()"
    ).fetchone()
    if row is None or row[1] != "UTF8":
        raise ServerUnfit(
            "the database's encoding must be UTF8: CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'"
        )
    there = connection.execute("SELECT to_regclass('market.system') IS NOT NULL").fetchone()
    if there == (True,) and connection.execute("SELECT 1 FROM market.system").fetchone() is not None:
        # Its roles would get new passwords, and whoever keeps that market could not get in any more.
        raise ServerUnfit("There is a market in this database already; choose an empty one.")
    name = sql.Identifier(str(row[0]))
    prefix = prefix or str(row[0])
    roles: dict[Role, str] = {}
    for role in ROLES:
        user = f"{prefix}_{role}"
        password = secrets.token_urlsafe(24)
        there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,)).fetchone()
        act = "ALTER ROLE {} LOGIN NOSUPERUSER" if there else "CREATE ROLE {} LOGIN NOSUPERUSER"
        connection.execute(sql.SQL(act + " PASSWORD {}").format(sql.Identifier(user), sql.Literal(password)))
        settings = {"search_path": _SEARCH_PATH[role], **_WAITS[role]}
        for key, value in settings.items():
            text = sql.SQL(value) if key == "search_path" else sql.Literal(value)
            connection.execute(
                sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                    sql.Identifier(user), name, sql.Identifier(key), text
                )
            )
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(user)))
        roles[role] = _with_user(url, user, password)
    owner = sql.Identifier(f"{prefix}_owner")
    for space in SCHEMAS:
        connection.execute(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(sql.Identifier(space), owner)
        )
    connection.execute(sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
    _let_read_log(connection, sql.Identifier(f"{prefix}_watch"))
    # Containment ends whoever keeps a change of the gate waiting.
    connection.execute(sql.SQL("GRANT pg_signal_backend TO {}").format(sql.Identifier(f"{prefix}_control")))
    connection.execute(sql.SQL("GRANT pg_signal_backend TO {}").format(owner))
    return roles


@contextmanager
def scratch(url: str) -> Iterator[str]:
    """A new database beside the one that `url` leads to, with its roles dropped again at the end; its superuser's address.

    Raises `ServerUnfit`.
    """
    name = f"watchkeeper_scratch_{secrets.token_hex(6)}"
    with _superuser(url) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(
                sql.Identifier(name)
            )
        )
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        with _superuser(url) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for role in ROLES:
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(f"{name}_{role}")))


@contextmanager
def copied(url: str) -> Iterator[str]:
    """A copy of the database that `url` leads to, which nobody else may be using, dropped again at the end; its superuser's
    address. The same roles get in, with the same settings. Raises `ServerUnfit`.
    """
    name = f"watchkeeper_scratch_{secrets.token_hex(6)}"
    copy = sql.Identifier(name)
    beside = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with _superuser(beside) as connection:
        original = urlsplit(url).path.removeprefix("/")
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, sql.Identifier(original)))
    try:
        with _superuser(beside) as connection:
            # What a role waits for at most belongs to the database and is not copied with it.
            settings = connection.execute(
                "SELECT r.rolname, c FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole "
                "JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c WHERE d.datname = %s",
                (original,),
            ).fetchall()
            for role, setting in settings:
                key, _, value = str(setting).partition("=")
                text = sql.SQL(value) if key == "search_path" else sql.Literal(value)
                connection.execute(
                    sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                        sql.Identifier(str(role)), copy, sql.Identifier(key), text
                    )
                )
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        with _superuser(beside) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(copy))


@contextmanager
def _superuser(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            yield connection
    except psycopg.Error as error:
        raise ServerUnfit(" ".join(str(error).split())[:300]) from error


def durability(database: Database) -> str:
    """What an answered commit survives, as the server is set."""
    names = (
        "server_version",
        "fsync",
        "synchronous_commit",
        "full_page_writes",
        "wal_sync_method",
        "synchronous_standby_names",
    )
    row = database.one("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    found = {name: str(value) for name, value in zip(names, row or ("",) * len(names), strict=True)}
    return "PostgreSQL " + ", ".join(f"{name}={value or 'none'}" for name, value in found.items())


def no_room(database: Database) -> str:
    """What the server says when its disk has no room for `ROOM_BYTES` more; empty when it has.

    Any role may ask: the answer is a result too large for memory, so the server puts it into a file beside its tables and
    takes it away again. Nothing is logged or kept. Raises `DatabaseError` when the server cannot be asked.
    """
    try:
        with database.transaction("read"):
            database.query("SELECT set_config('work_mem', '64kB', true)")
            database.query(
                "WITH filler AS MATERIALIZED (SELECT repeat('x', ?) AS x FROM generate_series(1, ?)) "
                "SELECT count(x) FROM filler",
                (_ROOM_ROW_BYTES, ROOM_BYTES // _ROOM_ROW_BYTES),
            )
    except DatabaseError as error:
        if isinstance(error.__cause__, errors.DiskFull):
            return str(error)
        raise
    return ""


def _let_read_log(connection: psycopg.Connection[tuple[object, ...]], watch: sql.Identifier) -> None:
    """Let the watch read the write-ahead log, where the server has what it takes; nobody else."""
    there = connection.execute(
        "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_walinspect'"
    ).fetchone()
    if there is None:
        return
    connection.execute("CREATE SCHEMA IF NOT EXISTS walinspect")
    connection.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect SCHEMA walinspect")
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA walinspect TO {}").format(watch))
    connection.execute(
        sql.SQL("GRANT EXECUTE ON FUNCTION walinspect.pg_get_wal_records_info(pg_lsn, pg_lsn) TO {}").format(
            watch
        )
    )


def _with_user(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"))


def missing(data: Path) -> list[str]:
    """What keeps this data folder's database from being used, in words; empty when nothing does."""
    problems: list[str] = []
    found = places.addresses(data)
    for role in ROLES:
        if role not in found:
            problems.append(f"there is no address for the role {role}")
            continue
        try:
            database = places.open_database(data, "market", role=role)
        except DatabaseError as error:
            problems.append(f"{role}: {error}")
            continue
        try:
            if role == "owner":
                unmigrated = _unmigrated(database)
                # Before its migrations have run a schema is what it was.
                problems += unmigrated or _not_as_made(database, data)
            problems += _out_of_reach(database, role)
            problems += _powers(database, role)
        except DatabaseError as error:
            problems.append(f"{role}: {error}")
        finally:
            database.close()
    return problems


def _unmigrated(database: Database) -> list[str]:
    problems: list[str] = []
    for store, where in STORES.items():
        table = f"{where}.{store}_migrations"
        if database.one("SELECT to_regclass(?)", (table,)) in (None, (None,)):
            problems.append(f"{store}: no migration has run; watchkeeper database init")
            continue
        done = {str(row[0]) for row in database.query(f"SELECT name FROM {table}")}
        left = [name for name, _ in available(store, engine="postgresql") if name not in done]
        if left:
            problems.append(f"{store}: {', '.join(left)} did not run; watchkeeper database upgrade")
    return problems


def _not_as_made(database: Database, data: Path) -> list[str]:
    """Grants, tables, triggers and whatever else is not as the owner kept it right after the migrations."""
    made, stands = schema.kept(data), schema.objects(database)
    problems = [
        f"{kind} {name} is {'missing' if (kind, name) not in stands else 'not as the migrations made it'}"
        for (kind, name), text in made.items()
        if stands.get((kind, name)) != text
    ]
    return problems + [
        f"{kind} {name} was not made by the migrations" for kind, name in stands if (kind, name) not in made
    ]


def _out_of_reach(database: Database, role: Role) -> list[str]:
    """What a role needs beside its tables: schemas, the log, the right to end who keeps it waiting."""
    problems = [
        f"{role} may not use the schema {name}"
        for name in _SEARCH_PATH[role].split(", ")
        if database.one(
            "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = ?", (name,)
        )
        != (True,)
    ]
    if role == "watch" and database.one(
        "SELECT has_schema_privilege(n.oid, 'USAGE') AND has_function_privilege(p.oid, 'EXECUTE') FROM pg_proc p "
        "JOIN pg_namespace n ON n.oid = p.pronamespace "
        "WHERE n.nspname = 'walinspect' AND p.proname = 'pg_get_wal_records_info'"
    ) != (True,):
        problems.append(
            "watch cannot read the write-ahead log: pg_walinspect is not installed in the schema walinspect, or not granted"
        )
    if role in ("owner", "control") and database.one("SELECT pg_has_role('pg_signal_backend', 'USAGE')") != (
        True,
    ):
        problems.append(f"{role} may not end who keeps it waiting: it is no member of pg_signal_backend")
    return problems


def _powers(database: Database, role: Role) -> list[str]:
    row = database.one(
        "SELECT rolsuper OR rolcreaterole OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    problems = [f"{role} may do more than it should: it is no role for daily work"] if row == (True,) else []
    if role != "owner":
        owned = database.one(
            "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        )
        if owned != (0,):
            problems.append(f"{role} owns tables; only the owner should")
    return problems
