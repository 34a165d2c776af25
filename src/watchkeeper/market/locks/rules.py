"""Paying to lock a unit, and the exposure that limits it (domain, Exposure; Order of checks). Pure."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.base.clock import later
from watchkeeper.base.weight import GRAMS_PER_KG
from watchkeeper.market.commands import PayToLock
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.ledgers.rules import post
from watchkeeper.market.offers.rules import end, payable, require_farmer, reserved_by_another
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import Lock, State

#: The most that any trader may have at stake; nobody has another cap.
EXPOSURE_UGX_MAX = 1_000_000
DELIVERY_SECONDS = 6 * 3600


def price_of(*, grams: int, price_ugx_per_kg: int) -> int:
    """What a unit costs in whole UGX; units are whole kilograms, so nothing is rounded."""
    return grams * price_ugx_per_kg // GRAMS_PER_KG


def pay_to_lock(command: PayToLock, state: State, context: Context) -> Decision:
    """Pay the asking price, or that of an accepted offer. The order of the checks is the order of the answers."""
    unit = state.unit(command.unit_id)
    if unit.status != "available" or reserved_by_another(state, unit, trader_id=context.actor.id):
        raise Refusal("unit-not-available", "Somebody else has this unit. Choose another.")
    require_farmer(state, unit)
    offer = None if command.offer_utid is None else payable(state, context, unit, command.offer_utid)
    price = unit.price_ugx_per_kg if offer is None else offer.price_ugx_per_kg
    amount = price_of(grams=unit.grams, price_ugx_per_kg=price)
    wallet = state.wallet(context.actor.id)
    exposure_after = wallet.exposure_ugx + amount
    if exposure_after > EXPOSURE_UGX_MAX:
        raise Refusal(
            "spend-cap-exceeded",
            f"Your exposure would pass {EXPOSURE_UGX_MAX:,} shillings. Wait for a delivery or a sale.",
        )
    if wallet.capital_ugx < amount:
        raise Refusal("insufficient-capital", "Your capital does not cover this unit. Deposit first.")
    deadline = later(context.at, seconds=DELIVERY_SECONDS)
    decision = Decision(
        utid=context.utid,
        subject=f"unit {unit.id}",
        target_utid=None if offer is None else offer.utid,
        amount_ugx=amount,
    )
    lock_id = decision.add(
        state,
        "locks",
        unit_id=unit.id,
        trader_id=context.actor.id,
        farmer_id=unit.farmer_id,
        price_ugx_per_kg=price,
        amount_ugx=amount,
        exposure_before_ugx=wallet.exposure_ugx,
        exposure_after_ugx=exposure_after,
        locked_at=context.at,
        deadline_at=deadline,
    )
    post(
        decision,
        state,
        context,
        trader_id=context.actor.id,
        type="capital_lock",
        amount_ugx=amount,
        capital=-amount,
        locked=amount,
    )
    state.set_wallet(replace(state.wallet(context.actor.id), exposure_ugx=exposure_after))
    state.set_unit(unit, status="locked", lock_utid=context.utid)
    standing = state.open_offer(unit.id)
    if standing is not None:
        end(decision, state, context, standing, "closed" if offer is None else "paid")
    state.locks[context.utid] = Lock(
        id=lock_id,
        utid=context.utid,
        unit_id=unit.id,
        trader_id=context.actor.id,
        farmer_id=unit.farmer_id,
        price_ugx_per_kg=price,
        amount_ugx=amount,
        locked_at=context.at,
        deadline_at=deadline,
    )
    decision.answer = {
        "unit_id": unit.id,
        "amount_ugx": amount,
        "exposure_ugx": exposure_after,
        "capital_ugx": state.wallet(context.actor.id).capital_ugx,
        "deadline_at": deadline,
    }
    return decision
