"""What a trader has at stake: how each row moves it, and what it was when each lock was taken, in journal order."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.views import VIEWS, Row
from watchkeeper.operation.catalogue import strangers
from watchkeeper.operation.catalogue.accounts import Account, Passed, pages
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context, Found
from watchkeeper.operation.catalogue.states import rows_by
from watchkeeper.operation.seals import log as logs

#: Tables whose rows open, move or end a position.
TABLES = ("locks", "lock_outcomes", "lots", "write_offs", "pickups")
_POINTED_AT = ("block_lots", "purchases")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Moved:
    """By how much a row moves what its trader has locked and is exposed by, in UGX; `trader_id` None where it names none."""

    trader_id: int | None
    opened_ugx: int = 0
    exposure_ugx: int = 0


def moved(context: Context, found: Found) -> Moved:
    """What this row does to a trader's positions (domain, Exposure): each counts once, at the price paid."""
    row = found.row
    trader = row.get("trader_id")
    trader_id = trader if isinstance(trader, int) else None
    match found.table:
        case "locks":
            return Moved(trader_id, integer(row["amount_ugx"]), integer(row["amount_ugx"]))
        case "lock_outcomes" if row["outcome"] in ("delivered", "reversed"):
            utid = row["lock_utid"]
            lock = (
                context.views.database.one(
                    "SELECT trader_id, amount_ugx FROM watch_locks WHERE utid = ?", (utid,)
                )
                if isinstance(utid, str) and utid.isascii()
                else None
            )
            if lock is None or not isinstance(lock[0], int):
                return Moved(None)
            return Moved(lock[0], -integer(lock[1]), -integer(lock[1]))
        case "lots":
            return Moved(trader_id, 0, integer(row["cost_ugx"]))
        case "write_offs":
            lot = context.one("lots", integer(row["lot_id"]))
            if lot is None or not isinstance(lot.row["trader_id"], int):
                return Moved(None)
            return Moved(lot.row["trader_id"], 0, -integer(lot.row["cost_ugx"]))
        case "pickups":
            return Moved(trader_id, 0, -cost_picked_up(context, row))
        case _:
            return Moved(None)


def cost_picked_up(context: Context, row: Row) -> int:
    """What the lots cost that went with a pickup, counted from the lots."""
    utid = row.get("purchase_utid")
    if not isinstance(utid, str) or not utid.isascii():
        return 0
    return context.views.number(
        "SELECT sum(l.cost_ugx) FROM watch_purchases p JOIN watch_block_lots b ON b.block_id = p.block_id "
        "JOIN watch_lots l ON l.id = b.lot_id WHERE p.utid = ? "
        "AND NOT EXISTS (SELECT 1 FROM watch_write_offs w WHERE w.lot_id = l.id)",
        (utid,),
    )


def counted(context: Context, passed: Passed) -> int:
    """The exposure before a lock without strangers: what no command wrote counts from its acknowledgement on."""
    trader = passed.found.row["trader_id"]
    exposure = passed.before_ugx
    for table in TABLES:
        keys = strangers.sealed_aside(context, table)
        for key, row in sorted(context.views.by_keys(VIEWS[table], keys).items()):
            stranger = Found(table, key, row)
            move = moved(context, stranger)
            if move.trader_id == trader and not _acknowledged_before(context, stranger, passed.number):
                exposure -= move.exposure_ugx
    return exposure


def befores(context: Context, passed: Passed) -> Iterator[int]:
    """The exposures that may have stood before a lock: as the running replay has it, and without strangers, which is counted
    only when it is asked for.
    """
    yield passed.before_ugx
    yield counted(context, passed)


def _acknowledged_before(context: Context, stranger: Found, number: int) -> bool:
    row = context.acknowledged(stranger)
    key = None if row is None else row["id"]
    if not isinstance(key, int):
        return False
    return context.sealed("acknowledgements", [key])[key][1] + 1 < number


def in_order(context: Context) -> Iterator[list[Passed]]:
    """Every lock of every trader with the exposure before it, replayed in journal order; pages, a snapshot each.

    Left out: who has rows that differ from their seals; and who has a position that was acknowledged, which the running
    replay took in at its moment.
    """
    for found in pages(context.database):
        with context.views.snapshot():
            traders = [account for account in found if _replayable(context, account)]
        for account in traders:
            yield from _of_trader(context, account.id)


