"""Loads the part of the books that a batch needs, with a handful of queries whatever its size."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.market.commands import (
    AccountAct,
    Acknowledge,
    Act,
    Correct,
    CureReversal,
    CureVerification,
    ExplainPayment,
    MakeOffer,
    Payout,
    PayToLock,
    ReverseLock,
    VerifyDelivery,
    WriteOff,
)
from watchkeeper.market.load import before, goods, people, trade
from watchkeeper.market.state import State

_CORRECTING = (Correct, ExplainPayment, Acknowledge)


def load(database: Database, acts: Sequence[Act], *, at: Instant) -> State:
    """The working set of these acts as of now, inside the caller's transaction; what is in `last` comes later."""
    state = State()
    lock_utids, unit_ids, lot_ids, aliases = set[str](), set[int](), set[int](), set[str]()
    for act in acts:
        command = act.command
        if isinstance(command, PayToLock | MakeOffer):
            unit_ids.add(command.unit_id)
        elif isinstance(command, VerifyDelivery | ReverseLock | CureVerification | CureReversal):
            lock_utids.add(command.lock_utid)
        elif isinstance(command, WriteOff):
            lot_ids.add(command.lot_id)
        elif (
            isinstance(command, Correct | ExplainPayment | AccountAct | Payout | Acknowledge)
            and command.account is not None
        ):
            aliases.add(command.account)
    traders = goods.of_acts(database, state, acts, lot_ids)
    trade.listings(database, state, acts)
    unit_ids.update(unit_id for listing in state.listings.values() for unit_id in listing.unit_ids)
    trade.offers(database, state, acts, unit_ids)
    unit_ids.update(offer.unit_id for offer in state.offers.values())
    trade.locks(database, state, lock_utids)
    unit_ids.update(lock.unit_id for lock in state.locks.values())
    trade.units(database, state, unit_ids)
    goods.lots(database, state, lot_ids)
    user_ids = {act.actor_id for act in acts}
    user_ids.update(unit.farmer_id for unit in state.units.values())
    user_ids.update(lock.trader_id for lock in state.locks.values())
    user_ids.update(lock.farmer_id for lock in state.locks.values())
    user_ids.update(lot.trader_id for lot in state.lots.values())
    user_ids.update(block.trader_id for block in state.blocks.values())
    user_ids.update(sale.buyer_id for sale in state.sales.values())
    user_ids.update(traders)
    user_ids.update(offer.trader_id for offer in state.offers.values())
    people.parties(database, state, acts)
    user_ids.update(*state.parties.values())
    people.users(database, state, ids=user_ids, aliases=aliases)
    corrected = {act.command.account for act in acts if isinstance(act.command, _CORRECTING)}
    # What was booked under an earlier role stands in that role's ledger.
    for role, balances in (("trader", people.wallets), ("farmer", people.earnings)):
        owners = [user.id for user in state.users.values() if user.role == role or user.alias in corrected]
        balances(database, state, owners)
    before.recorded(database, state, acts)
    before.paces(database, state, acts, at=at)
    return state
