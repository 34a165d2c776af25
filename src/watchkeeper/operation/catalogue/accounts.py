"""The running replay of every account, moving with the watermark: what a balance ought to be by now.

Rows enter when they belong to a journal row, or were acknowledged. A row that does neither is 2.3's and does not
move a replay. Where an entry does not follow from the one before, the replay goes on from what the entry says, and
keeps the jump as *disputed*, so that one wrong account does not throw the totals of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from watchkeeper.base.canonical import Value
from watchkeeper.base.database import Database
from watchkeeper.boundary.views import VIEWS, Row
from watchkeeper.operation.catalogue import books, paging
from watchkeeper.operation.catalogue.books import ZERO, Balances, integer
from watchkeeper.operation.catalogue.context import Context, Found

#: Ledger -> the column that names its account.
LEDGERS = {"wallet_ledger": "trader_id", "farmer_ledger": "farmer_id"}
#: Entries that a replay reads at once.
SLICE = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """One account's replay in one ledger. Amounts in UGX."""

    id: int
    ledger: str
    number: int = 0
    balances: Balances = ZERO
    disputed: Balances = ZERO
    #: Locks neither delivered nor reversed, of those that belong to the books.
    open_ugx: int = 0
    #: Locked money that comes from corrections and acknowledgements.
    adjusted_ugx: int = 0
    #: Every open position that stands, however it came there.
    exposure_ugx: int = 0
    #: What the acknowledgements that count in this replay brought to all balances together.
    acknowledged_ugx: int = 0


@dataclass(frozen=True, slots=True)
class Jump:
    """An entry that does not follow from the one before it."""

    found: Found
    account_id: int
    expected_number: int
    expected: Balances
    said: Balances


@dataclass(frozen=True, slots=True)
class Passed:
    """A lock as the replay came by it: its journal number, and the trader's exposure before it, in UGX."""

    found: Found
    number: int
    before_ugx: int


def step(
    account: Account, found: Found, acknowledgement: Row | None, *, belongs: bool = True
) -> tuple[Account, Jump | None]:
    """Replay one entry; the jump, when it does not follow. What was acknowledged may jump by its deltas, no more."""
    expected = account.balances
    if belongs:
        expected = expected.plus(books.effect(found.table, found.row))
    if acknowledgement is not None:
        expected = expected.plus(acknowledged_deltas(acknowledgement))
    said = books.stored(found.table, found.row)
    number = integer(found.row["number"])
    jump: Jump | None = None
    # What was acknowledged stands with the number that it has.
    if said != expected or (acknowledgement is None and number != account.number + 1):
        jump = Jump(found, account.id, account.number + 1, expected, said)
    adjusted, acknowledged = account.adjusted_ugx, account.acknowledged_ugx
    if acknowledgement is not None:
        adjusted += integer(acknowledgement["locked_delta_ugx"])
        acknowledged += acknowledged_deltas(acknowledgement).total
    if belongs and found.row.get("type") == "locked_correction":
        adjusted += integer(found.row["amount_ugx"])
    return (
        replace(
            account,
            number=number,
            balances=said,
            disputed=account.disputed.plus(said.minus(expected)),
            adjusted_ugx=adjusted,
            acknowledged_ugx=acknowledged,
        ),
        jump,
    )


def acknowledged_deltas(row: Row) -> Balances:
    """What an acknowledgement says that its row brought to the account."""
    return Balances(
        integer(row["capital_delta_ugx"]),
        integer(row["locked_delta_ugx"]),
        integer(row["profit_delta_ugx"]),
        integer(row["earnings_delta_ugx"]),
    )


def replaying(
    context: Context, account_id: int, ledger: str, *, upto: int | None = None
) -> Iterator[tuple[Account, list[Jump]]]:
    """An account's replay from its first entry, up to a number or to its last, without its positions.

    A slice of entries at a time, each in a snapshot of its own unless the caller has one: where the replay stands then, and
    the jumps in that slice. A row belongs when it is sealed with its journal row or acknowledged as it stands.
    """
    account = Account(account_id, ledger)
    last = 0
    while upto is None or last < upto:
        jumps: list[Jump] = []
        with context.views.snapshot():
            rows = context.views.rows(
                VIEWS[ledger],
                f"{LEDGERS[ledger]} = ? AND number > ? AND number <= ? ORDER BY number",
                (account_id, last, 2**62 if upto is None else upto),
                limit=SLICE,
            )
            places = context.sealed(ledger, [integer(row["id"]) for row in rows])
            entries = [Found(ledger, integer(row["id"]), row) for row in rows]
            strangers = [entry for entry in entries if places.get(entry.key, ("", 0))[0] != "main"]
            let_stand = context.acknowledgements(strangers)
            for found in entries:
                last = integer(found.row["number"])
                belongs = places.get(found.key, ("", 0))[0] == "main"
                moved, jump = step(account, found, None) if belongs else (account, None)
                if not belongs or jump is not None:
                    # Only what does not follow by itself can have been acknowledged.
                    acknowledgement = context.acknowledged(found) if belongs else let_stand.get(found.key)
                    if acknowledgement is not None:
                        moved, jump = step(account, found, acknowledgement, belongs=belongs)
                account = moved
                if jump is not None:
                    jumps.append(jump)
        if not rows:
            return
        yield account, jumps


