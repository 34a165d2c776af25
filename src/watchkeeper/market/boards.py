"""What the pages of offers, earnings, exposure, deliveries and notices read: each call one question, a page at most."""

from __future__ import annotations

from collections.abc import Collection

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.base.disclosure import speaks_of_money
from watchkeeper.market.listings.rules import status as listing_status
from watchkeeper.market.locks.rules import EXPOSURE_UGX_MAX
from watchkeeper.market.reading import page
from watchkeeper.market.rows import marks, number
from watchkeeper.market.state import User

Rows = list[dict[str, object]]
#: From this share of the limit on, an admin is told of a trader's exposure.
RED_EXPOSURE_PERCENT = 80


#: What a buyer reads of a notice that may hold an amount.
FOR_ANOTHER_ROLE = "This notice was for another role."

_ONLY = {
    "": "",
    "live": "AND s.status IN ('pending', 'countered', 'accepted')",
    "ended": "AND s.status NOT IN ('pending', 'countered', 'accepted')",
}


def _rows(database: Database, columns: str, sql: str, parameters: tuple[int | str, ...]) -> Rows:
    names = columns.split()
    return [dict(zip(names, row, strict=True)) for row in database.query(sql, parameters)]


def offers(
    database: Database, viewer: User, *, after: int, limit: int, only: str = "", before: int | None = None
) -> Rows:
    """A trader's own offers, or those for a farmer's own units: all, `live` or `ended`; with `before` the newest first."""
    beside, order = ("o.id > ?", "o.id") if before is None else ("o.id < ?", "o.id DESC")
    column = "trader_id" if viewer.role == "trader" else "farmer_id"
    return _rows(
        database,
        "id offer unit_id trader farmer produce asking_price_ugx_per_kg price_ugx_per_kg status expires_at at",
        "SELECT o.id, o.utid, o.unit_id, t.alias, f.alias, g.produce, g.price_ugx_per_kg, s.price_ugx_per_kg, "
        "s.status, s.expires_at, o.at FROM offers o JOIN offer_state s ON s.offer_id = o.id "
        "JOIN users t ON t.id = o.trader_id JOIN users f ON f.id = o.farmer_id JOIN units u ON u.id = o.unit_id "
        f"JOIN listings g ON g.id = u.listing_id WHERE o.{column} = ? AND {beside} {_ONLY[only]} ORDER BY {order} LIMIT ?",
        (viewer.id, after if before is None else before, page(limit)),
    )


def payments(database: Database, farmer_id: int, *, before: int | None, limit: int) -> Rows:
    """A farmer's ledger, newest first."""
    return _rows(
        database,
        "number utid type amount_ugx balance_after provider external_ref at",
        "SELECT l.number, l.utid, l.type, l.amount_ugx, l.balance_after, p.provider, p.external_ref, l.at "
        "FROM farmer_ledger l LEFT JOIN payouts p ON p.utid = l.utid AND l.type = 'payout' "
        "WHERE l.farmer_id = ? AND l.number < ? ORDER BY l.number DESC LIMIT ?",
        (farmer_id, before or 2**62, page(limit)),
    )


def listings_by_status(database: Database, farmer_id: int) -> dict[str, int]:
    """How many of a farmer's listings are open, locked, delivered, cancelled."""
    units: dict[int, set[str]] = {}
    for listing_id, status in database.query(
        "SELECT DISTINCT u.listing_id, s.status FROM listings l JOIN units u ON u.listing_id = l.id "
        "JOIN unit_state s ON s.unit_id = u.id WHERE l.farmer_id = ?",
        (farmer_id,),
    ):
        units.setdefault(number(listing_id), set()).add(str(status))
    found = dict.fromkeys(("open", "locked", "delivered", "cancelled"), 0)
    for statuses in units.values():
        found[listing_status(statuses)] += 1
    return found


def deadlines(database: Database, farmer_id: int, *, limit: int) -> Rows:
    """A farmer's locks that wait for a delivery, the nearest deadline first."""
    return _rows(
        database,
        "lock unit_id produce grams amount_ugx deadline_at",
        "SELECT l.utid, l.unit_id, g.produce, u.grams, l.amount_ugx, l.deadline_at FROM locks l "
        "JOIN units u ON u.id = l.unit_id JOIN listings g ON g.id = u.listing_id WHERE l.farmer_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid) ORDER BY l.deadline_at, l.id LIMIT ?",
        (farmer_id, page(limit)),
    )


