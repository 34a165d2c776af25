"""What a database's schema is made of, so that it can be compared with what the migrations make."""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from watchkeeper.base import canonical
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database.interface import Database, DatabaseMissing
from watchkeeper.base.database.migrations import migrate
from watchkeeper.base.database.places import engine_of
from watchkeeper.base.database.sqlite import create_sqlite

#: What the owner saw right after the migrations; the watch compares with it.
REFERENCE_FILE = "schema-reference.json"

#: Many times what we have; an attacker who adds more is found by the digest of the first ones too.
_OBJECTS_MAX = 10_000


def objects(database: Database) -> dict[tuple[str, str], str]:
    """What the schema is made of: (kind, name) -> its definition, white space aside."""
    if database.engine == "postgresql":
        return _server_objects(database)
    rows = database.query(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY type, name LIMIT ?",
        (_OBJECTS_MAX,),
    )
    return {(str(kind), str(name)): " ".join(str(sql).split()) for kind, name, sql in rows}


#: Everything that guards the books on PostgreSQL: tables with columns, constraints and foreign keys in force, indexes,
#: views, triggers and whether they fire, functions, rules, and who may do what.
_SERVER_OBJECTS = """
WITH spaces AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('market', 'boundary')),
tables AS (SELECT s.nspname || '.' || c.relname AS name, c.* FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace)
SELECT 'table', t.name, concat_ws(' ', t.relpersistence, t.relrowsecurity, pg_get_userbyid(t.relowner), (
    SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
        pg_get_expr(d.adbin, d.adrelid)), ', ' ORDER BY a.attnum)
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped), (
    SELECT string_agg(concat_ws(' ', k.conname, k.convalidated, pg_get_constraintdef(k.oid)), ', ' ORDER BY k.conname)
    FROM pg_constraint k WHERE k.conrelid = t.oid), (
    SELECT count(*) FROM pg_trigger g WHERE g.tgrelid = t.oid AND g.tgisinternal AND g.tgenabled <> 'O'))
    FROM tables t WHERE t.relkind IN ('r', 'p', 'f')
UNION ALL SELECT 'index', t.name, concat_ws(' ', pg_get_indexdef(t.oid), i.indisvalid) FROM tables t
    JOIN pg_index i ON i.indexrelid = t.oid
UNION ALL SELECT 'view', t.name, concat_ws(' ', pg_get_viewdef(t.oid), pg_get_userbyid(t.relowner)) FROM tables t
    WHERE t.relkind IN ('v', 'm')
UNION ALL SELECT 'sequence', t.name, pg_get_userbyid(t.relowner)::text FROM tables t WHERE t.relkind = 'S'
UNION ALL SELECT 'trigger', concat(t.name, '.', g.tgname), concat_ws(' ', pg_get_triggerdef(g.oid), g.tgenabled)
    FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
UNION ALL SELECT 'function', concat(s.nspname, '.', p.proname, '(', pg_get_function_identity_arguments(p.oid), ')'),
    concat_ws(' ', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner))
    FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace WHERE p.prokind IN ('f', 'p')
UNION ALL SELECT 'rule', concat(t.name, '.', r.rulename), concat_ws(' ', pg_get_ruledef(r.oid), r.ev_enabled)
    FROM pg_rewrite r JOIN tables t ON t.oid = r.ev_class WHERE r.rulename <> '_RETURN'
UNION ALL SELECT 'policy', concat(t.name, '.', p.polname), p.polcmd::text FROM pg_policy p JOIN tables t ON t.oid = p.polrelid
UNION ALL SELECT 'grant', concat(t.name, ' to ', coalesce(pg_get_userbyid(nullif(a.grantee, 0)), 'everybody')),
    string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)
    FROM tables t CROSS JOIN LATERAL aclexplode(t.relacl) a WHERE a.grantee <> t.relowner GROUP BY 2
UNION ALL SELECT 'grant',
    concat(t.name, '.', c.attname, ' to ', coalesce(pg_get_userbyid(nullif(a.grantee, 0)), 'everybody')),
    string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)
    FROM tables t JOIN pg_attribute c ON c.attrelid = t.oid CROSS JOIN LATERAL aclexplode(c.attacl) a
    WHERE a.grantee <> t.relowner GROUP BY 2
ORDER BY 1, 2 LIMIT ?
"""


def _server_objects(database: Database) -> dict[tuple[str, str], str]:
    # The server leaves out the schema of a name that the search path finds: so everyone looks with the same path.
    with contextlib.nullcontext() if database.in_transaction else database.transaction("read"):
        before = database.one("SELECT current_setting('search_path')")
        database.query("SELECT set_config('search_path', 'pg_catalog', true)")
        rows = database.query(_SERVER_OBJECTS, (_OBJECTS_MAX,))
        database.query("SELECT set_config('search_path', ?, true)", before or ("",))
    return {(str(kind), str(name)): " ".join(str(text).split()) for kind, name, text in rows}


def fingerprint(database: Database) -> str:
    """SHA-256 over all objects of the schema."""
    found = objects(database)
    return canonical.digest(canonical.encode([[kind, name, sql] for (kind, name), sql in found.items()]))


def reference(data: Path) -> dict[tuple[str, str], str]:
    """The objects as the books' migrations made them: from a fresh file, or as the owner kept them on the server's side.

    Raises `DatabaseMissing` when they were not kept.
    """
    if engine_of(data) == "postgresql":
        return kept(data)
    return dict(_as_made())


@functools.cache
def _as_made() -> Mapping[tuple[str, str], str]:
    """Once in a process: its own migrations do not change. When they ran is thrown away with the file."""
    with tempfile.TemporaryDirectory() as folder:
        database = create_sqlite(Path(folder) / "reference.db")
        try:
            migrate(database, store="market", clock=SystemClock())
            return objects(database)
        finally:
            database.close()


def keep_reference(database: Database, data: Path) -> None:
    """Keep the server's objects as they are right after the migrations, in the owner's transaction."""
    document = [[kind, name, text] for (kind, name), text in objects(database).items()]
    path = data / REFERENCE_FILE
    temporary = path.with_suffix(".new")
    temporary.write_bytes(canonical.encode(document))
    temporary.replace(path)


def kept(data: Path) -> dict[tuple[str, str], str]:
    """What `keep_reference` kept; raises `DatabaseMissing` when it cannot be read."""
    try:
        document = json.loads((data / REFERENCE_FILE).read_bytes())
        return {(str(kind), str(name)): str(text) for kind, name, text in document}
    except (OSError, ValueError, TypeError) as error:
        raise DatabaseMissing(
            f"{REFERENCE_FILE} cannot be read; watchkeeper database upgrade makes it"
        ) from error
