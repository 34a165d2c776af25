"""Offers and their answers, and taking a listing off the market."""

from __future__ import annotations

from fastapi import APIRouter

from watchkeeper.interfaces.market_web.auth import IdempotencyKey, Services, SignedIn, may, run
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.interfaces.market_web.shapes import (
    After,
    Cancellation,
    Key,
    Limit,
    NewOffer,
    OfferAnswer,
    Utid,
)
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.interfaces.market_web.trade import shown
from watchkeeper.market import boards
from watchkeeper.market.commands import AnswerOffer, CancelListing, MakeOffer, RemoveListing, WithdrawOffer
from watchkeeper.market.refusals import Refusal

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["offers"])


@router.post("/offers", status_code=201, openapi_extra=may("trader"))
def make(body: NewOffer, session: SignedIn, services: Services, key: IdempotencyKey) -> dict[str, object]:
    """Offer another price for one free unit; the farmer has a day to answer."""
    command = MakeOffer(unit_id=body.unit_id, price_ugx_per_kg=body.price_ugx_per_kg)
    return shown(run(services, session, command, key).body)


@router.get("/offers", openapi_extra=may("trader", "farmer"))
def offers(session: SignedIn, services: Services, after: After = 0, limit: Limit = 50) -> dict[str, object]:
    """A trader's own offers, or those for a farmer's own units, with the time that is left."""
    rows = boards.offers(services.handles().books.database, session.user, after=after, limit=limit)
    return with_time_left(rows, services)


def with_time_left(rows: boards.Rows, services: MarketServices) -> dict[str, object]:
    """Offers for people, the live ones with the seconds that are left."""
    now = services.clock.now()
    found = []
    for row in rows:
        entry = shown(row)
        if row["status"] in ("pending", "countered", "accepted"):
            entry["seconds_left"] = max(0, (int(str(row["expires_at"])) - now) // 1_000_000)
        found.append(entry)
    return {"offers": found, "next": rows[-1]["id"] if rows else None}


@router.post("/offers/{utid}/answer", openapi_extra=may("farmer", "trader"))
def answer(
    utid: Utid, body: OfferAnswer, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Accept, reject or counter an offer; accept or reject a counter."""
    command = AnswerOffer(offer_utid=utid, answer=body.answer, price_ugx_per_kg=body.price_ugx_per_kg)
    return shown(run(services, session, command, key).body)


@router.post("/offers/{utid}/withdrawal", openapi_extra=may("trader"))
def withdraw(utid: Utid, session: SignedIn, services: Services, key: IdempotencyKey) -> dict[str, object]:
    """Take an open offer back."""
    return shown(run(services, session, WithdrawOffer(offer_utid=utid), key).body)


@router.post("/listings/{listing_id}/cancellation", openapi_extra=may("farmer", "admin"))
def cancel(
    listing_id: Key, body: Cancellation, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Take what is free of a listing off the market; an admin says why."""
    if not 0 < listing_id < 2**62:
        raise Refusal("listing-not-found", "There is no such listing.")
    if session.user.role == "farmer":
        return run(services, session, CancelListing(listing_id=listing_id), key).body
    return run(services, session, RemoveListing(listing_id=listing_id, reason=body.reason), key).body
