"""Rows that no journal row owns and nobody acknowledged: they are 2.3's, and move no replay."""

from __future__ import annotations

from collections.abc import Collection

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.views import VIEWS, Row
from watchkeeper.operation.catalogue import paging
from watchkeeper.operation.catalogue.context import Context, Found

#: More strangers of one table than this are not told apart one by one.
MOST = 5000
_AT_ONCE = 1000


def among(context: Context, table: str, rows: Collection[Row]) -> frozenset[int]:
    """The keys of those of these rows that are strangers."""
    by_key = {key: row for row in rows if isinstance(key := row[VIEWS[table].key], int)}
    keys = sorted(by_key)
    found: set[int] = set()
    for piece in paging.pieces(keys, _AT_ONCE):
        places = context.sealed(table, piece)
        for key in piece:
            row = by_key[key]
            place = places.get(key)
            # What is not read yet belongs, where some command wrote a row of its UTID.
            owned = _has_number(context, row["utid"]) if place is None else place[0] == "main"
            if not owned and context.acknowledged(Found(table, key, row)) is None:
                found.add(key)
    return frozenset(found)


def of_table(context: Context, table: str) -> frozenset[int] | None:
    """All strangers of a table, read or not; None when they are more than `MOST`."""
    keys = set(sealed_aside(context, table))
    keys |= {key for (name, key), (log, _) in context.sealing.items() if name == table and log == "side"}
    known = context.database.one("SELECT key FROM watermarks WHERE table_name = ?", (table,))
    read = max(
        [0 if known is None else int(str(known[0])), *(key for name, key in context.sealing if name == table)]
    )
    unread = context.views.database.query(
        f"SELECT t.id FROM watch_{table} t WHERE t.id > ? AND NOT EXISTS "
        "(SELECT 1 FROM watch_journal j WHERE j.utid = t.utid) ORDER BY t.id LIMIT ?",
        (read, MOST + 1),
    )
    keys |= {key for (key,) in unread if isinstance(key, int)}
    if len(keys) > MOST:
        return None
    return among(context, table, list(context.views.by_keys(VIEWS[table], keys).values()))


def sealed_aside(context: Context, table: str) -> list[int]:
    """Keys of rows that were sealed as belonging to no journal row, acknowledged since or not; at most `MOST` and one."""
    # The index `sealed_strangers` holds these rows alone.
    rows = context.database.query(
        "SELECT key FROM sealed_rows WHERE table_name = ? AND log = 'side' ORDER BY key LIMIT ?",
        (table, MOST + 1),
    )
    return [int(str(key)) for (key,) in rows]


def _has_number(context: Context, utid: Value) -> bool:
    if not isinstance(utid, str) or not utid.isascii():
        return False
    return context.views.database.one("SELECT 1 FROM watch_journal WHERE utid = ?", (utid,)) is not None
