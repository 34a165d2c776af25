"""Offers and their answers (domain, Offers). Pure.

An offer is pending until the farmer accepts, rejects or counters it; the trader answers a counter. Each step gives the
next one 24 hours. An accepted offer reserves its unit, and a lock pays exactly the price that was accepted.
"""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.base.clock import later
from watchkeeper.market.commands import AnswerOffer, ExpireOffer, MakeOffer, WithdrawOffer
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.listings.rules import PRICE_UGX_PER_KG_MAX
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import Offer, State, Unit

OPEN_SECONDS = 24 * 3600
ANSWERS = {"accept": "accepted", "reject": "rejected", "counter": "countered"}


def make(command: MakeOffer, state: State, context: Context) -> Decision:
    """A new offer for a free unit that has no open one."""
    price = _price(command.price_ugx_per_kg)
    unit = state.unit(command.unit_id)
    if unit.status != "available" or reserved_by_another(state, unit, trader_id=context.actor.id):
        raise Refusal("unit-not-available", "Somebody else has this unit. Choose another.")
    require_farmer(state, unit)
    if state.open_offer(unit.id) is not None:
        raise Refusal(
            "offer-already-open",
            "There is an open offer for this unit. Choose another unit, or pay the asking price.",
        )
    decision = Decision(utid=context.utid, subject=f"unit {unit.id}")
    offer_id = decision.add(
        state,
        "offers",
        unit_id=unit.id,
        trader_id=context.actor.id,
        farmer_id=unit.farmer_id,
        price_ugx_per_kg=price,
        at=context.at,
    )
    offer = Offer(
        id=offer_id,
        utid=context.utid,
        unit_id=unit.id,
        trader_id=context.actor.id,
        farmer_id=unit.farmer_id,
        status="pending",
        price_ugx_per_kg=price,
        expires_at=later(context.at, seconds=OPEN_SECONDS),
    )
    state.set_offer(offer)
    decision.answer = _told(offer)
    return decision


def answer(command: AnswerOffer, state: State, context: Context) -> Decision:
    """The farmer answers an offer, the trader a counter."""
    step = ANSWERS.get(command.answer)
    if step is None:
        raise Refusal("validation-failed", f"An answer is one of {', '.join(ANSWERS)}.", field="answer")
    price = None
    if step == "countered":
        price = _price(command.price_ugx_per_kg)
    elif command.price_ugx_per_kg is not None:
        raise Refusal(
            "validation-failed", "Only a counter names a price. Leave it out.", field="price_ugx_per_kg"
        )
    offer = _own(state, context, command.offer_utid)
    _require_open(offer, context)
    turn = offer.farmer_id if offer.status == "pending" else offer.trader_id
    if offer.status == "accepted" or turn != context.actor.id:
        raise Refusal("offer-not-open", "It is not your turn to answer this offer. Look at it again.")
    if step == "countered" and offer.status == "countered":
        raise Refusal("offer-not-open", "A counter is accepted or rejected. Withdraw it to offer anew.")
    decision = _stepped(context, offer)
    decision.decision = step
    moved = _step(decision, state, context, offer, step, price_ugx_per_kg=price)
    decision.answer = _told(moved)
    return decision


def withdraw(command: WithdrawOffer, state: State, context: Context) -> Decision:
    """The trader takes an open offer back."""
    offer = _own(state, context, command.offer_utid)
    _require_open(offer, context)
    decision = _stepped(context, offer)
    decision.answer = _told(end(decision, state, context, offer, "withdrawn"))
    return decision


def expire(command: ExpireOffer, state: State, context: Context) -> Decision:
    """An offer whose time is over ends; once, whoever else tries."""
    offer = state.offer(command.offer_utid)
    if not offer.is_open or context.at < offer.expires_at:
        raise Refusal("offer-not-open", "This offer is not due.")
    decision = _stepped(context, offer)
    decision.answer = _told(end(decision, state, context, offer, "expired"))
    return decision


def reserved_by_another(state: State, unit: Unit, *, trader_id: int) -> bool:
    """Whether somebody else's accepted offer holds this unit; it does until it is ended."""
    offer = state.open_offer(unit.id)
    return offer is not None and offer.status == "accepted" and offer.trader_id != trader_id


def require_farmer(state: State, unit: Unit) -> None:
    """Refuse a unit whose farmer is not active: nobody would see the six hours run, or the offer (domain, Roles)."""
    if state.user(unit.farmer_id).status != "active":
        raise Refusal("unit-not-available", "This unit is not for sale now. Choose another.")


def payable(state: State, context: Context, unit: Unit, utid: str) -> Offer:
    """The trader's own accepted offer for this unit, still in time; `Refusal` otherwise."""
    offer = _own(state, context, utid)
    if offer.unit_id != unit.id:
        raise Refusal("offer-not-found", "There is no such offer for this unit.")
    if offer.status != "accepted" or context.at >= offer.expires_at:
        raise Refusal(
            "offer-not-accepted",
            "This offer is not accepted, or its time is over. Pay the asking price, or offer anew.",
        )
    return offer


def end(decision: Decision, state: State, context: Context, offer: Offer, step: str) -> Offer:
    """Close an open offer by this step, within another decision's rows."""
    return _step(decision, state, context, offer, step)


def _step(
    decision: Decision,
    state: State,
    context: Context,
    offer: Offer,
    step: str,
    *,
    price_ugx_per_kg: int | None = None,
) -> Offer:
    decision.add(
        state,
        "offer_steps",
        offer_utid=offer.utid,
        step=step,
        price_ugx_per_kg=price_ugx_per_kg,
        at=context.at,
    )
    moved = replace(
        offer,
        status=step,
        price_ugx_per_kg=offer.price_ugx_per_kg if price_ugx_per_kg is None else price_ugx_per_kg,
        expires_at=later(context.at, seconds=OPEN_SECONDS),
    )
    state.set_offer(moved)
    return moved


def _own(state: State, context: Context, utid: str) -> Offer:
    offer = state.offer(utid)
    if context.actor.id not in (offer.trader_id, offer.farmer_id):
        # Another's offer is not there, rather than forbidden.
        raise Refusal("offer-not-found", "There is no such offer.")
    return offer


def _require_open(offer: Offer, context: Context) -> None:
    if not offer.is_open or context.at >= offer.expires_at:
        raise Refusal("offer-not-open", "This offer has ended. Look at the unit again.")


def _stepped(context: Context, offer: Offer) -> Decision:
    return Decision(utid=context.utid, subject=f"unit {offer.unit_id}", target_utid=offer.utid)


def _price(value: int | None) -> int:
    if value is None or isinstance(value, bool) or not 0 < value <= PRICE_UGX_PER_KG_MAX:
        raise Refusal(
            "validation-failed",
            f"A price per kilogram is 1 to {PRICE_UGX_PER_KG_MAX} shillings.",
            field="price_ugx_per_kg",
        )
    return value


def _told(offer: Offer) -> dict[str, object]:
    return {
        "offer": offer.utid,
        "unit_id": offer.unit_id,
        "status": offer.status,
        "price_ugx_per_kg": offer.price_ugx_per_kg,
        "expires_at": offer.expires_at,
    }
