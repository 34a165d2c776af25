"""Lots, blocks and purchases."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.market.commands import (
    Act,
    CancelPurchase,
    ConfirmPickup,
    ExpirePurchase,
    FormBlock,
    Purchase,
    StorageFee,
    WriteOffBlock,
)
from watchkeeper.market.listings import naming
from watchkeeper.market.rows import marks, number, text_or_none
from watchkeeper.market.state import (
    BLOCK_LOTS,
    Block,
    Lot,
    Sale,
    State,
)

#: Different names of one trader's lots that are looked at; more than anybody trades in.
_NAMES_MAX = 2_000


def of_acts(database: Database, state: State, acts: Sequence[Act], lot_ids: set[int]) -> set[int]:
    """Load the blocks and purchases of these acts, add their lots; the traders of what the system does by itself."""
    block_ids, sale_utids, traders = set[int](), set[str](), set[int]()
    for act in acts:
        command = act.command
        if isinstance(command, FormBlock):
            traders.add(command.trader_id)
            lot_ids.update(free_lots(database, state, command.trader_id, command.produce))
        elif isinstance(command, StorageFee):
            lot_ids.add(command.lot_id)
        elif isinstance(command, Purchase | WriteOffBlock):
            block_ids.add(command.block_id)
        elif isinstance(command, CancelPurchase | ConfirmPickup | ExpirePurchase):
            sale_utids.add(command.purchase_utid)
    sales(database, state, sale_utids)
    block_ids.update(sale.block_id for sale in state.sales.values())
    block_ids.update(blocks_of_lots(database, lot_ids))
    blocks(database, state, block_ids)
    lot_ids.update(lot_id for block in state.blocks.values() for lot_id in block.lot_ids)
    return traders


def lots(database: Database, state: State, lot_ids: Collection[int]) -> None:
    """Load lots and whether they are written off."""
    if not lot_ids:
        return
    days: dict[int, list[tuple[int, int]]] = {}
    for lot_id, day, grams in database.query(
        f"SELECT lot_id, day, grams FROM storage_fee_deductions WHERE lot_id IN ({marks(lot_ids)})",
        tuple(lot_ids),
    ):
        days.setdefault(number(lot_id), []).append((number(day), number(grams)))
    rows = database.query(
        "SELECT l.id, l.utid, l.trader_id, l.cost_ugx, EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id), "
        "l.grams, l.at, (SELECT b.block_id FROM block_lots b WHERE b.lot_id = l.id) "
        f"FROM lots l WHERE l.id IN ({marks(lot_ids)})",
        tuple(lot_ids),
    )
    for row in rows:
        deducted = days.get(number(row[0]), [])
        lot = Lot(
            number(row[0]),
            str(row[1]),
            number(row[2]),
            number(row[3]),
            bool(row[4]),
            grams=number(row[5]),
            started_at=Instant(number(row[6])),
            fee_days=frozenset(day for day, _ in deducted),
            grams_deducted=sum(grams for _, grams in deducted),
            block_id=None if row[7] is None else number(row[7]),
        )
        state.lots[lot.id] = lot


def free_lots(database: Database, state: State, trader_id: int, produce: str) -> list[int]:
    """The oldest lots of this trader and produce in no block and not written off, as many as a block takes.

    Lots from before names were written in one way count by that way; `produce` is in any.
    """
    wanted = naming.canonical(produce)
    written = [name for name in _names(database, trader_id) if naming.canonical(name) == wanted]
    found: list[int] = []
    if written:
        rows = database.query(
            f"SELECT l.id FROM lots l WHERE l.trader_id = ? AND l.produce IN ({marks(written)}) "
            "AND NOT EXISTS (SELECT 1 FROM block_lots b WHERE b.lot_id = l.id) "
            "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id) ORDER BY l.id LIMIT ?",
            (trader_id, *written, BLOCK_LOTS),
        )
        found = [number(row[0]) for row in rows]
    state.free_lots[trader_id, produce] = found
    return found


def _names(database: Database, trader_id: int) -> list[str]:
    """The names that a trader's lots have, one step in the index for each, however many lots there are."""
    rows = database.query(
        "WITH RECURSIVE named (produce) AS (SELECT min(produce) FROM lots WHERE trader_id = ? UNION ALL "
        "SELECT (SELECT min(l.produce) FROM lots l WHERE l.trader_id = ? AND l.produce > named.produce) FROM named "
        "WHERE named.produce IS NOT NULL) SELECT produce FROM named WHERE produce IS NOT NULL LIMIT ?",
        (trader_id, trader_id, _NAMES_MAX),
    )
    return [str(row[0]) for row in rows]


def blocks_of_lots(database: Database, lot_ids: Collection[int]) -> set[int]:
    """The blocks that these lots are in."""
    if not lot_ids:
        return set()
    rows = database.query(
        f"SELECT block_id FROM block_lots WHERE lot_id IN ({marks(lot_ids)})", tuple(lot_ids)
    )
    return {number(row[0]) for row in rows}


def blocks(database: Database, state: State, block_ids: Collection[int]) -> None:
    """Load blocks with their lots, their state and the times in which they awaited a pickup."""
    if not block_ids:
        return
    keys = tuple(block_ids)
    lots_of: dict[int, list[int]] = {}
    for block_id, lot_id in database.query(
        f"SELECT block_id, lot_id FROM block_lots WHERE block_id IN ({marks(keys)}) ORDER BY lot_id", keys
    ):
        lots_of.setdefault(number(block_id), []).append(number(lot_id))
    awaiting: dict[int, list[tuple[Instant, Instant | None]]] = {}
    for block_id, begin, end in database.query(
        "SELECT p.block_id, p.at, o.at FROM purchases p LEFT JOIN purchase_outcomes o ON o.purchase_utid = p.utid "
        f"WHERE p.block_id IN ({marks(keys)}) ORDER BY p.id",
        keys,
    ):
        until = None if end is None else Instant(number(end))
        awaiting.setdefault(number(block_id), []).append((Instant(number(begin)), until))
    for row in database.query(
        "SELECT b.id, b.utid, b.trader_id, b.produce, s.status, s.purchase_utid FROM blocks b "
        f"JOIN block_state s ON s.block_id = b.id WHERE b.id IN ({marks(keys)})",
        keys,
    ):
        block_id = number(row[0])
        state.blocks[block_id] = Block(
            block_id,
            str(row[1]),
            number(row[2]),
            str(row[3]),
            tuple(lots_of.get(block_id, ())),
            status=str(row[4]),
            purchase_utid=text_or_none(row[5]),
            awaiting=tuple(awaiting.get(block_id, ())),
        )


def sales(database: Database, state: State, utids: Collection[str]) -> None:
    """Load purchases with their outcomes."""
    if not utids:
        return
    for row in database.query(
        "SELECT p.utid, p.block_id, p.buyer_id, p.trader_id, p.grams, p.at, p.deadline_at, o.outcome FROM purchases p "
        f"LEFT JOIN purchase_outcomes o ON o.purchase_utid = p.utid WHERE p.utid IN ({marks(utids)})",
        tuple(utids),
    ):
        state.sales[str(row[0])] = Sale(
            str(row[0]),
            number(row[1]),
            number(row[2]),
            number(row[3]),
            number(row[4]),
            Instant(number(row[5])),
            Instant(number(row[6])),
            text_or_none(row[7]),
        )
