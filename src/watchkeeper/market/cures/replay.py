"""State rows worked out again from the append-only rows, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import Instant, later
from watchkeeper.base.database import Database
from watchkeeper.market.offers.rules import OPEN_SECONDS
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import marks, number
from watchkeeper.market.state import OPEN_OFFER, User

#: What an account is follows from these; a cure of one of their rows ends the account's sessions.
HISTORY = ("user_steps", "role_history")
#: Acts about an account that end its sessions.
_SESSIONS_END = (
    "'change_role', 'suspend_user', 'delete_user', 'end_sessions', 'reset_second_factor', 'reset_password', "
    "'change_password', 'restore_state'"
)
_CURED_HISTORY = " + ".join(
    f"(SELECT count(*) FROM {history} h JOIN {cure} c ON c.table_name = '{history}' AND c.row_key = CAST(h.id AS TEXT) "
    "WHERE h.user_id = u.id)"
    for history in HISTORY
    for cure in ("repairs", "acknowledgements")
)
#: Bounds one cure; an account with more open units than this is restored in several.
_UNITS_MAX = 10_000


def replay_trader(database: Database, trader_id: int) -> None:
    """Write the trader's state row: the last ledger number and the exposure of every open position."""
    row = database.one(
        "SELECT (SELECT coalesce(max(number), 0) FROM wallet_ledger WHERE trader_id = ?), "
        "(SELECT coalesce(sum(amount_ugx), 0) FROM locks l WHERE l.trader_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid AND o.outcome IN ('delivered', 'reversed'))) + "
        "(SELECT coalesce(sum(cost_ugx), 0) FROM lots t WHERE t.trader_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM write_offs w WHERE w.lot_id = t.id) AND NOT EXISTS (SELECT 1 FROM block_lots b "
        "JOIN purchases p ON p.block_id = b.block_id JOIN pickups k ON k.purchase_utid = p.utid "
        "WHERE b.lot_id = t.id))",
        (trader_id, trader_id, trader_id),
    )
    if row is None:
        raise TypeError("a query of totals gave no row")
    database.execute(
        "INSERT INTO trader_state (trader_id, last_number, exposure_ugx) VALUES (?, ?, ?) ON CONFLICT (trader_id) "
        "DO UPDATE SET last_number = excluded.last_number, exposure_ugx = excluded.exposure_ugx",
        (trader_id, number(row[0]), number(row[1])),
    )


def replay_unit(database: Database, unit_id: int) -> None:
    """Write a unit's state row from its locks and their outcomes; the last lock that stands decides."""
    row = database.one(
        "SELECT l.utid, EXISTS (SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid AND o.outcome = 'delivered') "
        "FROM locks l WHERE l.unit_id = ? AND NOT EXISTS (SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid "
        "AND o.outcome = 'reversed') ORDER BY l.id DESC LIMIT 1",
        (unit_id,),
    )
    status, lock_utid = "available", None
    if row is not None:
        status, lock_utid = ("delivered" if row[1] else "locked"), str(row[0])
    elif database.one("SELECT 1 FROM unit_steps WHERE unit_id = ?", (unit_id,)) is not None:
        status = "cancelled"
    database.execute(
        "INSERT INTO unit_state (unit_id, status, lock_utid) VALUES (?, ?, ?) ON CONFLICT (unit_id) "
        "DO UPDATE SET status = excluded.status, lock_utid = excluded.lock_utid",
        (unit_id, status, lock_utid),
    )


def replay_block(database: Database, block_id: int) -> None:
    """Write a block's state row from its purchases, their outcomes and the write-offs of its lots."""
    row = database.one(
        "SELECT (SELECT p.utid FROM purchases p WHERE p.block_id = ? AND NOT EXISTS (SELECT 1 FROM purchase_outcomes o "
        "WHERE o.purchase_utid = p.utid AND o.outcome <> 'picked_up') ORDER BY p.id DESC LIMIT 1), "
        "(SELECT count(*) FROM block_lots b WHERE b.block_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM write_offs w WHERE w.lot_id = b.lot_id))",
        (block_id, block_id),
    )
    if row is None:
        raise TypeError("a query of totals gave no row")
    status, purchase = "in_storage" if row[1] else "written_off", None
    if row[0] is not None:
        purchase = str(row[0])
        ended = database.one("SELECT 1 FROM purchase_outcomes WHERE purchase_utid = ?", (purchase,))
        status = "awaiting_pickup" if ended is None else "picked_up"
    database.execute(
        "INSERT INTO block_state (block_id, status, purchase_utid) VALUES (?, ?, ?) ON CONFLICT (block_id) "
        "DO UPDATE SET status = excluded.status, purchase_utid = excluded.purchase_utid",
        (block_id, status, purchase),
    )


