"""Farmers list and answer; traders offer, haggle, and pay to lock."""

from __future__ import annotations

from collections import Counter

from watchkeeper.bootstrap.demo.client import Person
from watchkeeper.bootstrap.demo.floor import PRODUCE, Floor, Row, unended

#: Lots of one produce make a block, so a trader deals in one produce until there are so many.
_UNITS_OF_A_BLOCK = 10
#: Where so many units of a produce are free, nobody brings more.
_FREE_UNITS_MAX = 120
_KG_OF_A_UNIT = 10
_GRAMS_OF_A_UNIT = 10_000
#: Nobody here wants to be told of an exposure near the limit.
_EXPOSURE_UGX_MAX = 750_000


def list_produce(floor: Floor) -> bool:
    """A farmer brings what comes next, if the market has not enough of it."""
    farmer = floor.somebody(floor.people.farmers, "listings")
    produce, price = PRODUCE[floor.listed % len(PRODUCE)]
    if farmer is None:
        return False
    free = sum(len(one["units"]) for one in _listings(floor, floor.people.admin) if one["produce"] == produce)
    floor.listed += 1
    if free > _FREE_UNITS_MAX:
        return False
    near = price + floor.draw.randrange(-price // 10, price // 10)
    grams = _GRAMS_OF_A_UNIT * floor.draw.randrange(12, 40)
    floor.paced(
        farmer, "listings", "/v1/listings", {"produce": produce, "grams": grams, "price_ugx_per_kg": near}
    )
    return True


def cancel_listing(floor: Floor) -> bool:
    """A farmer takes back a listing of which nothing is paid for yet."""
    listing = _untouched(floor)
    if listing is None:
        return False
    farmer = next(one for one in floor.people.farmers if one.alias == listing["farmer"])
    farmer.post(f"/v1/listings/{listing['id']}/cancellation", {})
    return True


def remove_listing(floor: Floor) -> bool:
    """An admin takes one off the market."""
    listing = _untouched(floor)
    if listing is None:
        return False
    reason = {"reason": "the produce was seen and is not what was listed"}
    floor.people.admin.post(f"/v1/listings/{listing['id']}/cancellation", reason)
    return True


def lock(floor: Floor) -> bool:
    """A trader pays the asking price."""
    trader = floor.somebody(floor.people.traders, "locks")
    return trader is not None and lock_for(floor, trader)


def lock_for(floor: Floor, trader: Person) -> bool:
    """This trader does."""
    unit = _unit(floor, trader)
    if unit is None or not _can_pay(trader, unit["price"]):
        return False
    floor.paced(trader, "locks", "/v1/locks", {"unit_id": unit["id"]})
    return True


def offer(floor: Floor) -> bool:
    """A trader offers a tenth less."""
    trader = floor.somebody(floor.people.traders, "offers")
    unit = None if trader is None else _unit(floor, trader)
    if trader is None or unit is None:
        return False
    lower = unit["price"] * 9 // 10
    floor.paced(trader, "offers", "/v1/offers", {"unit_id": unit["id"], "price_ugx_per_kg": lower})
    return True


def accept_offer(floor: Floor) -> bool:
    """A farmer takes what is offered."""
    return _answered(floor, floor.people.farmers, "pending", "accept")


def reject_offer(floor: Floor) -> bool:
    """A farmer says no."""
    return _answered(floor, floor.people.farmers, "pending", "reject")


def counter_offer(floor: Floor) -> bool:
    """A farmer meets a trader half-way."""
    return _answered(floor, floor.people.farmers, "pending", "counter")


def accept_counter(floor: Floor) -> bool:
    """A trader agrees to a farmer's counter."""
    return _answered(floor, floor.people.traders, "countered", "accept")


def reject_counter(floor: Floor) -> bool:
    """A trader does not."""
    return _answered(floor, floor.people.traders, "countered", "reject")


def withdraw_offer(floor: Floor) -> bool:
    """A trader changes their mind."""
    trader, found = _some_offer(floor, floor.people.traders, "pending")
    if trader is None:
        return False
    trader.post(f"/v1/offers/{found['offer']}/withdrawal", {})
    return True


def lock_by_offer(floor: Floor) -> bool:
    """A trader pays what was agreed."""
    may = [one for one in floor.people.traders if floor.may(one, "locks")]
    trader, found = _some_offer(floor, may, "accepted")
    if trader is None or not _can_pay(trader, found["price_ugx_per_kg"]):
        return False
    floor.paced(trader, "locks", "/v1/locks", {"unit_id": found["unit_id"], "offer": found["offer"]})
    return True


def _can_pay(trader: Person, price_ugx_per_kg: int) -> bool:
    """Whether the capital is there, and no more at stake than a careful trader has; blocks that are sold make room again."""
    wallet = trader.get("/v1/wallet?limit=1")
    capital, exposure = int(str(wallet["capital_ugx"])), int(str(wallet["exposure_ugx"]))
    return capital >= price_ugx_per_kg * _KG_OF_A_UNIT and exposure <= _EXPOSURE_UGX_MAX


def _listings(floor: Floor, who: Person) -> list[Row]:
    return floor.some(who, "/v1/listings?limit=50", "listings")


def _untouched(floor: Floor) -> Row | None:
    """A listing of ours that is still whole."""
    ours = {one.alias for one in floor.people.farmers}
    whole: Row | None = floor.chosen(
        [
            one
            for one in _listings(floor, floor.people.admin)
            if one["farmer"] in ours and len(one["units"]) * _GRAMS_OF_A_UNIT == one["grams"]
        ]
    )
    return whole


def _unit(floor: Floor, trader: Person) -> Row | None:
    """A free unit of what this trader gathers for the next block."""
    gathers = _gathers(floor, trader)
    listing = floor.chosen([one for one in _listings(floor, trader) if one["produce"] == gathers])
    if listing is None:
        return None
    return {"id": floor.draw.choice(listing["units"])["id"], "price": listing["price_ugx_per_kg"]}


def _gathers(floor: Floor, trader: Person) -> str:
    """Of what a trader deals in, the produce that lacks the fewest units for a whole block."""
    traders = floor.people.traders
    own = [name for place, (name, _) in enumerate(PRODUCE) if place % len(traders) == traders.index(trader)]
    lots = floor.open_ones(trader, "/v1/inventory", "lots", bool)
    locks = floor.open_ones(trader, "/v1/locks", "locks", unended)
    have = Counter(row["produce"] for row in lots if row["block_id"] is None)
    have.update(row["produce"] for row in locks if row["outcome"] is None)
    return max(floor.draw.sample(own, len(own)), key=lambda name: have[name] % _UNITS_OF_A_BLOCK)


def _offers(floor: Floor, who: Person, status: str) -> list[Row]:
    live = floor.open_ones(
        who, "/v1/offers", "offers", lambda row: row["status"] in ("pending", "countered", "accepted")
    )
    return [row for row in live if row["status"] == status and row["seconds_left"]]


def _some_offer(floor: Floor, people: list[Person], status: str) -> tuple[Person | None, Row]:
    """One of these people who has an offer that stands so, and the offer; nobody where there is none."""
    for who in floor.in_turn(people):
        found = floor.chosen(_offers(floor, who, status))
        if found is not None:
            return who, found
    return None, {}


def _answered(floor: Floor, people: list[Person], status: str, answer: str) -> bool:
    who, found = _some_offer(floor, people, status)
    if who is None:
        return False
    body: Row = {"answer": answer}
    if answer == "counter":
        both = int(found["price_ugx_per_kg"]) + int(found["asking_price_ugx_per_kg"])
        body["price_ugx_per_kg"] = both // 2
    who.post(f"/v1/offers/{found['offer']}/answer", body)
    return True
