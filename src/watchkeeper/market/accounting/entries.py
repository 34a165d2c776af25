"""The entries of both ledgers in one shape, read in pages from books that go on growing.

Append-only rows need no long snapshot: what stood when the reading began is bounded by its keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from watchkeeper.base.clock import FIRST_INSTANT, LAST_INSTANT, Instant
from watchkeeper.base.database import Database
from watchkeeper.base.database.interface import Record
from watchkeeper.market.rows import marks, number, text_or_none

_PAGE = 500
#: Where money is that nobody named a provider for.
UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True)
class Balances:
    """What an account has, in UGX; a farmer has earnings alone, a trader the other three."""

    capital: int = 0
    locked: int = 0
    profit: int = 0
    earnings: int = 0

    def minus(self, other: Balances) -> Balances:
        """The difference, field by field."""
        return Balances(
            self.capital - other.capital,
            self.locked - other.locked,
            self.profit - other.profit,
            self.earnings - other.earnings,
        )

    def named(self) -> dict[str, int]:
        """The fields that are not zero."""
        found = {
            "capital": self.capital,
            "locked": self.locked,
            "profit": self.profit,
            "earnings": self.earnings,
        }
        return {name: amount for name, amount in found.items() if amount}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a ledger. `provider` and `reference` name the payment outside, where there was one."""

    ledger: str
    key: int
    account_id: int
    alias: str
    number: int
    utid: str
    type: str
    amount_ugx: int
    after: Balances
    provider: str
    reference: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Ledger:
    """A ledger's table and what of it makes an entry."""

    table: str
    account: str
    role: str
    balances: str


WALLETS = Ledger("wallet_ledger", "trader_id", "traders", "capital_after, locked_after, profit_after, 0")
FARMERS = Ledger("farmer_ledger", "farmer_id", "farmers", "0, 0, 0, balance_after")
LEDGERS = (WALLETS, FARMERS)


@dataclass(frozen=True, slots=True)
class Horizon:
    """The last key of each ledger when the reading began; what comes later is not part of it."""

    keys: dict[str, int]


def horizon(database: Database) -> Horizon:
    """How far both ledgers reach now, in one look."""
    row = database.one(
        "SELECT (SELECT coalesce(max(id), 0) FROM wallet_ledger), (SELECT coalesce(max(id), 0) FROM farmer_ledger)"
    )
    if row is None:
        raise TypeError("a query of totals gave no row")
    return Horizon({WALLETS.table: number(row[0]), FARMERS.table: number(row[1])})


def entries(
    database: Database,
    ledger: Ledger,
    upto: Horizon,
    *,
    since: Instant = FIRST_INSTANT,
    until: Instant = LAST_INSTANT,
    account_id: int | None = None,
) -> Iterator[Entry]:
    """Entries with `since` <= at < `until`, in the order in which they were written; of one account or of all."""
    # One account is read by its own numbers, which have an index; all of them by the ledger's keys.
    whose, order, place = "", "id", 0
    if account_id is not None:
        whose, order, place = f"w.{ledger.account} = ? AND ", "number", 3
    last = 0
    while True:
        rows = database.query(
            f"SELECT w.id, w.{ledger.account}, u.alias, w.number, w.utid, w.type, w.amount_ugx, {ledger.balances}, w.at "
            f"FROM {ledger.table} w JOIN users u ON u.id = w.{ledger.account} WHERE {whose}w.{order} > ? "
            f"AND w.id <= ? AND w.at >= ? AND w.at < ? ORDER BY w.{order} LIMIT ?",
            (
                *(() if account_id is None else (account_id,)),
                last,
                upto.keys[ledger.table],
                since,
                until,
                _PAGE,
            ),
        )
        outside = _payments(database, {str(row[4]) for row in rows})
        for row in rows:
            yield _entry(ledger, row, outside)
        if len(rows) < _PAGE:
            return
        last = number(rows[-1][place])


def _entry(ledger: Ledger, row: Record, outside: dict[str, tuple[str, str]]) -> Entry:
    provider, reference = outside.get(str(row[4]), (UNNAMED, ""))
    return Entry(
        ledger=ledger.table,
        key=number(row[0]),
        account_id=number(row[1]),
        alias=str(row[2]),
        number=number(row[3]),
        utid=str(row[4]),
        type=str(row[5]),
        amount_ugx=number(row[6]),
        after=Balances(number(row[7]), number(row[8]), number(row[9]), number(row[10])),
        provider=provider,
        reference=reference,
        at=Instant(number(row[11])),
    )


def _payments(database: Database, utids: set[str]) -> dict[str, tuple[str, str]]:
    """Provider and reference by UTID, as the command that moved the money named them."""
    if not utids:
        return {}
    rows = database.query(f"SELECT utid, arguments FROM journal WHERE utid IN ({marks(utids)})", tuple(utids))
    found: dict[str, tuple[str, str]] = {}
    for utid, arguments in rows:
        named = json.loads(text_or_none(arguments) or "{}")
        if isinstance(named, dict) and named.get("provider"):
            found[str(utid)] = (str(named["provider"]), str(named.get("external_ref") or ""))
    return found


def opening(
    database: Database, ledger: Ledger, *, before: Instant, account_id: int | None = None
) -> dict[str, Balances]:
    """The balances of each account by alias after its last entry before that instant."""
    found: dict[str, Balances] = {}
    last = 0
    while True:
        rows = database.query(
            f"SELECT u.id, u.alias, {ledger.balances} FROM users u JOIN {ledger.table} w ON w.{ledger.account} = u.id "
            f"WHERE u.id > ? AND (? = 0 OR u.id = ?) AND w.number = (SELECT max(number) FROM {ledger.table} v "
            f"WHERE v.{ledger.account} = u.id AND v.at < ?) ORDER BY u.id LIMIT ?",
            (last, int(account_id is not None), account_id or 0, before, _PAGE),
        )
        for row in rows:
            found[str(row[1])] = Balances(number(row[2]), number(row[3]), number(row[4]), number(row[5]))
        if len(rows) < _PAGE:
            return found
        last = number(rows[-1][0])
