"""Verification and reversal (domain, Delivery and reversal). Pure.

`delivered` settles and is final. `late` and `cancelled` move no money and may become `delivered`
until they are reversed. Only they can be reversed, once.
"""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.market import reasons
from watchkeeper.market.commands import CureReversal, CureVerification, ReverseLock, VerifyDelivery
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.ledgers.rules import credit_farmer, post
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import Lock, Lot, State

OUTCOMES = ("delivered", "late", "cancelled")


def minutes_late(*, at: Instant, deadline_at: Instant) -> int:
    """Whole minutes begun after the deadline; 0 when in time."""
    late = at - deadline_at
    return 0 if late <= 0 else -(-late // (60 * MICROSECONDS_PER_SECOND))


def verify(command: VerifyDelivery | CureVerification, state: State, context: Context) -> Decision:
    """Record an outcome; on `delivered` settle, pay the farmer and put the unit into store."""
    reason = reasons.checked(command.reason)
    if command.outcome not in OUTCOMES:
        raise Refusal("validation-failed", f"An outcome is one of {', '.join(OUTCOMES)}.", field="outcome")
    lock = state.lock(command.lock_utid)
    if "delivered" in lock.outcomes or "reversed" in lock.outcomes:
        raise Refusal("already-verified", "This lock has its final outcome.")
    if lock.outcomes and command.outcome != "delivered":
        raise Refusal(
            "already-verified",
            "This lock is recorded as not delivered. It can still be delivered or reversed.",
        )
    decision = Decision(
        utid=context.utid, decision=command.outcome, subject=lock.utid, target_utid=lock.utid, reason=reason
    )
    late = minutes_late(at=context.at, deadline_at=lock.deadline_at)
    decision.add(
        state,
        "lock_outcomes",
        lock_utid=lock.utid,
        outcome=command.outcome,
        minutes_late=late,
        at=context.at,
    )
    if command.outcome == "delivered":
        _settle(decision, state, context, lock)
    state.locks[lock.utid] = replace(lock, outcomes=(*lock.outcomes, command.outcome))
    decision.answer = {"lock": lock.utid, "outcome": command.outcome, "minutes_late": late}
    return decision


def _settle(decision: Decision, state: State, context: Context, lock: Lock) -> None:
    unit = state.unit(lock.unit_id)
    decision.amount_ugx = lock.amount_ugx
    post(
        decision,
        state,
        context,
        trader_id=lock.trader_id,
        type="settlement",
        amount_ugx=lock.amount_ugx,
        locked=-lock.amount_ugx,
    )
    credit_farmer(
        decision,
        state,
        context,
        farmer_id=lock.farmer_id,
        type="settlement",
        amount_ugx=lock.amount_ugx,
    )
    lot_id = decision.add(
        state,
        "lots",
        trader_id=lock.trader_id,
        unit_id=lock.unit_id,
        lock_utid=lock.utid,
        produce=unit.produce,
        grams=unit.grams,
        cost_ugx=lock.amount_ugx,
        at=context.at,
    )
    state.lots[lot_id] = Lot(
        lot_id,
        context.utid,
        lock.trader_id,
        lock.amount_ugx,
        written_off=False,
        grams=unit.grams,
        started_at=context.at,
    )
    # The position stays in the trader's exposure: the lock's amount leaves it, the lot's cost enters.
    state.set_unit(unit, status="delivered", lock_utid=lock.utid)


def reverse(command: ReverseLock | CureReversal, state: State, context: Context) -> Decision:
    """Give the exact amount paid back and set the unit free."""
    reason = reasons.checked(command.reason)
    lock = state.lock(command.lock_utid)
    if not lock.outcomes or lock.outcomes[-1] not in ("late", "cancelled"):
        raise Refusal(
            "not-reversible",
            "Only a lock recorded as late or cancelled, and not yet reversed, can be reversed.",
        )
    decision = Decision(
        utid=context.utid,
        subject=lock.utid,
        target_utid=lock.utid,
        reason=reason,
        amount_ugx=lock.amount_ugx,
    )
    decision.add(
        state, "lock_outcomes", lock_utid=lock.utid, outcome="reversed", minutes_late=0, at=context.at
    )
    post(
        decision,
        state,
        context,
        trader_id=lock.trader_id,
        type="capital_unlock",
        amount_ugx=lock.amount_ugx,
        capital=lock.amount_ugx,
        locked=-lock.amount_ugx,
    )
    wallet = state.wallet(lock.trader_id)
    state.set_wallet(replace(wallet, exposure_ugx=max(0, wallet.exposure_ugx - lock.amount_ugx)))
    unit = state.unit(lock.unit_id)
    # A unit that another lock holds by now (a forged one did not go through here) keeps that holder.
    if unit.lock_utid == lock.utid:
        state.set_unit(unit, status="available", lock_utid=None)
    state.locks[lock.utid] = replace(lock, outcomes=(*lock.outcomes, "reversed"))
    decision.answer = {"lock": lock.utid, "amount_ugx": lock.amount_ugx}
    return decision
