"""What no act names as its target and yet belongs to its chain: the listing of a unit, and whose money was whose.

Money has no marks. Which deposit paid for a lock, and which settlement a payout pays, is said by the oldest convention of
bookkeeping: first in, first out, account by account, worked out from the balances of the append-only ledgers and stored nowhere.
Money that came back, by a reversal or from a sale, holds its place in that order and leads no further.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from watchkeeper.base.database import Database
from watchkeeper.market.rows import number

#: As many neighbours as one act is given; a chain is cut before.
_NEIGHBOURS_MAX = 100
#: Of an account with more entries than this in a ledger it is not worked out whose money was whose.
ENTRIES_MAX = 20_000


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


@dataclass(slots=True)
class _Spans:
    """Acts of one kind in their order, each with the shillings that it moved, counted from the account's first."""

    utids: list[str] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def add(self, utid: str, begin: int, end: int) -> None:
        self.places[utid] = len(self.utids)
        self.utids.append(utid)
        self.begins.append(begin)
        self.ends.append(end)

    def of(self, utid: str) -> tuple[int, int] | None:
        """The shillings that an act moved; None when it moved none here."""
        place = self.places.get(utid)
        return None if place is None else (self.begins[place], self.ends[place])

    def overlapping(self, begin: int, end: int) -> list[str]:
        """The acts that moved any of these shillings, the first of them."""
        first = bisect_right(self.ends, begin)
        found: list[str] = []
        for place in range(first, min(len(self.utids), first + _NEIGHBOURS_MAX)):
            if self.begins[place] >= end:
                break
            found.append(self.utids[place])
        return found


@dataclass(frozen=True, slots=True)
class _Account:
    """What came into one balance and what of it was spent."""

    came: _Spans
    went: _Spans


@dataclass(slots=True)
class Trail:
    """What one trace asks; each account's ledger is read once for all of its acts. `whole`: whether all could be worked out."""

    database: Database
    whole: bool = True
    _accounts: dict[tuple[str, int], _Account | None] = field(default_factory=dict)

    def before(self, utid: str) -> list[str]:
        """The listing whose unit this act offers or pays for, and the money that it spends."""
        found = self.database.query(
            "SELECT g.utid FROM listings g JOIN units u ON u.listing_id = g.id WHERE u.id IN "
            "(SELECT unit_id FROM locks WHERE utid = ? UNION ALL SELECT unit_id FROM offers WHERE utid = ?) LIMIT 1",
            (utid, utid),
        )
        return [str(row[0]) for row in found] + self._money(utid, spent=True)

    def after(self, utid: str) -> list[str]:
        """The offers and locks of the units that this act listed, and what its money was spent on."""
        found = self.database.query(
            "SELECT l.utid, l.locked_at FROM listings g JOIN units u ON u.listing_id = g.id JOIN locks l ON l.unit_id = u.id "
            "WHERE g.utid = ? UNION ALL SELECT o.utid, o.at FROM listings g JOIN offers o ON o.farmer_id = g.farmer_id "
            "JOIN units u ON u.id = o.unit_id AND u.listing_id = g.id WHERE g.utid = ? ORDER BY 2, 1 LIMIT ?",
            (utid, utid, _NEIGHBOURS_MAX),
        )
        return [str(row[0]) for row in found] + self._money(utid, spent=False)

    def _money(self, utid: str, *, spent: bool) -> list[str]:
        """The acts whose shillings overlap those of this one: where they came from when it spent them, else where they went."""
        found: list[str] = []
        for flow in _FLOWS:
            entry = self.database.one(
                f"SELECT {flow.owner} FROM {flow.table} WHERE utid = ? AND type = ? LIMIT 1",
                (utid, flow.went if spent else flow.came),
            )
            account = None if entry is None else self._account(flow, number(entry[0]))
            if account is None:
                continue
            own, others = (account.went, account.came) if spent else (account.came, account.went)
            span = own.of(utid)
            if span is not None:
                found += others.overlapping(*span)
        return found

    def _account(self, flow: _Flow, owner: int) -> _Account | None:
        key = (flow.table, owner)
        if key not in self._accounts:
            self._accounts[key] = self._read(flow, owner)
        return self._accounts[key]

    def _read(self, flow: _Flow, owner: int) -> _Account | None:
        rows = self.database.query(
            f"SELECT utid, type, {flow.balance} FROM {flow.table} WHERE {flow.owner} = ? ORDER BY number LIMIT ?",
            (owner, ENTRIES_MAX + 1),
        )
        if len(rows) > ENTRIES_MAX:
            self.whole = False
            return None
        account = _Account(_Spans(), _Spans())
        balance = came = went = 0
        for utid, kind, after in rows:
            change, balance = number(after) - balance, number(after)
            if change > 0:
                if kind == flow.came:
                    account.came.add(str(utid), came, came + change)
                came += change
            elif change < 0:
                if kind == flow.went:
                    account.went.add(str(utid), went, went - change)
                went -= change
        return account
