"""Rows as CSV (RFC 4180) that a spreadsheet shows and never runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from watchkeeper.base.clock import FIRST_INSTANT, LAST_INSTANT, Instant
from watchkeeper.base.database import Database
from watchkeeper.market.rows import number
from watchkeeper.market.tables import EFFECT_COLUMNS, JOURNAL_COLUMNS

_PAGE = 1000
#: A cell that begins with one of these is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> object:
    """A value as a cell: texts that a spreadsheet would run are quoted with an apostrophe."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A CSV document, line by line, its head first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    yield _taken(buffer)
    for found in rows:
        writer.writerow([cell(value) for value in found])
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def tables() -> dict[str, tuple[str, ...]]:
    """The tables of the books that say when their rows were written, with their columns; the journal first."""
    dated = {name: columns for name, columns in EFFECT_COLUMNS.items() if "at" in columns}
    return {"journal": JOURNAL_COLUMNS} | dated


def rows(
    database: Database, table: str, *, since: Instant = FIRST_INSTANT, until: Instant = LAST_INSTANT
) -> Iterator[tuple[object, ...]]:
    """Rows of a table with `since` <= at < `until`, by key, in pages; those that stood when the reading began."""
    columns = tables()[table]
    key = columns[0]
    row = database.one(f"SELECT coalesce(max({key}), 0) FROM {table}")
    upto = number(row[0]) if row else 0
    last = 0
    while True:
        found = database.query(
            f"SELECT {', '.join(columns)} FROM {table} WHERE {key} > ? AND {key} <= ? AND at >= ? AND at < ? "
            f"ORDER BY {key} LIMIT ?",
            (last, upto, since, until, _PAGE),
        )
        yield from found
        if len(found) < _PAGE:
            return
        last = number(found[-1][0])


def write(
    database: Database, folder: Path, *, since: Instant = FIRST_INSTANT, until: Instant = LAST_INSTANT
) -> dict[str, int]:
    """Write a file for each table into a folder; how many rows each has. A file that is there is an error."""
    written: dict[str, int] = {}
    for table, columns in tables().items():
        with (folder / f"{table}.csv").open("x", encoding="utf-8", newline="") as file:
            count = -1
            for line in lines(columns, rows(database, table, since=since, until=until)):
                file.write(line)
                count += 1
        written[table] = count
    return written