def replayed(
    context: Context, account_id: int, ledger: str, *, upto: int | None = None
) -> tuple[Account, list[Jump]]:
    """The whole of an account's replay, with every jump on the way and its positions as they are now."""
    account = Account(account_id, ledger)
    jumps: list[Jump] = []
    for standing, jumped in replaying(context, account_id, ledger, upto=upto):
        account = standing
        jumps += jumped
    open_ugx, exposure_ugx = _positions(context, account_id, ledger)
    return replace(account, open_ugx=open_ugx, exposure_ugx=exposure_ugx), jumps


def _positions(context: Context, account_id: int, ledger: str) -> tuple[int, int]:
    """What is open by the books, and what the account is exposed by, counted from the rows read so far."""
    if ledger != "wallet_ledger":
        return 0, 0

    def read(table: str, name: str) -> str:
        # What no pass has come to yet moves the replay when one does.
        return f" AND {name}.id <= {context.read[table]}" if table in context.read else ""

    final = f"o.lock_utid = l.utid AND o.outcome IN ('delivered', 'reversed'){read('lock_outcomes', 'o')}"
    locks = (
        f"FROM watch_locks l WHERE l.trader_id = ?{read('locks', 'l')} AND NOT EXISTS "
        f"(SELECT 1 FROM watch_lock_outcomes o WHERE {final})"
    )
    total = context.views.number(f"SELECT sum(l.amount_ugx) {locks}", (account_id,))
    strangers = 0
    strange_rows = context.database.query(
        "SELECT key FROM sealed_rows WHERE table_name = 'locks' AND log = 'side' LIMIT 1000"
    )
    for (key,) in strange_rows:
        strangers += context.views.number(f"SELECT sum(l.amount_ugx) {locks} AND l.id = ?", (account_id, key))
    # A lock that never belonged to the books but was ended through them took its amount out of `open`.
    ended = 0
    for (key,) in strange_rows:
        ended += context.views.number(
            "SELECT sum(l.amount_ugx) FROM watch_locks l WHERE l.trader_id = ? AND l.id = ? AND EXISTS "
            f"(SELECT 1 FROM watch_lock_outcomes o WHERE {final})",
            (account_id, key),
        )
    lots = context.views.number(
        f"SELECT sum(t.cost_ugx) FROM watch_lots t WHERE t.trader_id = ?{read('lots', 't')} AND NOT EXISTS "
        f"(SELECT 1 FROM watch_write_offs w WHERE w.lot_id = t.id{read('write_offs', 'w')}) AND NOT EXISTS "
        "(SELECT 1 FROM watch_block_lots b JOIN watch_purchases p ON p.block_id = b.block_id "
        f"JOIN watch_pickups k ON k.purchase_utid = p.utid WHERE b.lot_id = t.id{read('pickups', 'k')})",
        (account_id,),
    )
    return total - strangers - ended, total + lots


