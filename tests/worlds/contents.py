"""All that a system has written down: each row of each store, each byte of each file, each line that it said."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from dulwich.repo import Repo

from tests.worlds.system import System
from watchkeeper.base.database import engine_of, file_of, open_database

#: Columns that hold money, in any store.
MONEY = re.compile(r"ugx|amount|price|capital|locked_after|profit|balance|earnings|proceeds|exposure")
#: Smaller ones stand in many a date.
AMOUNT_MIN = 1_000
#: An amount that other things have too, for reasons of their own: grams.
ALSO_GRAMS = {10_000, 60_000, 100_000, 300_000}
#: What stands between the digits where people write them.
BETWEEN = r"[ ,.'_\u00a0\u2009\u202f\u2019]?"
_NOT_OURS = ("pg_catalog", "information_schema", "identity")


def written(amount: int) -> str:
    """A pattern of the amount in every way to write it, and of no longer number."""
    digits = str(amount)
    groups = [digits[max(0, end - 3) : end] for end in range(len(digits), 0, -3)][::-1]
    return rf"(?<![\w.]){BETWEEN.join(groups)}(?:\.00?)?(?!\w)"


def money_and_texts(data: Path) -> tuple[list[int], str]:
    """Each amount in the books, and every row of every table but the identities' as text."""
    amounts: set[int] = set()
    texts: list[str] = []
    for table, columns, rows in _tables(data):
        texts += [f"{table} {row!r}" for row in rows]
        for position, column in enumerate(columns):
            if MONEY.search(column):
                values = [row[position] for row in rows]
                amounts |= {abs(value) for value in values if isinstance(value, int)}
    return sorted(amounts), "\n".join(texts)


def _tables(data: Path) -> Iterator[tuple[str, list[str], list[tuple[object, ...]]]]:
    if engine_of(data) == "postgresql":
        database = open_database(data, "market", role="owner")
        marks = ", ".join("?" for _ in _NOT_OURS)
        found = database.query(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns JOIN pg_tables ON "
            f"schemaname = table_schema AND tablename = table_name WHERE table_schema NOT IN ({marks}) "
            "ORDER BY table_schema, table_name, ordinal_position",
            _NOT_OURS,
        )
        columns: dict[str, list[str]] = {}
        for schema, table, column in found:
            columns.setdefault(f"{schema!s}.{table!s}", []).append(str(column))
        for name, own in columns.items():
            rows = database.query(f"SELECT {', '.join(own)} FROM {name}")
            yield name, own, [tuple(row) for row in rows]
        database.close()
    for path in sorted(data.rglob("*.db")):
        if path == file_of(data, "identity"):
            continue
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (name,) in names:
            cursor = connection.execute(f"SELECT * FROM {name}")
            yield f"{path.name} {name}", [one[0] for one in cursor.description], cursor.fetchall()
        connection.close()


def apart(data: Path) -> tuple[list[int], str]:
    """`money_and_texts` from another process: two SQLite libraries in one would undo each other's locks."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import json, sys; from pathlib import Path; from tests.worlds.contents import money_and_texts; "
            "print(json.dumps(money_and_texts(Path(sys.argv[1]))))",
            str(data),
        ],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
    )
    amounts, texts = json.loads(done.stdout)
    return amounts, texts


def files(data: Path) -> Iterator[tuple[str, str]]:
    """Every file of the folder but the identities', by its path; what is packed is unpacked."""
    identity = file_of(data, "identity").name
    for path in sorted(one for one in data.rglob("*") if one.is_file()):
        if path.name.startswith(identity):
            continue
        content = path.read_bytes()
        if path.parent.parent.name == "objects" and len(path.parent.name) == 2:
            content += zlib.decompress(content)
        yield str(path.relative_to(data)), content.decode("latin-1")
        if path.name == "HEAD" and (path.parent / "objects").is_dir():
            with Repo(str(path.parent)) as repository:
                for number in repository.object_store:
                    whole = repository.object_store[number]
                    yield f"{path} {number!r}", whole.as_raw_string().decode("latin-1")


def said(system: System) -> Iterator[tuple[str, str]]:
    """What the processes printed, and what was sent to the operator."""
    yield "the output of the processes", "\n".join(system.lines)
    yield "the mails", "\n".join(mail.as_string() for mail in system.mail.mails)
    yield "the webhooks", json.dumps(system.webhook.events)
