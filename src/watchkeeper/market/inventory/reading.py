"""Reading goods in store and purchases for the people of the market: what each may see of them, in grams and times.

Nothing here that a buyer is given holds money; a test reads every byte of it.
"""

from __future__ import annotations

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import Database
from watchkeeper.base.database.interface import Record
from watchkeeper.market.inventory.rules import (
    RED_LOSS_GRAMS,
    RED_LOSS_PERCENT,
    days_in_store,
    lost_after,
)
from watchkeeper.market.listings import naming
from watchkeeper.market.purchases.rules import FLAGGED_SECONDS
from watchkeeper.market.reading import page
from watchkeeper.market.rows import marks, number

Shown = dict[str, object]
#: The loss that is foretold is that of so many further days in store.
PROJECTED_DAYS = 30
_LEFT = "l.grams - coalesce((SELECT sum(d.grams) FROM storage_fee_deductions d WHERE d.lot_id = l.id), 0)"
_BLOCK_LEFT = (
    f"(SELECT sum({_LEFT}) FROM block_lots m JOIN lots l ON l.id = m.lot_id WHERE m.block_id = b.id "
    "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id))"
)


def _named(names: tuple[str, ...], row: Record) -> Shown:
    return dict(zip(names, row, strict=True))


def _named_for_a_buyer(names: tuple[str, ...], row: Record) -> Shown:
    found = _named(names, row)
    return found | {"produce": naming.for_a_buyer(str(found["produce"]))}


def inventory(
    database: Database, trader_id: int, *, at: Instant, after: int = 0, limit: int = 50
) -> list[Shown]:
    """A trader's lots that stand in store or await their pickup, with an id above `after`; weights in grams."""
    rows = database.query(
        "SELECT l.id, l.utid, l.produce, l.grams, l.cost_ugx, l.at, m.block_id, s.status, "
        f"{_LEFT}, (SELECT count(*) FROM storage_fee_deductions d WHERE d.lot_id = l.id) FROM lots l "
        "LEFT JOIN block_lots m ON m.lot_id = l.id LEFT JOIN block_state s ON s.block_id = m.block_id "
        "WHERE l.trader_id = ? AND l.id > ? AND coalesce(s.status, 'in_storage') <> 'picked_up' "
        "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id) ORDER BY l.id LIMIT ?",
        (trader_id, after, page(limit)),
    )
    found: list[Shown] = []
    for row in rows:
        nominal, left, days = number(row[3]), number(row[8]), number(row[9])
        ahead = lost_after(grams=nominal, days=days + PROJECTED_DAYS) - lost_after(grams=nominal, days=days)
        found.append(
            {
                "id": row[0],
                "utid": row[1],
                "produce": row[2],
                "grams": nominal,
                "grams_left": left,
                "cost_ugx": row[4],
                "at": row[5],
                "days_in_store": days_in_store(started_at=Instant(number(row[5])), at=at),
                "days_deducted": days,
                "projected_loss_grams": min(left, ahead),
                "block_id": row[6],
                "status": row[7] or "in_storage",
            }
        )
    return found


def blocks(database: Database, *, trader_id: int | None, after: int = 0, limit: int = 50) -> list[Shown]:
    """Blocks with an id above `after`: those that can be bought, by produce and grams; a trader's own with their state."""
    if trader_id is None:
        rows = database.query(
            f"SELECT b.id, b.produce, {_BLOCK_LEFT} FROM blocks b JOIN block_state s ON s.block_id = b.id "
            f"WHERE b.id > ? AND s.status = 'in_storage' AND {_BLOCK_LEFT} > 0 ORDER BY b.id LIMIT ?",
            (after, page(limit)),
        )
        available = ("id", "produce", "grams_left")
        return [_named_for_a_buyer(available, row) for row in rows]
    rows = database.query(
        f"SELECT b.id, b.utid, b.produce, b.grams, {_BLOCK_LEFT}, s.status, b.at FROM blocks b "
        "JOIN block_state s ON s.block_id = b.id WHERE b.trader_id = ? AND b.id > ? ORDER BY b.id LIMIT ?",
        (trader_id, after, page(limit)),
    )
    names = ("id", "utid", "produce", "grams", "grams_left", "status", "at")
    return [_named(names, row) | {"grams_left": row[4] or 0} for row in rows]