def exposure(database: Database, trader_id: int) -> dict[str, int]:
    """A trader's exposure in UGX and its parts, each position once at the price paid."""
    row = database.one(
        "SELECT coalesce((SELECT exposure_ugx FROM trader_state WHERE trader_id = ?), 0), "
        "(SELECT coalesce(sum(l.amount_ugx), 0) FROM locks l WHERE l.trader_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid)), "
        "(SELECT coalesce(sum(l.amount_ugx), 0) FROM locks l WHERE l.trader_id = ? AND EXISTS "
        "(SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid) AND NOT EXISTS (SELECT 1 FROM lock_outcomes o "
        "WHERE o.lock_utid = l.utid AND o.outcome IN ('delivered', 'reversed')))",
        (trader_id,) * 3,
    )
    total, waiting, failed = (0, 0, 0) if row is None else (number(value) for value in row)
    return {
        "exposure_ugx": total,
        "exposure_ugx_max": EXPOSURE_UGX_MAX,
        "left_ugx": max(0, EXPOSURE_UGX_MAX - total),
        "waiting_ugx": waiting,
        "late_or_cancelled_ugx": failed,
        # What is neither on the way nor failed is in store.
        "in_store_ugx": max(0, total - waiting - failed),
    }


_OPEN = "NOT EXISTS (SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid)"
_BOARD = (
    "SELECT l.id, l.utid, l.unit_id, t.alias, f.alias, g.produce, u.grams, l.amount_ugx, l.locked_at, l.deadline_at "
    "FROM locks l JOIN users t ON t.id = l.trader_id JOIN users f ON f.id = l.farmer_id "
    f"JOIN units u ON u.id = l.unit_id JOIN listings g ON g.id = u.listing_id WHERE {_OPEN}"
)
_BOARD_COLUMNS = "id lock unit_id trader farmer produce grams amount_ugx locked_at deadline_at"


def deliveries(database: Database, *, after: int, limit: int) -> Rows:
    """Locks without an outcome; locks come in the order of their deadlines."""
    sql = f"{_BOARD} AND l.id > ? ORDER BY l.id LIMIT ?"
    return _rows(database, _BOARD_COLUMNS, sql, (after, page(limit)))


def waiting(database: Database, trader_id: int, *, after: int, limit: int) -> Rows:
    """A trader's locks without an outcome, the nearest deadline first."""
    sql = f"{_BOARD} AND l.trader_id = ? AND l.id > ? ORDER BY l.id LIMIT ?"
    return _rows(database, _BOARD_COLUMNS, sql, (trader_id, after, page(limit)))


def overdue(database: Database, *, at: Instant, limit: int) -> Rows:
    """Locks without an outcome past their deadline, the oldest first."""
    sql = f"{_BOARD} AND l.deadline_at < ? ORDER BY l.id LIMIT ?"
    return _rows(database, _BOARD_COLUMNS, sql, (at, page(limit)))


_FAILED = (
    "EXISTS (SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid) AND NOT EXISTS (SELECT 1 FROM lock_outcomes o "
    "WHERE o.lock_utid = l.utid AND o.outcome IN ('delivered', 'reversed'))"
)


_OUTCOME = "(SELECT o.outcome FROM lock_outcomes o WHERE o.lock_utid = l.utid ORDER BY o.id DESC LIMIT 1)"


def failed(database: Database, *, trader_id: int | None = None, after: int, limit: int) -> Rows:
    """Locks that were late or cancelled, everyone's or a trader's: they can be reversed, or corrected to delivered."""
    sql = _BOARD.replace(_OPEN, _FAILED).replace(" FROM locks l ", f", {_OUTCOME} FROM locks l ", 1)
    whose, key = ("", ()) if trader_id is None else (" AND l.trader_id = ?", (trader_id,))
    sql += f"{whose} AND l.id > ? ORDER BY l.id LIMIT ?"
    return _rows(database, f"{_BOARD_COLUMNS} outcome", sql, (*key, after, page(limit)))


