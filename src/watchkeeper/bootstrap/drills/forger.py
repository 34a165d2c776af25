"""Commits a fault from outside. Run as a file, in a process of its own: two SQLite libraries in one process would undo
each other's locks. Nothing of ours is used but the way in which canonical bytes are made, which a forger who means it
would know.

Reads a JSON document: engine, place (a file or an address), schemas, tables that have effect rows, statements, marks.
Prints the moment right after the commit, in nanoseconds since boot.
"""

import json
import os
import sqlite3
import sys
import time
from typing import Any

from watchkeeper.base import canonical


def _connect(job: dict[str, Any]) -> Any:
    if job["engine"] == "sqlite":
        return sqlite3.connect(job["place"], timeout=10, isolation_level=None)
    # Only here: to load it takes longer than to commit.
    import psycopg

    connection = psycopg.connect(job["place"], autocommit=True)
    connection.execute(f"SET search_path = {job['schemas']}")
    return connection


def _digest(connection: Any, tables: list[str], utid: str) -> str:
    rows = []
    for table in tables:
        found = connection.execute(f"SELECT * FROM {table} WHERE utid = {utid}")
        columns = [column[0] for column in found.description]
        for values in found.fetchall():
            row = dict(zip(columns, values, strict=True))
            rows.append((table, row["id"], row))
    return canonical.effects_digest(rows)


def main() -> None:
    job = json.load(sys.stdin)
    connection = _connect(job)
    connection.execute("BEGIN")
    digest = ""
    triggers: dict[str, str] = {}
    for statement in job["statements"]:
        if statement.startswith(job["digest_of"]):
            digest = _digest(connection, job["tables"], statement.removeprefix(job["digest_of"]))
        elif statement.startswith(job["put_back"]):
            connection.execute(triggers[statement.removeprefix(job["put_back"])])
        else:
            if statement.startswith("DROP TRIGGER ") and job["engine"] == "sqlite":
                name = statement.removeprefix("DROP TRIGGER ")
                row = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
                triggers[name] = row[0]
            connection.execute(statement.replace(job["digest"], digest))
    if job["engine"] == "postgresql":
        connection.execute("SELECT pg_stat_force_next_flush()")
    connection.execute("COMMIT")
    committed = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    connection.close()
    print(committed, flush=True)
    # Nothing is left to be tidied up, and the watch is waiting.
    os._exit(0)


if __name__ == "__main__":
    main()
