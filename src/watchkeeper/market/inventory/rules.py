"""Blocks, the daily storage fee and writing off (domain, Inventory, storage fee, purchase). Pure.

The fee is exact in whole grams: after n counted days a lot has lost `floor(n * grams / 200)` in all, and a day's row is
the difference to the day before. What is less than a gram waits for the days after it and is never lost or charged twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.market import reasons
from watchkeeper.market.commands import FormBlock, StorageFee, WriteOff, WriteOffBlock
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.listings import naming
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import BLOCK_LOTS, Block, Lot, State

DAY_MICROSECONDS = 24 * 3600 * MICROSECONDS_PER_SECOND
#: 0.5 kg a day for each 100 kg nominal: one gram in two hundred.
FEE_DIVISOR = 200
#: An admin is told of goods in store that lost this share of their nominal weight, or this much.
RED_LOSS_PERCENT, RED_LOSS_GRAMS = 10, 5_000
#: One command deducts at most so many days; what is left is the next one's.
DAYS_AT_ONCE_MAX = 60

Times = Sequence[tuple[Instant, Instant | None]]


def lost_after(*, grams: int, days: int) -> int:
    """What a lot of `grams` nominal has lost after so many counted days, in whole grams; never more than all of it."""
    return min(grams, grams * days // FEE_DIVISOR)


def days_in_store(*, started_at: Instant, at: Instant) -> int:
    """Full days that have passed since the lot came into store."""
    return max(0, (at - started_at) // DAY_MICROSECONDS)


def _meets(begin: int, end: int, times: Times) -> bool:
    """Whether any of the times has an instant in common with [begin, end)."""
    return any(begun < end and (until is None or until > begin) for begun, until in times)


def due_days(
    *,
    started_at: Instant,
    at: Instant,
    deducted: Collection[int],
    pilot_mode: Times,
    awaiting: Times,
    limit: int = DAYS_AT_ONCE_MAX,
) -> list[int]:
    """The full days of a lot that count and are not deducted yet, numbered from 1, oldest first.

    A day counts when pilot mode was not on at any instant of it and the lot did not await a pickup at any.
    """
    found: list[int] = []
    for day in range(1, days_in_store(started_at=started_at, at=at) + 1):
        if day in deducted:
            continue
        end = started_at + day * DAY_MICROSECONDS
        begin = end - DAY_MICROSECONDS
        if not _meets(begin, end, pilot_mode) and not _meets(begin, end, awaiting):
            found.append(day)
            if len(found) >= limit:
                break
    return found


def storage_fee(command: StorageFee, state: State, context: Context) -> Decision:
    """Deduct the due days of one lot, a row for each; refused when there is nothing to deduct."""
    lot = state.lot(command.lot_id)
    block = None if lot.block_id is None else state.block(lot.block_id)
    days: list[int] = []
    if not lot.written_off and (block is None or block.status == "in_storage"):
        days = due_days(
            started_at=lot.started_at,
            at=context.at,
            deducted=lot.fee_days,
            pilot_mode=state.pilot_mode,
            awaiting=() if block is None else block.awaiting,
        )
    if not days or days[0] != command.from_day or not lot.grams_left:
        raise Refusal("nothing-due", "Nothing is due on this lot from that day.")
    decision = Decision(utid=context.utid, subject=f"lot {lot.id}", target_utid=lot.utid)
    before = lot.grams_left
    for day in days:
        lost = lost_after(grams=lot.grams, days=len(lot.fee_days) + 1) - lot.grams_deducted
        grams = max(0, min(lost, lot.grams_left))
        lot = replace(lot, fee_days=lot.fee_days | {day}, grams_deducted=lot.grams_deducted + grams)
        decision.add(
            state,
            "storage_fee_deductions",
            lot_id=lot.id,
            trader_id=lot.trader_id,
            day=day,
            grams=grams,
            grams_after=lot.grams_left,
            at=context.at,
        )
        if not lot.grams_left:
            break
    state.lots[lot.id] = lot
    decision.answer = {"lot_id": lot.id, "grams": before - lot.grams_left, "grams_left": lot.grams_left}
    return decision


def form_block(command: FormBlock, state: State, context: Context) -> Decision:
    """The ten oldest free lots of one trader and produce become a block; refused while there are fewer."""
    lots = [state.lot(lot_id) for lot_id in state.free_lots.get((command.trader_id, command.produce), ())]
    if len(lots) < BLOCK_LOTS:
        raise Refusal("nothing-due", f"A block takes {BLOCK_LOTS} free lots.")
    produce = naming.canonical(command.produce)
    decision = Decision(utid=context.utid, subject=f"lots {lots[0].id} to {lots[-1].id}")
    block_id = decision.add(
        state,
        "blocks",
        trader_id=command.trader_id,
        produce=produce,
        grams=sum(lot.grams for lot in lots),
        at=context.at,
    )
    for lot in lots:
        decision.add(state, "block_lots", block_id=block_id, lot_id=lot.id, trader_id=command.trader_id)
        state.lots[lot.id] = replace(lot, block_id=block_id)
    state.free_lots[command.trader_id, command.produce] = []
    state.set_block(Block(block_id, context.utid, command.trader_id, produce, tuple(lot.id for lot in lots)))
    decision.answer = {"block_id": block_id, "lots": len(lots)}
    return decision


def write_off(command: WriteOff, state: State, context: Context) -> Decision:
    """End the position in a lot; no money moves, the exposure falls by the lot's cost."""
    reason = reasons.checked(command.reason)
    lot = state.lot(command.lot_id)
    if lot.written_off:
        raise Refusal("already-written-off", "This lot is written off already.")
    block = None if lot.block_id is None else state.block(lot.block_id)
    if block is not None:
        _must_be_in_storage(block)
    decision = Decision(
        utid=context.utid,
        subject=f"lot {lot.id}",
        target_utid=lot.utid,
        reason=reason,
        amount_ugx=lot.cost_ugx,
    )
    _end(decision, state, context, lot)
    if block is not None and not standing(block, state):
        state.set_block(replace(block, status="written_off"))
    decision.answer = {"lot_id": lot.id, "cost_ugx": lot.cost_ugx}
    return decision


