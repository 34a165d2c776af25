"""What no act names as its target and yet belongs to its chain: the listing of a unit, and whose money was whose.

Money has no marks. Which deposit paid for a lock, and which settlement a payout pays, is said by the oldest convention of
bookkeeping: first in, first out, account by account, worked out from the balances of the append-only ledgers and stored nowhere.
Money that came back, by a reversal or from a sale, holds its place in that order and leads no further.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.database import Database

#: As many neighbours as one act is given; a chain is cut before.
_NEIGHBOURS_MAX = 100


@dataclass(frozen=True, slots=True)
class _Flow:
    """One kind of money and what it was spent on, both in the same balance of the same ledger."""

    table: str
    owner: str
    balance: str
    came: str
    went: str


_FLOWS = (
    _Flow("wallet_ledger", "trader_id", "capital_after", "capital_deposit", "capital_lock"),
    _Flow("farmer_ledger", "farmer_id", "balance_after", "settlement", "payout"),
)


def before(database: Database, utid: str) -> list[str]:
    """The listing whose unit this act offers or pays for, and the money that it spends."""
    found = database.query(
        "SELECT g.utid FROM listings g JOIN units u ON u.listing_id = g.id WHERE u.id IN "
        "(SELECT unit_id FROM locks WHERE utid = ? UNION ALL SELECT unit_id FROM offers WHERE utid = ?) LIMIT 1",
        (utid, utid),
    )
    return [str(row[0]) for row in found] + _money(database, utid, of="went", shown="came")


def after(database: Database, utid: str) -> list[str]:
    """The offers and locks of the units that this act listed, and what its money was spent on."""
    found = database.query(
        "SELECT l.utid, l.locked_at FROM listings g JOIN units u ON u.listing_id = g.id JOIN locks l ON l.unit_id = u.id "
        "WHERE g.utid = ? UNION ALL SELECT o.utid, o.at FROM listings g JOIN offers o ON o.farmer_id = g.farmer_id "
        "JOIN units u ON u.id = o.unit_id AND u.listing_id = g.id WHERE g.utid = ? ORDER BY 2, 1 LIMIT ?",
        (utid, utid, _NEIGHBOURS_MAX),
    )
    return [str(row[0]) for row in found] + _money(database, utid, of="came", shown="went")


def _money(database: Database, utid: str, *, of: str, shown: str) -> list[str]:
    """The acts whose shillings overlap those of this one, counted from the account's first."""
    found: list[str] = []
    for flow in _FLOWS:
        entry = database.one(
            f"SELECT {flow.owner} FROM {flow.table} WHERE utid = ? AND type = ? LIMIT 1",
            (utid, getattr(flow, of)),
        )
        if entry is None:
            continue
        rows = database.query(
            f"WITH moved AS (SELECT utid, type, number, {flow.balance} - coalesce(lag({flow.balance}) "
            f"OVER (ORDER BY number), 0) AS delta FROM {flow.table} WHERE {flow.owner} = ?), "
            "summed AS (SELECT utid, type, number, delta, "
            "sum(CASE WHEN delta > 0 THEN delta ELSE 0 END) OVER (ORDER BY number) AS came, "
            "sum(CASE WHEN delta < 0 THEN -delta ELSE 0 END) OVER (ORDER BY number) AS went FROM moved) "
            f"SELECT {shown}.utid FROM summed came JOIN summed went ON came.came > went.went + went.delta "
            "AND came.came - came.delta < went.went WHERE came.type = ? AND came.delta > 0 "
            f"AND went.type = ? AND went.delta < 0 AND {of}.utid = ? ORDER BY {shown}.number LIMIT ?",
            (entry[0], flow.came, flow.went, utid, _NEIGHBOURS_MAX),
        )
        found += [str(row[0]) for row in rows]
    return found