def blocks_of(database: Database, table: str, row: Mapping[str, Value]) -> set[int]:
    """The blocks whose state hangs on this row."""
    if table == "blocks":
        return {number(row["id"])}
    if table in ("block_lots", "purchases"):
        return {number(row["block_id"])}
    if table in ("purchase_outcomes", "pickups"):
        found = database.one("SELECT block_id FROM purchases WHERE utid = ?", (str(row["purchase_utid"]),))
    elif table == "write_offs":
        found = database.one("SELECT block_id FROM block_lots WHERE lot_id = ?", (number(row["lot_id"]),))
    else:
        return set()
    return set() if found is None else {number(found[0])}


def replay_offers(database: Database, user: User) -> None:
    """Write the state rows of an account's offers: what ended first, so that a unit has one open offer at a time."""
    _replay_offers(database, "trader_id" if user.role == "trader" else "farmer_id", user.id)


def _replay_offers(database: Database, column: str, key: int, settled: frozenset[int] = frozenset()) -> None:
    """`settled`: offers whose state has been written already; what is open in their place is a contradiction of facts."""
    rows = database.query(
        "SELECT o.id, o.unit_id, coalesce(s.step, 'pending'), coalesce((SELECT c.price_ugx_per_kg FROM offer_steps c "
        "WHERE c.offer_utid = o.utid AND c.step = 'countered' ORDER BY c.id DESC LIMIT 1), o.price_ugx_per_kg), "
        "coalesce(s.at, o.at) FROM offers o LEFT JOIN offer_steps s ON s.id = (SELECT max(t.id) FROM offer_steps t "
        f"WHERE t.offer_utid = o.utid) WHERE o.{column} = ? ORDER BY o.id DESC LIMIT ?",
        (key, _UNITS_MAX),
    )
    settled |= {number(row[0]) for row in rows}
    aside = _aside(database, {number(row[1]) for row in rows if row[2] in OPEN_OFFER}, settled)
    database.execute_many(
        "INSERT INTO offer_state (offer_id, unit_id, status, price_ugx_per_kg, expires_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (offer_id) DO UPDATE SET unit_id = excluded.unit_id, status = excluded.status, "
        "price_ugx_per_kg = excluded.price_ugx_per_kg, expires_at = excluded.expires_at",
        [
            (row[0], row[1], row[2], row[3], later(Instant(number(row[4])), seconds=OPEN_SECONDS))
            for row in sorted(rows, key=lambda row: row[2] in OPEN_OFFER)
        ],
    )
    for offer_id in aside:
        _replay_offers(database, "id", offer_id, settled)


def _aside(database: Database, unit_ids: set[int], settled: frozenset[int]) -> list[int]:
    """Offers whose state says that they are open at these units, where others are; they are ended until theirs is written."""
    rows = database.query(
        f"SELECT offer_id FROM offer_state WHERE unit_id IN ({marks(unit_ids)}) AND status IN ({marks(OPEN_OFFER)})",
        (*unit_ids, *OPEN_OFFER),
    )
    aside = [number(row[0]) for row in rows if number(row[0]) not in settled]
    for offer_id in aside:
        database.execute("UPDATE offer_state SET status = 'expired' WHERE offer_id = ?", (offer_id,))
    return aside


