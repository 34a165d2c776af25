"""The farmer's pages: produce to list, offers to answer, deliveries to make, money that came."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from watchkeeper.interfaces.market_web import money_out, offers, trade
from watchkeeper.interfaces.market_web.pages.visit import (
    NEWEST,
    ROWS,
    Act,
    Listed,
    Page,
    Visit,
    listed,
    utid_of,
)
from watchkeeper.interfaces.market_web.shapes import Cancellation, NewListing, OfferAnswer, Shape
from watchkeeper.market import boards
from watchkeeper.market.refusals import Refusal

_ROLES = ("farmer",)
GRAMS_PER_KG = 1000
UnitKilograms = Annotated[int, Field(strict=True, gt=0, le=2000, multiple_of=10)]
Text40 = Annotated[str, Field(min_length=1, max_length=40)]


class Produce(Shape):
    """Produce as a farmer enters it."""

    produce: Annotated[str, Field(min_length=1, max_length=40)]
    kilograms: UnitKilograms
    price_ugx_per_kg: Annotated[int, Field(strict=True, gt=0, le=10_000_000)]


class Answered(OfferAnswer):
    """An offer and what is answered to it."""

    offer: Text40


class TakenBack(Shape):
    """A listing that is taken off the market."""

    listing_id: Annotated[int, Field(strict=True, gt=0, lt=NEWEST)]


def live_offers(visit: Visit) -> Listed:
    """Offers that can still come to something, with the time that is left."""
    rows = boards.offers(
        visit.services.handles().books.database,
        visit.session.user,
        after=visit.number("offers", 0),
        limit=ROWS,
        only="live",
    )
    return listed(visit, offers.with_time_left(rows, visit.services), "offers", "offers")


def answer(visit: Visit, body: Answered) -> str:
    """Answer an offer."""
    if body.answer == "counter" and body.price_ugx_per_kg is None:
        raise Refusal("validation-failed", "Give the price that you want instead.", field="price_ugx_per_kg")
    price = body.price_ugx_per_kg if body.answer == "counter" else None
    wanted = OfferAnswer(answer=body.answer, price_ugx_per_kg=price)
    return utid_of(offers.answer(body.offer, wanted, visit.session, visit.services, visit.key))


def _home(visit: Visit) -> dict[str, object]:
    money = money_out.earnings(visit.session, visit.services, limit=ROWS)
    return {"money": money, "offers": live_offers(visit), "deadlines_max": ROWS}


def _list(visit: Visit, body: Produce) -> str:
    wanted = NewListing(
        produce=body.produce,
        grams=body.kilograms * GRAMS_PER_KG,
        price_ugx_per_kg=body.price_ugx_per_kg,
    )
    return utid_of(trade.create_listing(wanted, visit.session, visit.services, visit.key))


def _listings(visit: Visit) -> dict[str, object]:
    rows = visit.services.handles().books.listings(
        farmer_id=visit.session.user.id, before=visit.number("before", NEWEST), limit=ROWS
    )
    answer = {"listings": [_counted(trade.shown(row)) for row in rows], "next": rows[-1]["id"] if rows else 0}
    return {"listings": listed(visit, answer, "listings", "before")}


def _counted(listing: dict[str, object]) -> dict[str, object]:
    """A listing with its units by state, and the numbers of those that are locked."""
    units = listing.pop("units")
    if not isinstance(units, list):
        raise TypeError("units")
    counts: dict[str, int] = {}
    for unit in units:
        counts[str(unit["status"])] = counts.get(str(unit["status"]), 0) + 1
    return {**listing, "counts": counts}


def _take_back(visit: Visit, body: TakenBack) -> str:
    return utid_of(offers.cancel(body.listing_id, Cancellation(), visit.session, visit.services, visit.key))


def _money(visit: Visit) -> dict[str, object]:
    answer = money_out.earnings(
        visit.session, visit.services, before=visit.number("before", NEWEST), limit=ROWS
    )
    return {"money": answer, "payments": listed(visit, answer, "payments", "before")}


PAGES = (
    Page(
        path="/farmer",
        title="Home",
        template="farmer.html",
        roles=_ROLES,
        read=_home,
        acts={
            "list": Act(shape=Produce, do=_list, said="Your produce is on the market."),
            "answer": Act(shape=Answered, do=answer, said="Your answer is given."),
        },
    ),
    Page(
        path="/farmer/listings",
        title="Listings",
        template="farmer_listings.html",
        roles=_ROLES,
        read=_listings,
        acts={"take-back": Act(shape=TakenBack, do=_take_back, said="What was free is off the market.")},
    ),
    Page(path="/farmer/money", title="Money", template="farmer_money.html", roles=_ROLES, read=_money),
)