class Accounts:
    """The accounts that a pass touches, loaded when first needed, written when the pass is stored."""

    _COLUMNS = (
        "account_id, ledger, number, capital, locked, profit, earnings, disputed_capital, disputed_locked, "
        "disputed_profit, disputed_earnings, open_ugx, adjusted_ugx, exposure_ugx, acknowledged_ugx"
    )

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accounts: dict[tuple[int, str], Account] = {}
        self._dirty: set[tuple[int, str]] = set()
        #: The locks of this pass, in journal order.
        self.passed: list[Passed] = []
        rows = database.query("SELECT name, amount_ugx FROM totals LIMIT 100")
        self.totals: dict[str, int] = {str(name): int(str(amount)) for name, amount in rows}

    def get(self, account_id: int, ledger: str) -> Account:
        """An account's replay as it stands."""
        key = (account_id, ledger)
        if key not in self._accounts:
            row = self._database.one(
                f"SELECT {self._COLUMNS} FROM account_state WHERE account_id = ? AND ledger = ?", key
            )
            self._accounts[key] = Account(account_id, ledger) if row is None else _account(row)
        return self._accounts[key]

    def put(self, account: Account) -> None:
        """Move an account on, and the totals with it."""
        before = self.get(account.id, account.ledger)
        self.add("balances", account.balances.total - before.balances.total)
        self.add("disputed", account.disputed.total - before.disputed.total)
        self.add("acknowledged", account.acknowledged_ugx - before.acknowledged_ugx)
        self._accounts[account.id, account.ledger] = account
        self._dirty.add((account.id, account.ledger))

    def add(self, name: str, amount_ugx: int) -> None:
        """Move one total."""
        self.totals[name] = self.totals.get(name, 0) + amount_ugx

    def uncounted(self, context: Context) -> set[tuple[int, str]]:
        """The accounts to replay because what is acknowledged in all was counted before each kept its own; none any more after that."""
        kept = self._database.one(
            "SELECT coalesce(sum(acknowledged_ugx), 0), "
            "coalesce((SELECT amount_ugx FROM totals WHERE name = 'acknowledged'), 0) FROM account_state"
        )
        if kept is None or kept[0] == kept[1]:
            return set()
        self.add("acknowledged", integer(kept[0]) - integer(kept[1]))
        return {
            (integer(row[LEDGERS[ledger]]), ledger)
            for ledger in LEDGERS
            for row in _acknowledged_entries(context, ledger)
        }

    def touched(self) -> list[Account]:
        """The accounts that this pass moved."""
        return [self._accounts[key] for key in sorted(self._dirty)]

    def store(self, database: Database) -> None:
        """Write what moved, in the caller's transaction."""
        database.execute_many(
            f"INSERT INTO account_state ({self._COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (account_id, ledger) DO UPDATE SET number = excluded.number, capital = excluded.capital, "
            "locked = excluded.locked, profit = excluded.profit, earnings = excluded.earnings, "
            "disputed_capital = excluded.disputed_capital, disputed_locked = excluded.disputed_locked, "
            "disputed_profit = excluded.disputed_profit, disputed_earnings = excluded.disputed_earnings, "
            "open_ugx = excluded.open_ugx, adjusted_ugx = excluded.adjusted_ugx, exposure_ugx = excluded.exposure_ugx, "
            "acknowledged_ugx = excluded.acknowledged_ugx",
            [_record(account) for account in self.touched()],
        )
        database.execute_many(
            "INSERT INTO totals (name, amount_ugx) VALUES (?, ?) ON CONFLICT (name) "
            "DO UPDATE SET amount_ugx = excluded.amount_ugx",
            sorted(self.totals.items()),
        )


def _acknowledged_entries(context: Context, ledger: str) -> Iterator[Row]:
    named = context.views.database.query(
        "SELECT DISTINCT row_key FROM watch_acknowledgements WHERE table_name = ?", (ledger,)
    )
    keys = sorted(int(str(key)) for (key,) in named)
    for begin in range(0, len(keys), SLICE):
        yield from context.views.by_keys(VIEWS[ledger], keys[begin : begin + SLICE]).values()


def pages(database: Database) -> Iterator[Sequence[Account]]:
    """All stored accounts in order of (id, ledger), a page at a time."""

    def beyond(after: tuple[int, str]) -> list[Account]:
        rows = database.query(
            f"SELECT {Accounts._COLUMNS} FROM account_state WHERE (account_id, ledger) > (?, ?) "
            "ORDER BY account_id, ledger LIMIT ?",
            (*after, paging.PAGE),
        )
        return [_account(row) for row in rows]

    return paging.walked(beyond, lambda account: (account.id, account.ledger), (-1, ""))


def _account(row: tuple[Value, ...]) -> Account:
    values = [integer(value) for value in row[2:]]
    return Account(
        id=integer(row[0]),
        ledger=str(row[1]),
        number=values[0],
        balances=Balances(*values[1:5]),
        disputed=Balances(*values[5:9]),
        open_ugx=values[9],
        adjusted_ugx=values[10],
        exposure_ugx=values[11],
        acknowledged_ugx=values[12],
    )


def _record(account: Account) -> tuple[int | str, ...]:
    balances, disputed = account.balances, account.disputed
    return (
        account.id,
        account.ledger,
        account.number,
        balances.capital,
        balances.locked,
        balances.profit,
        balances.earnings,
        disputed.capital,
        disputed.locked,
        disputed.profit,
        disputed.earnings,
        account.open_ugx,
        account.adjusted_ugx,
        account.exposure_ugx,
        account.acknowledged_ugx,
    )


def jump_of(context: Context, found: Found) -> Balances:
    """By how much an entry, as it stands, departs from what precedes it: what acknowledging it books to suspense."""
    if found.table not in LEDGERS:
        return ZERO
    before, _ = replayed(
        context,
        integer(found.row[LEDGERS[found.table]]),
        found.table,
        upto=integer(found.row["number"]) - 1,
    )
    belongs = context.sealed(found.table, [found.key]).get(found.key, ("", 0))[0] == "main"
    effect = books.effect(found.table, found.row) if belongs else ZERO
    return books.stored(found.table, found.row).minus(before.balances.plus(effect))
