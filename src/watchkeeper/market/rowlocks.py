"""The rows that a batch holds on PostgreSQL until its commit, in one order, so that batches of several writers wait
for each other and never in a ring.

Accounts by id, then units by id, then blocks by id; what they guard is loaded; then the commit count. The rows that are locked are those of
the projections: the append-only tables cannot be locked by who may not change them. Whoever holds the commit count is the
only one who appends: journal numbers and keys are dense and come in the order of the commits. What no lock guards, a
reference or a name that two batches take at once, a unique key refuses, and the command is decided again. So is one that names
what came into the books only after its rows had been looked for: nobody holds what guards it.

SQLite has one writer at a time and needs none of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from watchkeeper.base.database import Database, DatabaseError
from watchkeeper.market.commands import (
    AccountAct,
    Acknowledge,
    Act,
    AnswerOffer,
    CancelListing,
    CancelPurchase,
    ConfirmPickup,
    Correct,
    CureReversal,
    CureVerification,
    ExpireOffer,
    ExpirePurchase,
    ExplainPayment,
    FormBlock,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    RemoveListing,
    Repair,
    RestoreDefences,
    RestoreState,
    ReverseLock,
    StorageFee,
    VerifyDelivery,
    WithdrawOffer,
    WriteOff,
    WriteOffBlock,
)
from watchkeeper.market.decision import Row
from watchkeeper.market.load.goods import blocks_of_lots
from watchkeeper.market.rows import marks, number
from watchkeeper.market.state import State

#: They write the projections of whomever they find; nobody else may meanwhile.
_EVERYTHING = (Repair, RestoreDefences, RestoreState)


class CameMeanwhile(DatabaseError):
    """What a command is about came into the books after its rows were locked: it has to be decided again."""


@dataclass(frozen=True, slots=True)
class Held:
    """The accounts, units and blocks that stood when a batch looked for its rows, and are locked, by their ids."""

    users: frozenset[int]
    units: frozenset[int]
    blocks: frozenset[int]

    def check(self, state: State, rows: Iterable[tuple[str, Row]]) -> None:
        """Raise `CameMeanwhile` where the batch writes back what it did not hold when it read it; what is new is its own."""
        owners = state.dirty_users | state.dirty_wallets | state.moved_earnings
        created: dict[str, set[int]] = {"users": set(), "units": set(), "blocks": set()}
        for table, row in rows:
            if table in created:
                created[table].add(number(row["id"]))
        units = state.dirty_units | {state.offers[utid].unit_id for utid in state.dirty_offers}
        for written, held, new in (
            (owners, self.users, created["users"]),
            (units, self.units, created["units"]),
            (state.dirty_blocks, self.blocks, created["blocks"]),
        ):
            if written - held - new:
                raise CameMeanwhile(CameMeanwhile.__doc__)


def hold(database: Database, acts: Sequence[Act]) -> Held | None:
    """Lock what these acts decide on, in the caller's transaction; None where nobody else may write at all.

    Raises `DatabaseBusy`.
    """
    if database.engine == "sqlite":
        return None
    if any(isinstance(act.command, _EVERYTHING) for act in acts):
        database.execute("LOCK TABLE user_state, unit_state, block_state IN EXCLUSIVE MODE")
        return None
    user_ids, unit_ids = _keys(database, acts)
    trader_ids, lot_ids, block_ids = _stored(database, acts)
    user_ids |= trader_ids
    _lock(database, "user_state", "user_id", user_ids)
    _lock(database, "unit_state", "unit_id", unit_ids)
    # Which block a lot is in can only change under its trader's lock, which is held by now.
    block_ids |= blocks_of_lots(database, lot_ids)
    _lock(database, "block_state", "block_id", block_ids)
    return Held(frozenset(user_ids), frozenset(unit_ids), frozenset(block_ids))


def hold_the_end(database: Database) -> None:
    """Be the one who appends, until the end of the transaction; the last lock that is taken."""
    if database.engine != "sqlite":
        database.query("SELECT commits FROM commit_count WHERE id = 1 FOR NO KEY UPDATE")


def _lock(database: Database, table: str, key: str, ids: set[int]) -> None:
    if ids:
        database.query(
            f"SELECT {key} FROM {table} WHERE {key} IN ({marks(ids)}) ORDER BY {key} FOR NO KEY UPDATE",
            tuple(ids),
        )


def _keys(database: Database, acts: Sequence[Act]) -> tuple[set[int], set[int]]:
    """Accounts and units of these acts that are there, from columns that never change."""
    users = {act.actor_id for act in acts}
    units: set[int] = set()
    lock_utids: set[str] = set()
    lots: set[int] = set()
    aliases: set[str] = set()
    offers: set[str] = set()
    listings: set[int] = set()
    for act in acts:
        command = act.command
        if isinstance(command, PayToLock | MakeOffer):
            units.add(command.unit_id)
        elif isinstance(command, VerifyDelivery | ReverseLock | CureVerification | CureReversal):
            lock_utids.add(command.lock_utid)
        elif isinstance(command, WriteOff):
            lots.add(command.lot_id)
        elif (
            isinstance(command, Correct | ExplainPayment | Acknowledge | Payout | AccountAct)
            and command.account is not None
        ):
            aliases.add(command.account)
        elif isinstance(command, AnswerOffer | WithdrawOffer | ExpireOffer):
            offers.add(command.offer_utid)
        elif isinstance(command, CancelListing | RemoveListing):
            listings.add(command.listing_id)
    if offers:
        for row in database.query(
            f"SELECT unit_id, trader_id FROM offers WHERE utid IN ({marks(offers)})", tuple(offers)
        ):
            units.add(number(row[0]))
            users.add(number(row[1]))
    if listings:
        for row in database.query(
            f"SELECT id FROM units WHERE listing_id IN ({marks(listings)})", tuple(listings)
        ):
            units.add(number(row[0]))
    if lock_utids:
        for row in database.query(
            f"SELECT unit_id, trader_id, farmer_id FROM locks WHERE utid IN ({marks(lock_utids)})",
            tuple(lock_utids),
        ):
            units.add(number(row[0]))
            users.update((number(row[1]), number(row[2])))
    if units:
        rows = database.query(
            "SELECT u.id, l.farmer_id FROM units u JOIN listings l ON l.id = u.listing_id "
            f"WHERE u.id IN ({marks(units)})",
            tuple(units),
        )
        units = {number(row[0]) for row in rows}
        users.update(number(row[1]) for row in rows)
    if lots:
        for row in database.query(f"SELECT trader_id FROM lots WHERE id IN ({marks(lots)})", tuple(lots)):
            users.add(number(row[0]))
    if aliases:
        for row in database.query(f"SELECT id FROM users WHERE alias IN ({marks(aliases)})", tuple(aliases)):
            users.add(number(row[0]))
    return users, units


def _stored(database: Database, acts: Sequence[Act]) -> tuple[set[int], set[int], set[int]]:
    """Traders, lots and blocks that are there of the acts on stored goods, from columns that never change."""
    traders, lots, blocks = set[int](), set[int](), set[int]()
    sales = set[str]()
    for act in acts:
        command = act.command
        if isinstance(command, FormBlock):
            traders.add(command.trader_id)
        elif isinstance(command, StorageFee | WriteOff):
            lots.add(command.lot_id)
        elif isinstance(command, Purchase | WriteOffBlock):
            blocks.add(command.block_id)
        elif isinstance(command, CancelPurchase | ConfirmPickup | ExpirePurchase):
            sales.add(command.purchase_utid)
    if sales:
        for row in database.query(
            f"SELECT block_id, buyer_id FROM purchases WHERE utid IN ({marks(sales)})", tuple(sales)
        ):
            blocks.add(number(row[0]))
            traders.add(number(row[1]))
    found: dict[str, set[int]] = {}
    for table, ids in (("lots", lots), ("blocks", blocks)):
        rows = database.query(f"SELECT id, trader_id FROM {table} WHERE id IN ({marks(ids)})", tuple(ids))
        found[table] = {number(row[0]) for row in rows}
        traders.update(number(row[1]) for row in rows)
    return traders, found["lots"], found["blocks"]