def spoken_for(database: Database, listing_ids: Collection[int]) -> set[int]:
    """The units of these listings on which somebody has an open offer: they can be paid for, not offered for."""
    rows = database.query(
        "SELECT u.id FROM units u JOIN offer_state s ON s.unit_id = u.id "
        f"WHERE u.listing_id IN ({marks(listing_ids)}) AND s.status IN ('pending', 'countered', 'accepted')",
        tuple(listing_ids),
    )
    return {number(row[0]) for row in rows}


def exposed(database: Database, *, limit: int) -> Rows:
    """Traders near the limit or beyond it, the most exposed first."""
    return _rows(
        database,
        "trader exposure_ugx",
        "SELECT u.alias, s.exposure_ugx FROM trader_state s JOIN users u ON u.id = s.trader_id "
        "WHERE s.exposure_ugx * 100 >= ? ORDER BY s.exposure_ugx DESC, u.id LIMIT ?",
        (EXPOSURE_UGX_MAX * RED_EXPOSURE_PERCENT, page(limit)),
    )


def rate_limit_hits(database: Database, *, before: int | None, limit: int) -> Rows:
    """Who ran into which limit, newest first."""
    columns = "id actor limit_name count limit_max window_seconds at"
    sql = f"SELECT {columns.replace(' ', ', ')} FROM rate_limit_hits WHERE id < ? ORDER BY id DESC LIMIT ?"
    return _rows(database, columns, sql, (before or 2**62, page(limit)))


def actions(database: Database, *, before: int | None, limit: int) -> Rows:
    """The log of admins' and the operator's acts, newest first."""
    return _rows(
        database,
        "id utid actor action subject target_utid reason at",
        "SELECT a.id, a.utid, u.alias, a.action, a.subject, a.target_utid, a.reason, a.at FROM admin_actions a "
        "JOIN users u ON u.id = a.actor_id WHERE a.id < ? ORDER BY a.id DESC LIMIT ?",
        (before or 2**62, page(limit)),
    )


def to_be_paid(database: Database, *, after: int, limit: int) -> list[tuple[int, str, int]]:
    """Farmers with earnings: id, alias, balance in UGX."""
    rows = database.query(
        "SELECT u.id, u.alias, l.balance_after FROM users u JOIN farmer_ledger l ON l.farmer_id = u.id "
        "WHERE u.id > ? AND l.balance_after > 0 AND l.number = (SELECT max(m.number) FROM farmer_ledger m "
        "WHERE m.farmer_id = u.id) ORDER BY u.id LIMIT ?",
        (after, page(limit)),
    )
    return [(number(row[0]), str(row[1]), number(row[2])) for row in rows]


def notices(database: Database, viewer: User, *, before: int | None, limit: int) -> Rows:
    """What was said to `viewer` since the account was made, newest first."""
    found = _rows(
        database,
        "id kind about_utid text at",
        "SELECT n.id, n.kind, n.about_utid, n.text, n.at FROM notices n WHERE n.id < ? AND (n.kind IN "
        "('admin_broadcast', 'system') OR n.role = ? OR EXISTS (SELECT 1 FROM notice_recipients r "
        "WHERE r.notice_id = n.id AND r.user_id = ?)) AND n.at >= (SELECT at FROM users WHERE id = ?) "
        "ORDER BY n.id DESC LIMIT ?",
        (before or 2**62, viewer.role, viewer.id, viewer.id, page(limit)),
    )
    if viewer.role == "buyer":
        # What was sent before somebody was a buyer was not judged for one; nor was it all judged as strictly as now.
        since = _in_this_role_since(database, viewer)
        for row in found:
            before_then = row["kind"] == "utid_specific" and int(str(row["at"])) < since
            if before_then or speaks_of_money(str(row["text"])):
                row["text"] = FOR_ANOTHER_ROLE
    return found


def _in_this_role_since(database: Database, viewer: User) -> int:
    row = database.one(
        "SELECT coalesce(max(at), 0) FROM role_history WHERE user_id = ? AND role_after = ?",
        (viewer.id, viewer.role),
    )
    return number(row[0]) if row else 0
