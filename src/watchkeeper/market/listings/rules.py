"""Listing produce (domain, Listing, unit, lock). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.base.money import amount_ugx
from watchkeeper.market.commands import CreateListing
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.listings import naming
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import State, Unit

UNIT_GRAMS = 10_000
#: A sealed leaf holds at most 65,535 bytes, and every unit of a listing is a row in its leaf.
LISTING_GRAMS_MAX = 2_000_000
PRICE_UGX_PER_KG_MAX = 10_000_000


def status(units: Iterable[str]) -> str:
    """A listing's status, from those of its units: open while one is free, then locked, delivered, cancelled."""
    found = frozenset(units)
    for unit, listing in (("available", "open"), ("locked", "locked"), ("delivered", "delivered")):
        if unit in found:
            return listing
    return "cancelled"


def create(command: CreateListing, state: State, context: Context) -> Decision:
    """A listing and its units, numbered from 1 and never merged."""
    if command.grams <= 0 or command.grams % UNIT_GRAMS or command.grams > LISTING_GRAMS_MAX:
        raise Refusal(
            "validation-failed",
            f"A listing weighs a multiple of {UNIT_GRAMS} grams, up to {LISTING_GRAMS_MAX}.",
            field="grams",
        )
    if not 0 < command.price_ugx_per_kg <= PRICE_UGX_PER_KG_MAX:
        raise Refusal(
            "validation-failed",
            f"A price per kilogram is 1 to {PRICE_UGX_PER_KG_MAX} shillings.",
            field="price_ugx_per_kg",
        )
    produce = naming.checked(command.produce)
    price = amount_ugx(command.price_ugx_per_kg)
    decision = Decision(utid=context.utid)
    listing_id = decision.add(
        state,
        "listings",
        farmer_id=context.actor.id,
        produce=produce,
        grams=command.grams,
        price_ugx_per_kg=price,
        at=context.at,
    )
    unit_ids: list[int] = []
    for number in range(1, command.grams // UNIT_GRAMS + 1):
        unit_id = decision.add(state, "units", listing_id=listing_id, number=number, grams=UNIT_GRAMS)
        unit = Unit(
            id=unit_id,
            listing_id=listing_id,
            number=number,
            grams=UNIT_GRAMS,
            farmer_id=context.actor.id,
            produce=produce,
            price_ugx_per_kg=price,
            status="available",
            lock_utid=None,
        )
        state.set_unit(unit, status="available", lock_utid=None)
        unit_ids.append(unit_id)
    decision.subject = f"listing {listing_id}"
    decision.answer = {"listing_id": listing_id, "unit_ids": unit_ids}
    return decision