#: What stands in store or awaits its pickup: blocks, and lots that are in no block yet.
_IN_STORE = (
    "SELECT b.trader_id, b.produce, b.id AS block_id, NULL AS lot_id, "
    # From the states of the blocks on: they are a tenth as many as the lots.
    f"sum(l.grams) AS grams, sum({_LEFT}) AS grams_left FROM block_state s CROSS JOIN blocks b CROSS JOIN block_lots m "
    "CROSS JOIN lots l WHERE b.id = s.block_id AND m.block_id = b.id AND l.id = m.lot_id "
    "AND s.status IN ('in_storage', 'awaiting_pickup') "
    "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id) GROUP BY b.trader_id, b.produce, b.id "
    f"UNION ALL SELECT l.trader_id, l.produce, NULL, l.id, l.grams, {_LEFT} FROM lots l "
    "WHERE NOT EXISTS (SELECT 1 FROM block_lots m WHERE m.lot_id = l.id) "
    "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id)"
)


def shrinking(database: Database, *, limit: int) -> list[Shown]:
    """Goods in store that lost 10 % of their nominal weight, or 5 kg, whichever came first; the greatest loss first."""
    rows = database.query(
        "SELECT u.alias, g.produce, g.block_id, g.lot_id, g.grams, g.grams_left, g.grams - g.grams_left "
        f"FROM ({_IN_STORE}) g JOIN users u ON u.id = g.trader_id "
        "WHERE (g.grams - g.grams_left) * 100 >= g.grams * ? OR g.grams - g.grams_left >= ? "
        "ORDER BY 7 DESC, g.block_id, g.lot_id LIMIT ?",
        (RED_LOSS_PERCENT, RED_LOSS_GRAMS, page(limit)),
    )
    names = ("trader", "produce", "block_id", "lot_id", "grams", "grams_left", "lost_grams")
    return [_named(names, row) for row in rows]


_PURCHASE = (
    "SELECT p.id, p.utid, p.block_id, b.produce, p.grams, p.at, p.deadline_at, "
    "coalesce(o.outcome, 'pending_pickup') FROM purchases p JOIN blocks b ON b.id = p.block_id "
    "LEFT JOIN purchase_outcomes o ON o.purchase_utid = p.utid "
)
_PURCHASE_FIELDS = ("id", "utid", "block_id", "produce", "grams", "at", "deadline_at", "status")
#: Whom an admin waits for, and whose goods they are; a buyer is told no other's alias.
_PARTIES = (
    "SELECT p.id, u.alias, t.alias FROM purchases p JOIN blocks b ON b.id = p.block_id "
    "JOIN users u ON u.id = p.buyer_id JOIN users t ON t.id = b.trader_id WHERE p.id IN "
)


def purchases(
    database: Database,
    *,
    buyer_id: int | None,
    at: Instant,
    after: int = 0,
    limit: int = 50,
    before: int | None = None,
    flagged_seconds: int = FLAGGED_SECONDS,
) -> list[Shown]:
    """Purchases with an id above `after`: a buyer's own (with `before` those below it, the newest first), or for admins those that wait and are within 12 hours (or
    `flagged_seconds`) of their deadline or past it. `seconds_left` is counted here; below zero it is overdue.
    """
    if buyer_id is not None:
        beside, order = ("p.id > ?", "p.id") if before is None else ("p.id < ?", "p.id DESC")
        rows = database.query(
            f"{_PURCHASE} WHERE {beside} AND p.buyer_id = ? ORDER BY {order} LIMIT ?",
            (after if before is None else before, buyer_id, page(limit)),
        )
    else:
        rows = database.query(
            f"{_PURCHASE} WHERE p.id > ? AND o.outcome IS NULL AND p.deadline_at <= ? ORDER BY p.id LIMIT ?",
            (after, at + flagged_seconds * MICROSECONDS_PER_SECOND, page(limit)),
        )
    found: list[Shown] = []
    for row in rows:
        entry = (_named if buyer_id is None else _named_for_a_buyer)(_PURCHASE_FIELDS, row)
        if entry["status"] == "pending_pickup":
            entry["seconds_left"] = (number(row[6]) - at) // MICROSECONDS_PER_SECOND
            entry["overdue"] = at > number(row[6])
        found.append(entry)
    if buyer_id is None:
        keys = [number(row[0]) for row in rows]
        parties: dict[object, Record] = {
            row[0]: row[1:] for row in database.query(f"{_PARTIES}({marks(keys)})", tuple(keys))
        }
        for entry in found:
            entry["buyer"], entry["trader"] = parties[entry["id"]]
    return found