def _replayable(context: Context, account: Account) -> bool:
    if account.ledger != "wallet_ledger":
        return False
    alias = context.alias(account.id)
    if alias is None or context.unsound.of_account(account.id, alias):
        context.unsound.unsaid.update(("3.2", "6.2"))
        return False
    tables = ", ".join(f"'{table}'" for table in (*TABLES, *_POINTED_AT))
    return (
        context.views.database.one(
            f"SELECT 1 FROM watch_acknowledgements WHERE table_name IN ({tables}) AND account = ? LIMIT 1",
            (alias,),
        )
        is None
    )


def _of_trader(context: Context, trader_id: int) -> Iterator[list[Passed]]:
    # A leaf for each number, so what is sealed under an index is of the number after it. Later rows are for the next pass.
    upto = logs.size(context.database, logs.MAIN)
    #: Changes that are still to come: (number, change in UGX). As many as the trader has open positions.
    coming: list[tuple[int, int]] = []
    exposure = last = 0
    while True:
        passed: list[Passed] = []
        with context.views.snapshot():
            # By locks_by_trader; keys grow with the numbers.
            rows = context.views.rows(
                VIEWS["locks"], "trader_id = ? AND id > ? ORDER BY id", (trader_id, last), limit=_PAGE
            )
            numbers = _numbers(context, "locks", rows)
            ends = _ends(context, rows)
            for row in rows:
                last = integer(row["id"])
                number = numbers.get(last)
                if number is None or number > upto:
                    continue
                while coming and coming[0][0] < number:
                    exposure += heapq.heappop(coming)[1]
                passed.append(Passed(Found("locks", last, row), number, exposure))
                exposure += integer(row["amount_ugx"])
                for end in ends.get(str(row["utid"]), ()):
                    heapq.heappush(coming, end)
        if not rows:
            return
        yield passed


def _numbers(context: Context, table: str, rows: list[Row]) -> dict[int, int]:
    """Key -> journal number of those rows that belong to one and are read."""
    places = context.sealed(table, [integer(row["id"]) for row in rows])
    return {key: index + 1 for key, (log, index) in places.items() if log == logs.MAIN}


def _ends(context: Context, locks: list[Row]) -> dict[str, list[tuple[int, int]]]:
    """Lock's UTID -> the changes that follow from it: it ends, its lot comes into store, the lot ends."""
    found: dict[str, list[tuple[int, int]]] = {}
    amounts = {row["utid"]: integer(row["amount_ugx"]) for row in locks}
    outcomes = [
        row
        for row in rows_by(context, "lock_outcomes", "lock_utid", amounts)
        if row["outcome"] in ("delivered", "reversed")
    ]
    _add(
        context,
        "lock_outcomes",
        [(row, row["lock_utid"], -amounts[row["lock_utid"]]) for row in outcomes],
        found,
    )
    lots = rows_by(context, "lots", "lock_utid", amounts)
    _add(context, "lots", [(row, row["lock_utid"], integer(row["cost_ugx"])) for row in lots], found)
    by_id = {row["id"]: row for row in lots}
    gone = [
        (row, by_id[row["lot_id"]])
        for row in rows_by(context, "write_offs", "lot_id", by_id)
        if row["lot_id"] in by_id
    ]
    written_off = {lot["id"] for _, lot in gone}
    for table, ended in (
        ("write_offs", gone),
        ("pickups", [(row, lot) for row, lot in _picked_up(context, by_id) if lot["id"] not in written_off]),
    ):
        _add(
            context, table, [(row, lot["lock_utid"], -integer(lot["cost_ugx"])) for row, lot in ended], found
        )
    return found


def _picked_up(context: Context, lots: dict[Value, Row]) -> Iterator[tuple[Row, Row]]:
    """Pickups with each of these lots that went with them."""
    standing = rows_by(context, "block_lots", "lot_id", [key for key in lots if isinstance(key, int)])
    # A row that nobody's act put there moves no lot into a block.
    formed = _numbers(context, "block_lots", standing)
    places = [row for row in standing if row["id"] in formed]
    purchases = rows_by(context, "purchases", "block_id", [row["block_id"] for row in places])
    block_of = {row["utid"]: row["block_id"] for row in purchases}
    for pickup in rows_by(context, "pickups", "purchase_utid", block_of):
        for place in places:
            if place["block_id"] == block_of.get(pickup["purchase_utid"]):
                yield pickup, lots[place["lot_id"]]


def _add(
    context: Context,
    table: str,
    changes: list[tuple[Row, object, int]],
    found: dict[str, list[tuple[int, int]]],
) -> None:
    numbers = _numbers(context, table, [row for row, _, _ in changes])
    for row, utid, change in changes:
        number = numbers.get(integer(row["id"]))
        if number is not None:
            found.setdefault(str(utid), []).append((number, change))
