"""Which state rows hang on a row of the books."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.views import VIEWS
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.states import SESSIONS_END

#: Findings of changed rows that are looked at; where there are more, what hangs on the others is judged all the same.
_CHANGED_MAX = 20_000

#: Table -> state tables with the column that names their key.
_DIRECT: Mapping[str, tuple[tuple[str, str], ...]] = {
    "users": (("user_state", "id"),),
    "user_steps": (("user_state", "user_id"),),
    "role_history": (("user_state", "user_id"),),
    "units": (("unit_state", "id"),),
    "unit_steps": (("unit_state", "unit_id"),),
    "locks": (("trader_state", "trader_id"), ("unit_state", "unit_id")),
    "wallet_ledger": (("trader_state", "trader_id"),),
    "lots": (("trader_state", "trader_id"),),
    "pickups": (("trader_state", "trader_id"),),
    "blocks": (("block_state", "id"),),
    "block_lots": (("block_state", "block_id"), ("trader_state", "trader_id")),
    "purchases": (("block_state", "block_id"), ("trader_state", "trader_id")),
    "offers": (("offer_state", "id"),),
}
#: Table -> its column that points to another row, and the query that gives the keys of these state tables.
_POINTING: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "lock_outcomes": (
        "lock_utid",
        "SELECT trader_id, unit_id FROM watch_locks WHERE utid = ?",
        ("trader_state", "unit_state"),
    ),
    "write_offs": (
        "lot_id",
        "SELECT l.trader_id, b.block_id FROM watch_lots l LEFT JOIN watch_block_lots b ON b.lot_id = l.id WHERE l.id = ?",
        ("trader_state", "block_state"),
    ),
    "pickups": ("purchase_utid", "SELECT block_id FROM watch_purchases WHERE utid = ?", ("block_state",)),
    "purchase_outcomes": (
        "purchase_utid",
        "SELECT block_id FROM watch_purchases WHERE utid = ?",
        ("block_state",),
    ),
    "offer_steps": ("offer_utid", "SELECT id FROM watch_offers WHERE utid = ?", ("offer_state",)),
}


def by(context: Context, table: str, row: Mapping[str, Value]) -> Iterator[tuple[str, int]]:
    """(state table, key) of every state row that follows from this row."""
    for state, column in _DIRECT.get(table, ()):
        key = row.get(column)
        if isinstance(key, int):
            yield state, key
    if table in _POINTING:
        column, sql, tables = _POINTING[table]
        pointer = row.get(column)
        if isinstance(pointer, int) or (isinstance(pointer, str) and pointer.isascii()):
            found = context.views.database.one(sql, (pointer,)) or ()
            for state, key in zip(tables, found, strict=False):
                if isinstance(key, int):
                    yield state, key
    if table == "journal" and row.get("command") in SESSIONS_END:
        alias = row.get("subject")
        if isinstance(alias, str) and alias.isascii():
            person = context.views.database.one("SELECT id FROM watch_users WHERE alias = ?", (alias,))
            if person is not None and isinstance(person[0], int):
                yield "user_state", person[0]
    if table in ("repairs", "acknowledgements"):
        cured, key_text = str(row.get("table_name")), str(row.get("row_key"))
        if cured in VIEWS and cured != table and key_text.isascii() and key_text.isdecimal():
            found_row = context.one(cured, int(key_text))
            if found_row is not None:
                yield from by(context, cured, found_row.row)


def changed(context: Context) -> frozenset[tuple[str, int]]:
    """State rows that hang on rows of which an open finding says that they are not as they were sealed."""
    mark = context.database.one(
        "SELECT count(*), coalesce(max(id), 0) FROM findings WHERE state = 'open' AND kind IN ('changed', 'deleted')"
    )
    if mark is None or (context.changed is not None and context.changed[0] == mark):
        return frozenset() if context.changed is None else context.changed[1]
    found: set[tuple[str, int]] = set()
    for table, document in context.database.query(
        "SELECT table_name, expected FROM findings WHERE state = 'open' AND kind IN ('changed', 'deleted') "
        "ORDER BY id LIMIT ?",
        (_CHANGED_MAX,),
    ):
        if str(table) in VIEWS:
            found.update(by(context, str(table), json.loads(str(document))))
    context.changed = (mark, frozenset(found))
    return context.changed[1]
