"""Reading the books for the people of the market: each sees what is theirs, one snapshot a call.

A connection of its own, which cannot write; it belongs to one thread at a time.
"""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database, DatabaseError, open_database
from watchkeeper.market.rows import number
from watchkeeper.market.state import Earnings, User, Wallet

PAGE_MAX = 200


def open_books(data: Path, *, system_id: str) -> Database:
    """A reader's connection to the market's database; raises `DatabaseError`."""
    database = open_database(data, "market", role="market", may_write=False, busy_seconds_max=2.0)
    row = database.one("SELECT system_id FROM system WHERE id = 1")
    if row is None or row[0] != system_id:
        database.close()
        raise DatabaseError("the books belong to another system")
    return database


def system_id_of(data: Path) -> str:
    """The id of the system whose books lie in `data`; raises `DatabaseError`."""
    database = open_database(data, "market", role="market", may_write=False, busy_seconds_max=2.0)
    try:
        row = database.one("SELECT system_id FROM system WHERE id = 1")
        if row is None:
            raise DatabaseError("the books do not say whose they are")
        return str(row[0])
    finally:
        database.close()


def page(limit: int) -> int:
    """A page length within bounds."""
    return max(1, min(limit, PAGE_MAX))


class Books:
    """What can be asked about accounts, money and produce."""

    def __init__(self, data: Path, *, system_id: str) -> None:
        self._data = data
        self._system_id = system_id
        self._database: Database | None = None

    @property
    def database(self) -> Database:
        """The open connection; opened again when the file was replaced."""
        if self._database is not None and not self._database.same_place():
            self.close()
        if self._database is None:
            self._database = open_books(self._data, system_id=self._system_id)
        return self._database

    def close(self) -> None:
        """Give the connection back."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def user(self, user_id: int) -> User | None:
        """An account by id."""
        return self._user("u.id = ?", user_id)

    def user_by_alias(self, alias: str) -> User | None:
        """An account by alias."""
        return self._user("u.alias = ?", alias)

    def _user(self, where: str, key: int | str) -> User | None:
        row = self.database.one(
            "SELECT u.id, u.alias, s.role, s.status, s.session_generation FROM users u "
            f"JOIN user_state s ON s.user_id = u.id WHERE {where}",
            (key,),
        )
        if row is None:
            return None
        return User(number(row[0]), str(row[1]), str(row[2]), str(row[3]), number(row[4]))

    def users(self, *, after: int = 0, limit: int = 50) -> list[User]:
        """Accounts with an id above `after`, without set-up's system account."""
        rows = self.database.query(
            "SELECT u.id, u.alias, s.role, s.status, s.session_generation FROM users u "
            "JOIN user_state s ON s.user_id = u.id WHERE u.id > ? AND s.role <> 'system' ORDER BY u.id LIMIT ?",
            (after, page(limit)),
        )
        return [User(number(r[0]), str(r[1]), str(r[2]), str(r[3]), number(r[4])) for r in rows]

    def wallet(self, trader_id: int) -> Wallet:
        """A trader's balances in UGX; zeros before the first movement."""
        row = self.database.one(
            "SELECT s.last_number, coalesce(l.capital_after, 0), coalesce(l.locked_after, 0), "
            "coalesce(l.profit_after, 0), s.exposure_ugx FROM trader_state s LEFT JOIN wallet_ledger l "
            "ON l.trader_id = s.trader_id AND l.number = s.last_number WHERE s.trader_id = ?",
            (trader_id,),
        )
        if row is None:
            return Wallet(trader_id)
        return Wallet(
            trader_id, number(row[0]), number(row[1]), number(row[2]), number(row[3]), number(row[4])
        )

    def ledger(
        self, trader_id: int, *, before: int | None = None, limit: int = 50
    ) -> list[dict[str, object]]:
        """A trader's ledger rows, newest first, with a number below `before`."""
        columns = (
            "number", "utid", "type", "amount_ugx", "capital_after", "locked_after", "profit_after",
            "provider", "external_ref", "at",
        )  # fmt: skip
        rows = self.database.query(
            f"SELECT {', '.join(columns)} FROM wallet_ledger WHERE trader_id = ? AND number < ? "
            "ORDER BY number DESC LIMIT ?",
            (trader_id, before or 2**62, page(limit)),
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def earnings(self, farmer_id: int) -> Earnings:
        """A farmer's balance in UGX."""
        row = self.database.one(
            "SELECT number, balance_after FROM farmer_ledger WHERE farmer_id = ? ORDER BY number DESC LIMIT 1",
            (farmer_id,),
        )
        return Earnings(farmer_id) if row is None else Earnings(farmer_id, number(row[0]), number(row[1]))

    def listings(
        self,
        *,
        farmer_id: int | None = None,
        after: int = 0,
        before: int | None = None,
        limit: int = 50,
        also_of_suspended: bool = False,
    ) -> list[dict[str, object]]:
        """Listings with an id above `after`: a farmer's own with every unit, or everyone's with free units.

        With `before` those below it instead, the newest first. What nobody can pay for, because its farmer is not active,
        is left out unless it is asked for.
        """
        beside, order = ("l.id > ?", "l.id") if before is None else ("l.id < ?", "l.id DESC")
        where = (
            "EXISTS (SELECT 1 FROM units u JOIN unit_state s ON s.unit_id = u.id "
            "WHERE u.listing_id = l.id AND s.status = 'available' AND NOT EXISTS (SELECT 1 FROM offer_state o "
            "WHERE o.unit_id = u.id AND o.status = 'accepted'))"
        )
        if not also_of_suspended:
            where += " AND EXISTS (SELECT 1 FROM user_state a WHERE a.user_id = l.farmer_id AND a.status = 'active')"
        parameters: list[int] = []
        if farmer_id is not None:
            where, parameters = "l.farmer_id = ?", [farmer_id]
        rows = self.database.query(
            "SELECT l.id, l.utid, f.alias, l.produce, l.grams, l.price_ugx_per_kg, l.at FROM listings l "
            f"JOIN users f ON f.id = l.farmer_id WHERE {beside} AND {where} ORDER BY {order} LIMIT ?",
            (after if before is None else before, *parameters, page(limit)),
        )
        found: list[dict[str, object]] = []
        for row in rows:
            units = self.database.query(
                "SELECT u.id, u.number, u.grams, s.status FROM units u JOIN unit_state s ON s.unit_id = u.id "
                "WHERE u.listing_id = ? AND (? = 1 OR (s.status = 'available' AND NOT EXISTS (SELECT 1 FROM offer_state o "
                "WHERE o.unit_id = u.id AND o.status = 'accepted'))) ORDER BY u.number LIMIT 200",
                (number(row[0]), int(farmer_id is not None)),
            )
            found.append(
                {
                    "id": row[0],
                    "utid": row[1],
                    "farmer": row[2],
                    "produce": row[3],
                    "grams": row[4],
                    "price_ugx_per_kg": row[5],
                    "at": row[6],
                    "units": [
                        {"id": unit[0], "number": unit[1], "grams": unit[2], "status": unit[3]}
                        for unit in units
                    ],
                }
            )
        return found

    _LOCK = (
        "SELECT l.id, l.utid, l.unit_id, t.alias, f.alias, l.amount_ugx, l.price_ugx_per_kg, l.locked_at, "
        "l.deadline_at, (SELECT outcome FROM lock_outcomes o WHERE o.lock_utid = l.utid ORDER BY o.id DESC LIMIT 1), "
        "l.trader_id, l.farmer_id, g.produce, u.grams FROM locks l JOIN users t ON t.id = l.trader_id "
        "JOIN users f ON f.id = l.farmer_id JOIN units u ON u.id = l.unit_id JOIN listings g ON g.id = u.listing_id "
    )
    _LOCK_FIELDS = (
        "id", "utid", "unit_id", "trader", "farmer", "amount_ugx", "price_ugx_per_kg", "locked_at",
        "deadline_at", "outcome", "trader_id", "farmer_id", "produce", "grams",
    )  # fmt: skip

    def locks(
        self,
        *,
        trader_id: int | None = None,
        farmer_id: int | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> list[dict[str, object]]:
        """Locks with an id above `after`; a trader's, a farmer's, or everyone's. `outcome` is None while open."""
        rows = self.database.query(
            f"{self._LOCK} WHERE l.id > ? AND (? IS NULL OR l.trader_id = ?) AND (? IS NULL OR l.farmer_id = ?) "
            "ORDER BY l.id LIMIT ?",
            (after, trader_id, trader_id, farmer_id, farmer_id, page(limit)),
        )
        return [dict(zip(self._LOCK_FIELDS, row, strict=True)) for row in rows]

    def lock(self, utid: str) -> dict[str, object] | None:
        """One lock by its UTID."""
        row = self.database.one(f"{self._LOCK} WHERE l.utid = ?", (utid,))
        return None if row is None else dict(zip(self._LOCK_FIELDS, row, strict=True))

    def lots(self, trader_id: int, *, after: int = 0, limit: int = 50) -> list[dict[str, object]]:
        """A trader's lots in store, with an id above `after`."""
        columns = ("id", "utid", "unit_id", "lock_utid", "produce", "grams", "cost_ugx", "at", "written_off")
        rows = self.database.query(
            "SELECT l.id, l.utid, l.unit_id, l.lock_utid, l.produce, l.grams, l.cost_ugx, l.at, "
            "EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id) FROM lots l "
            "WHERE l.trader_id = ? AND l.id > ? ORDER BY l.id LIMIT ?",
            (trader_id, after, page(limit)),
        )
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def journalled_at(self, n: int) -> Instant | None:
        """When an act of the journal was accepted."""
        row = self.database.one("SELECT at FROM journal WHERE n = ?", (n,))
        return None if row is None else Instant(int(str(row[0])))

    def touched_since(self, n: int, *, subject: str) -> bool:
        """Whether an act after this one was on the same subject. Reads all that came after it: not for old acts."""
        return (
            self.database.one("SELECT 1 FROM journal WHERE n > ? AND subject = ? LIMIT 1", (n, subject))
            is not None
        )

    def nth_attempt(
        self, nth: int, *, since: Instant, kind: str, whose: str, key: str, only_from: str | None = None
    ) -> Instant | None:
        """When the `nth` newest attempt of this kind since then was noted; None if there were fewer.

        `whose` is account or address, `key` which one; `only_from` leaves out those of other addresses.
        """
        column = {"account": "account", "address": "address"}[whose]
        beside, more = ("", ()) if only_from is None else ("AND address = ? ", (only_from,))
        row = self.database.one(
            f"SELECT at FROM sign_in_attempts WHERE {column} = ? AND at > ? AND kind = ? {beside}"
            "ORDER BY at DESC LIMIT 1 OFFSET ?",
            (key, since, kind, *more, nth - 1),
        )
        return None if row is None else Instant(number(row[0]))

    def phase(self) -> str:
        """The phase that the market is in: pilot until the operator says otherwise."""
        row = self.database.one("SELECT phase FROM phases ORDER BY id DESC LIMIT 1")
        return "pilot" if row is None else str(row[0])

    def active(self) -> dict[str, int]:
        """How many active accounts there are, by role."""
        rows = self.database.query(
            "SELECT role, count(*) FROM user_state WHERE status = 'active' AND role NOT IN ('system', 'operator') "
            "GROUP BY role ORDER BY role"
        )
        return {str(role): number(count) for role, count in rows}
