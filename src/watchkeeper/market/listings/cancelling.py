"""Taking a listing off the market (domain, Listing, unit, lock). Pure."""

from __future__ import annotations

from watchkeeper.market import reasons
from watchkeeper.market.commands import CancelListing, RemoveListing
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.offers.rules import end
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import Listing, State


def cancel(command: CancelListing, state: State, context: Context) -> Decision:
    """The farmer takes back the free units of an own listing of which none is locked."""
    listing = state.listing(command.listing_id)
    if listing.farmer_id != context.actor.id:
        raise Refusal("listing-not-found", "There is no such listing.")
    return _cancelled(listing, state, context, reason=None)


def remove(command: RemoveListing, state: State, context: Context) -> Decision:
    """An admin does the same to anybody's, with a reason."""
    reason = reasons.checked(command.reason)
    return _cancelled(state.listing(command.listing_id), state, context, reason=reason)


def _cancelled(listing: Listing, state: State, context: Context, *, reason: str | None) -> Decision:
    units = [state.unit(unit_id) for unit_id in listing.unit_ids]
    if any(unit.status == "locked" for unit in units):
        raise Refusal(
            "listing-not-cancellable", "A unit of this listing is paid for. Wait until its lock has ended."
        )
    free = [unit for unit in units if unit.status == "available"]
    if not free:
        raise Refusal("listing-not-cancellable", "Nothing of this listing is on the market any more.")
    decision = Decision(
        utid=context.utid, subject=f"listing {listing.id}", target_utid=listing.utid, reason=reason
    )
    for unit in free:
        decision.add(state, "unit_steps", unit_id=unit.id, step="cancelled", at=context.at)
        state.set_unit(unit, status="cancelled", lock_utid=None)
        offer = state.open_offer(unit.id)
        if offer is not None:
            end(decision, state, context, offer, "closed")
    decision.answer = {"listing_id": listing.id, "unit_ids": [unit.id for unit in free]}
    return decision