def blocks_in_store(
    database: Database, *, trader_id: int | None = None, after: int = 0, limit: int = 50
) -> list[Shown]:
    """Blocks that are in store and not sold, with an id above `after`: everyone's, or a trader's."""
    whose, key = ("", ()) if trader_id is None else ("AND b.trader_id = ? ", (trader_id,))
    rows = database.query(
        f"SELECT b.id, u.alias, b.produce, b.grams, coalesce({_BLOCK_LEFT}, 0), b.at FROM blocks b "
        "JOIN block_state s ON s.block_id = b.id JOIN users u ON u.id = b.trader_id "
        f"WHERE b.id > ? {whose}AND s.status = 'in_storage' ORDER BY b.id LIMIT ?",
        (after, *key, page(limit)),
    )
    return [_named(("id", "trader", "produce", "grams", "grams_left", "at"), row) for row in rows]


def lots_in_store(
    database: Database, *, trader_id: int | None = None, after: int = 0, limit: int = 50
) -> list[Shown]:
    """Lots that are in store and not sold, with an id above `after`: everyone's, or a trader's. Those in a block name it."""
    whose, key = ("", ()) if trader_id is None else ("AND l.trader_id = ? ", (trader_id,))
    rows = database.query(
        f"SELECT l.id, u.alias, l.produce, l.grams, {_LEFT}, m.block_id, l.at FROM lots l "
        "JOIN users u ON u.id = l.trader_id LEFT JOIN block_lots m ON m.lot_id = l.id "
        f"LEFT JOIN block_state s ON s.block_id = m.block_id WHERE l.id > ? {whose}"
        "AND coalesce(s.status, 'in_storage') = 'in_storage' "
        "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id) ORDER BY l.id LIMIT ?",
        (after, *key, page(limit)),
    )
    return [_named(("id", "trader", "produce", "grams", "grams_left", "block_id", "at"), row) for row in rows]


def ended_orders(database: Database, trader_id: int, *, limit: int) -> list[Shown]:
    """Orders of a trader's blocks that nobody fetched or that were cancelled, the last first; the blocks are in store again."""
    rows = database.query(
        "SELECT o.id, p.block_id, b.produce, p.grams, o.outcome, o.at FROM purchase_outcomes o "
        "JOIN purchases p ON p.utid = o.purchase_utid JOIN blocks b ON b.id = p.block_id "
        "WHERE b.trader_id = ? AND o.outcome IN ('expired', 'cancelled') ORDER BY o.id DESC LIMIT ?",
        (trader_id, page(limit)),
    )
    return [_named(("id", "block_id", "produce", "grams", "outcome", "at"), row) for row in rows]


def neighbours_before(database: Database, utid: str) -> list[str]:
    """The deliveries whose lots made the block that this act formed."""
    rows = database.query(
        "SELECT DISTINCT l.utid FROM block_lots m JOIN lots l ON l.id = m.lot_id WHERE m.utid = ? ORDER BY l.utid LIMIT 10",
        (utid,),
    )
    return [str(row[0]) for row in rows]


def neighbours_after(database: Database, utid: str) -> list[str]:
    """The act that formed the block of the lot that this delivery brought."""
    rows = database.query(
        "SELECT DISTINCT m.utid FROM lots l JOIN block_lots m ON m.lot_id = l.id WHERE l.utid = ? LIMIT 10",
        (utid,),
    )
    return [str(row[0]) for row in rows]


def bought_by(database: Database, utids: list[str], buyer_id: int) -> set[str]:
    """Which of these acts are a buyer's purchases, how they ended, or formed the blocks that were bought."""
    rows = database.query(
        "SELECT p.utid, o.utid, b.utid FROM purchases p JOIN blocks b ON b.id = p.block_id "
        "LEFT JOIN purchase_outcomes o ON o.purchase_utid = p.utid WHERE p.buyer_id = ? "
        f"AND (p.utid IN ({marks(utids)}) OR o.utid IN ({marks(utids)}) OR b.utid IN ({marks(utids)}))",
        (buyer_id, *utids, *utids, *utids),
    )
    return {str(value) for row in rows for value in row if value is not None}
