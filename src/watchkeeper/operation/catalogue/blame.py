"""Which invariant a wrong row breaks, whom it touches, and what has to stop: by its table (catalogue)."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Scope
from watchkeeper.operation.catalogue import books
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.model import Draft


def owner(context: Context, table: str, row: Mapping[str, Value]) -> str | None:
    """The alias of the account that a row belongs to, by itself or by the row that it points to."""
    column = books.ACCOUNT_COLUMN.get(table)
    if column is not None:
        return context.alias(row.get(column))
    if table == "acknowledgements":
        alias = row.get("account")
        return alias if isinstance(alias, str) else None
    if table == "lock_outcomes":
        found = context.views.database.one(
            "SELECT trader_id FROM watch_locks WHERE utid = ?", (_text(row.get("lock_utid")),)
        )
        return context.alias(found[0]) if found else None
    if table == "purchase_outcomes":
        found = context.views.database.one(
            "SELECT trader_id FROM watch_purchases WHERE utid = ?", (_text(row.get("purchase_utid")),)
        )
        return context.alias(found[0]) if found else None
    if table == "write_offs":
        lot = row.get("lot_id")
        found = context.views.database.one(
            "SELECT trader_id FROM watch_lots WHERE id = ?", (lot if isinstance(lot, int) else -1,)
        )
        return context.alias(found[0]) if found else None
    if table == "offer_steps":
        found = context.views.database.one(
            "SELECT trader_id FROM watch_offers WHERE utid = ?", (_text(row.get("offer_utid")),)
        )
        return context.alias(found[0]) if found else None
    if table == "unit_steps":
        unit = row.get("unit_id")
        found = context.views.database.one(
            "SELECT l.farmer_id FROM watch_units u JOIN watch_listings l ON l.id = u.listing_id WHERE u.id = ?",
            (unit if isinstance(unit, int) else -1,),
        )
        return context.alias(found[0]) if found else None
    return None


def _text(value: Value) -> str:
    # A surrogate would not reach the engine; a text that cannot be there finds nothing.
    return value if isinstance(value, str) and value.isascii() else ""


def reach(
    context: Context, table: str, row: Mapping[str, Value]
) -> tuple[Scope, frozenset[OperationClass], str | None]:
    """The scope and classes that a wrong row of `table` stops, and the account that it names."""
    alias = owner(context, table, row)
    if alias is not None and alias != "system":
        return Scope("account", alias), books.ACCOUNT, alias
    if table == "units" and isinstance(row.get("id"), int):
        return Scope("unit", str(row["id"])), books.UNIT, None
    return EVERYTHING, books.TABLE_CLASSES[table], None


def sealed_row(
    context: Context,
    *,
    table: str,
    key: int,
    sealed: Mapping[str, Value],
    expected: str,
    found: str,
    found_digest: str,
    log: str,
    index: int,
) -> Draft:
    """The finding for a sealed row that is not as it was sealed, or gone (`found` empty)."""
    kind = "changed" if found else "deleted"
    if table in books.LEDGERS and log == "main":
        # Whoever changes one entry may have changed others, so no wallet moves.
        invariant, scope, classes = "1.2", EVERYTHING, books.WALLET
        alias = owner(context, table, sealed)
    else:
        invariant = "2.3"
        scope, classes, alias = reach(context, table, sealed)
    return Draft(
        invariant=invariant,
        kind=kind,
        scope=scope,
        classes=classes,
        account=alias,
        table_name=table,
        row_key=str(key),
        expected=expected,
        found=found,
        found_digest=found_digest,
        sealed_log=log,
        sealed_index=index,
        detail=f"{table} {key} is gone" if kind == "deleted" else f"{table} {key} is not as it was sealed",
    )
