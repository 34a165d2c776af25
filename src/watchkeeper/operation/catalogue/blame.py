"""Which invariant a wrong row breaks, whom it touches, and what has to stop: by its table (catalogue)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from watchkeeper.base import canonical
from watchkeeper.base.canonical import Value
from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Scope
from watchkeeper.operation.catalogue import books
from watchkeeper.operation.catalogue.context import Context, Found
from watchkeeper.operation.catalogue.model import Draft
from watchkeeper.operation.catalogue.policy import POLICIES

_COMMAND_LENGTH_MAX = 64


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


def command_scope(command: Value) -> Scope:
    """The scope of one command, by the name that a journal row gives; of one that cannot be a name, everything."""
    named = isinstance(command, str) and command.isascii() and 0 < len(command) <= _COMMAND_LENGTH_MAX
    return Scope("command", command) if named and isinstance(command, str) else EVERYTHING


def must_write(entry: Found) -> frozenset[str]:
    """The tables in which this journal row's command leaves at least one row; its row in the admin log is 8.1's affair.

    Of a command that nobody knows, none: 2.1 speaks.
    """
    policy = POLICIES.get(str(entry.row["command"]))
    return frozenset() if policy is None else policy.writes


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


#: Tables whose sealed rows are a rule's own: 1.2 for the ledgers, 5.x for the logs; every other's are 2.3's.
_OWN_RULE: Mapping[str, str] = {
    **dict.fromkeys(books.LEDGERS, "1.2"),
    "admin_actions": "5.1",
    "storage_fee_deductions": "5.2",
    "rate_limit_hits": "5.3",
}
#: What stops, for everyone: whoever changed one row of these may have changed others.
_OWN_CLASSES: Mapping[str, frozenset[OperationClass]] = {
    "1.2": books.WALLET,
    "5.1": books.ADMIN,
    "5.2": frozenset({OperationClass.STORAGE_FEE}),
    "5.3": books.TABLE_CLASSES["rate_limit_hits"],
}


def sealed_row(
    context: Context,
    *,
    table: str,
    key: int,
    sealed: Mapping[str, Value],
    found: Found | None,
    log: str,
    index: int,
) -> list[Draft]:
    """The findings for a sealed row that is not as it was sealed, or gone (`found` None).

    By its table one, and 4.1's beside it when it was a UTID that went or was rewritten.
    """
    rule = _OWN_RULE.get(table) if log == "main" or table == "rate_limit_hits" else None
    if rule is None:
        rule = "2.3"
        scope, classes, alias = reach(context, table, sealed)
    else:
        scope, classes, alias = EVERYTHING, _OWN_CLASSES[rule], owner(context, table, sealed)
    base = Draft(
        invariant=rule,
        kind="deleted" if found is None else "changed",
        scope=scope,
        classes=classes,
        account=alias,
        table_name=table,
        row_key=str(key),
        expected=canonical.encode(canonical.row_document(sealed)).decode("utf-8"),
        found="" if found is None else found.document,
        found_digest="" if found is None else found.digest,
        sealed_log=log,
        sealed_index=index,
        detail=f"{table} {key} is gone" if found is None else f"{table} {key} is not as it was sealed",
    )
    utid_lost = table == "journal" if found is None else found.row.get("utid") != sealed.get("utid")
    if log != "main" or not utid_lost:
        return [base]
    lost = replace(
        base,
        invariant="4.1",
        scope=EVERYTHING,
        classes=books.STOPPABLE,
        account=None,
        detail=f"the UTID of {table} {key} is {'gone' if found is None else 'another'}",
    )
    # A journal row that is gone is nothing but a UTID that is gone.
    return [lost] if found is None else [base, lost]


def counted(table: str, *, changed: int, total: int) -> Draft:
    """The finding for rows of an append-only table that the server counted as changed; which ones a full pass says."""
    rule = _OWN_RULE.get(table, "1.2")
    text = canonical.encode({"table": table, "changed": changed, "in all": total}).decode("ascii")
    detail = f"{changed} rows of {table} were changed" if changed else f"{table} was emptied or written anew"
    return Draft(
        invariant=rule,
        kind="counted change",
        scope=EVERYTHING,
        classes=_OWN_CLASSES[rule],
        table_name="schema",
        row_key="counted change",
        expected=canonical.encode({"table": table, "changed": 0}).decode("ascii"),
        found=text,
        found_digest=canonical.digest(text.encode("ascii")),
        detail=f"{detail}, by the server's own count",
    )