def replay_user(database: Database, user_id: int, *, ending: int = 0) -> None:
    """Write an account's state row from its steps, its role history and what ended its sessions.

    `ending`: how often the transaction under way ends them once more.
    """
    row = database.one(
        "SELECT (SELECT role_after FROM role_history WHERE user_id = u.id ORDER BY id DESC LIMIT 1), "
        "(SELECT step FROM user_steps WHERE user_id = u.id ORDER BY id DESC LIMIT 1), "
        f"(SELECT count(*) FROM journal j WHERE j.subject = u.alias AND j.command IN ({_SESSIONS_END})), "
        f"{_CURED_HISTORY} FROM users u WHERE u.id = ?",
        (user_id,),
    )
    if row is None or row[0] is None or row[1] is None:
        raise Refusal("user-not-found", "There is no history of such an account.")
    status = {"activated": "active", "unsuspended": "active"}.get(str(row[1]), str(row[1]))
    database.execute(
        "INSERT INTO user_state (user_id, role, status, session_generation) VALUES (?, ?, ?, ?) ON CONFLICT (user_id) "
        "DO UPDATE SET role = excluded.role, status = excluded.status, session_generation = excluded.session_generation",
        (user_id, str(row[0]), status, 1 + number(row[2]) + number(row[3]) + ending),
    )


def user_of(database: Database, table: str, key: int) -> int | None:
    """Whose history this row is part of; None for a row of another kind."""
    if table not in HISTORY:
        return None
    row = database.one(f"SELECT user_id FROM {table} WHERE id = ?", (key,))
    return None if row is None else number(row[0])


def replay_row(database: Database, table: str, row_key: str) -> str:
    """Write one state row; what it is about, in words. `Refusal` when there is nothing of which it could be the state."""
    if table not in _FACTS or not row_key.isascii() or not row_key.isdecimal() or len(row_key) > 15:
        raise Refusal("validation-failed", "There is no such state to restore.", field="table_name")
    key = int(row_key)
    facts, replay = _FACTS[table]
    if database.one(f"SELECT 1 FROM {facts} WHERE id = ?", (key,)) is None:
        # A state of nothing follows from nothing. A server's foreign keys allow none, whoever lost what it was of.
        if database.engine != "sqlite" or not database.execute(
            f"DELETE FROM {table} WHERE {_KEYS[table]} = ?", (key,)
        ):
            raise Refusal(
                "resumption-refused",
                "Nothing is known of which this could be the state. Put that back first.",
            )
        return f"{table} {key}"
    replay(database, key)
    if table != "user_state":
        return f"{table} {key}"
    row = database.one("SELECT alias FROM users WHERE id = ?", (key,))
    return "" if row is None else str(row[0])


def replay_account(database: Database, user: User, *, ending: int = 0) -> None:
    """Write every state row of an account from its append-only rows; `ending` as for `replay_user`."""
    replay_user(database, user.id, ending=ending)
    if user.role == "trader":
        replay_trader(database, user.id)
        for (block_id,) in database.query(
            "SELECT id FROM blocks WHERE trader_id = ? ORDER BY id DESC LIMIT ?", (user.id, _UNITS_MAX)
        ):
            replay_block(database, number(block_id))
        unit_ids = database.query(
            "SELECT DISTINCT k.unit_id FROM locks k WHERE k.trader_id = ? ORDER BY k.unit_id DESC LIMIT ?",
            (user.id, _UNITS_MAX),
        )
    elif user.role == "farmer":
        unit_ids = database.query(
            "SELECT u.id FROM units u JOIN listings l ON l.id = u.listing_id WHERE l.farmer_id = ? "
            "ORDER BY u.id DESC LIMIT ?",
            (user.id, _UNITS_MAX),
        )
    else:
        return
    replay_offers(database, user)
    for (unit_id,) in unit_ids:
        replay_unit(database, number(unit_id))


def replay_offer(database: Database, offer_id: int) -> None:
    """Write one offer's state row."""
    _replay_offers(database, "id", offer_id)


def _replay_user_anew(database: Database, user_id: int) -> None:
    # Whoever came in on the strength of an overwritten row is out.
    replay_user(database, user_id, ending=1)


#: State table -> its key.
_KEYS = {
    "user_state": "user_id",
    "trader_state": "trader_id",
    "unit_state": "unit_id",
    "offer_state": "offer_id",
    "block_state": "block_id",
}
#: State table -> the facts that it is the state of, and how one row is worked out.
_FACTS: dict[str, tuple[str, Callable[[Database, int], None]]] = {
    "user_state": ("users", _replay_user_anew),
    "trader_state": ("users", replay_trader),
    "unit_state": ("units", replay_unit),
    "offer_state": ("offers", replay_offer),
    "block_state": ("blocks", replay_block),
}