def write_off_block(command: WriteOffBlock, state: State, context: Context) -> Decision:
    """End the positions in all lots of a block that still stand; no money moves."""
    reason = reasons.checked(command.reason)
    block = state.block(command.block_id)
    if block.status == "written_off":
        raise Refusal("already-written-off", "This block is written off already.")
    _must_be_in_storage(block)
    lots = standing(block, state)
    cost = sum(lot.cost_ugx for lot in lots)
    decision = Decision(
        utid=context.utid,
        subject=f"block {block.id}",
        target_utid=block.utid,
        reason=reason,
        amount_ugx=cost,
    )
    for lot in lots:
        _end(decision, state, context, lot)
    state.set_block(replace(block, status="written_off"))
    decision.answer = {"block_id": block.id, "lots": len(lots), "cost_ugx": cost}
    return decision


def standing(block: Block, state: State) -> list[Lot]:
    """The lots of a block that are not written off."""
    return [lot for lot_id in block.lot_ids if not (lot := state.lot(lot_id)).written_off]


def _must_be_in_storage(block: Block) -> None:
    if block.status != "in_storage":
        raise Refusal(
            "inventory-not-available",
            "The block is sold. Where it awaits its pickup, record the pickup or the expiry first.",
        )


def _end(decision: Decision, state: State, context: Context, lot: Lot) -> None:
    decision.add(state, "write_offs", lot_id=lot.id, cost_ugx=lot.cost_ugx, at=context.at)
    wallet = state.wallet(lot.trader_id)
    state.set_wallet(replace(wallet, exposure_ugx=max(0, wallet.exposure_ugx - lot.cost_ugx)))
    state.lots[lot.id] = replace(lot, written_off=True)
