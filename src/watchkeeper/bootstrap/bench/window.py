"""What the engine itself needs to add up every balance: one query with a window over each ledger.

The watch's full pass does much more with the same rows. This is what a reader can compare it with.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import open_database

#: What an entry adds to a trader's capital, locked and profit, by its type (domain, Ledgers).
_CAPITAL = (
    "CASE WHEN type IN ('capital_deposit', 'sale_return', 'capital_correction', 'capital_unlock') THEN amount_ugx "
    "WHEN type = 'capital_lock' THEN -amount_ugx ELSE 0 END"
)
_LOCKED = (
    "CASE WHEN type IN ('capital_lock', 'locked_correction') THEN amount_ugx "
    "WHEN type IN ('capital_unlock', 'settlement') THEN -amount_ugx ELSE 0 END"
)
_PROFIT = (
    "CASE WHEN type IN ('profit_credit', 'profit_correction') THEN amount_ugx "
    "WHEN type = 'profit_withdrawal' THEN -amount_ugx ELSE 0 END"
)
_EARNINGS = "CASE WHEN type = 'payout' THEN -amount_ugx ELSE amount_ugx END"
_WALLETS = (
    "SELECT count(*), coalesce(sum(CASE WHEN capital <> capital_after OR locked <> locked_after OR profit <> profit_after "
    "THEN 1 ELSE 0 END), 0) FROM (SELECT capital_after, locked_after, profit_after, "
    f"sum({_CAPITAL}) OVER entries AS capital, sum({_LOCKED}) OVER entries AS locked, "
    f"sum({_PROFIT}) OVER entries AS profit FROM wallet_ledger "
    "WINDOW entries AS (PARTITION BY trader_id ORDER BY number ROWS UNBOUNDED PRECEDING)) AS added"
)
_FARMERS = (
    "SELECT count(*), coalesce(sum(CASE WHEN earnings <> balance_after THEN 1 ELSE 0 END), 0) FROM (SELECT balance_after, "
    f"sum({_EARNINGS}) OVER (PARTITION BY farmer_id ORDER BY number ROWS UNBOUNDED PRECEDING) AS earnings "
    "FROM farmer_ledger) AS added"
)


def measure(data: Path, *, clock: Clock) -> dict[str, object]:
    """Seconds for both ledgers, how many entries they have, and how many say another balance than the window's sum.

    As the tables' owner: the watch's own role ends what takes longer than 30 s.
    """
    with closing(open_database(data, "market", role="owner", may_write=False)) as database:
        begun = clock.boot()
        with database.transaction("read"):
            found = [database.one(sql) or (0, 0) for sql in (_WALLETS, _FARMERS)]
        seconds = clock.boot().seconds_since(begun) or 0.0
    return {
        "seconds": round(seconds, 3),
        "ledger_entries": sum(int(str(row[0])) for row in found),
        "entries_that_differ": sum(int(str(row[1])) for row in found),
    }
