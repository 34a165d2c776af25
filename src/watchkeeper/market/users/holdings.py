"""What an account still has in the market, in words; who has something is neither deleted nor given another role."""

from __future__ import annotations

from watchkeeper.base.database import Database
from watchkeeper.market.rows import number
from watchkeeper.market.state import User

#: What is held -> whether there is any, with the account's id wherever a question mark stands.
_QUESTIONS: dict[str, str] = {
    "a balance": (
        "SELECT count(*) FROM wallet_ledger l JOIN trader_state s ON s.trader_id = l.trader_id "
        "AND s.last_number = l.number WHERE l.trader_id = ? "
        "AND (l.capital_after <> 0 OR l.locked_after <> 0 OR l.profit_after <> 0)"
    ),
    "earnings": (
        "SELECT count(*) FROM farmer_ledger f WHERE f.farmer_id = ? AND f.balance_after <> 0 AND f.number = "
        "(SELECT max(number) FROM farmer_ledger g WHERE g.farmer_id = f.farmer_id)"
    ),
    "an open lock": (
        "SELECT count(*) FROM locks k WHERE (k.trader_id = ? OR k.farmer_id = ?) AND NOT EXISTS (SELECT 1 FROM "
        "lock_outcomes o WHERE o.lock_utid = k.utid AND o.outcome IN ('delivered', 'reversed'))"
    ),
    "a lot in store": (
        "SELECT count(*) FROM lots t WHERE t.trader_id = ? "
        "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = t.id) AND NOT EXISTS (SELECT 1 FROM block_lots b "
        "JOIN block_state s ON s.block_id = b.block_id WHERE b.lot_id = t.id AND s.status = 'picked_up')"
    ),
    "goods that wait for pickup": (
        "SELECT count(*) FROM purchases p WHERE p.buyer_id = ? "
        "AND NOT EXISTS (SELECT 1 FROM purchase_outcomes o WHERE o.purchase_utid = p.utid)"
    ),
    "an open offer": (
        "SELECT count(*) FROM offers o JOIN offer_state s ON s.offer_id = o.id "
        "WHERE o.trader_id = ? AND s.status IN ('pending', 'countered', 'accepted')"
    ),
    "listed units": (
        "SELECT count(*) FROM units u JOIN listings l ON l.id = u.listing_id JOIN unit_state s ON s.unit_id = u.id "
        "WHERE l.farmer_id = ? AND s.status NOT IN ('delivered', 'cancelled')"
    ),
}


def holdings(database: Database, user: User) -> list[str]:
    """What the account still has, named; asked in the transaction that decides, with the account's row held."""
    found: list[str] = []
    for what, sql in _QUESTIONS.items():
        row = database.one(sql, (user.id,) * sql.count("?"))
        if row is not None and number(row[0]):
            found.append(what)
    return found
