"""Listings, deposits, wallets, locks, deliveries, reversals, write-offs, traces."""

from __future__ import annotations

from fastapi import APIRouter

from watchkeeper.base.clock import Instant, iso
from watchkeeper.interfaces.market_web.answers import (
    Chain,
    DeliveryVerified,
    DepositMade,
    FarmerWallet,
    ListingMade,
    LockMade,
    TraderWallet,
)
from watchkeeper.interfaces.market_web.auth import (
    IdempotencyKey,
    Services,
    SignedIn,
    may,
    require_fresh,
    run,
)
from watchkeeper.interfaces.market_web.shapes import (
    After,
    Because,
    Before,
    Key,
    Limit,
    NewDeposit,
    NewListing,
    NewLock,
    Utid,
    Verification,
)
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.market.commands import (
    CreateListing,
    Deposit,
    PayToLock,
    ReverseLock,
    VerifyDelivery,
    WriteOff,
)
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.trace import trace

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["trade"])

_INTERNAL = frozenset({"trader_id", "farmer_id"})
_INSTANTS = frozenset({"at", "locked_at", "deadline_at", "expires_at", "since_at", "until_at", "their_at"})


def shown(row: dict[str, object], *, now: Instant | None = None) -> dict[str, object]:
    """A row for people: instants as text, no internal ids, and the time that is left where there is a deadline."""
    found: dict[str, object] = {}
    for name, value in row.items():
        if name in _INTERNAL:
            continue
        found[name] = iso(Instant(value)) if name in _INSTANTS and isinstance(value, int) else value
    deadline = row.get("deadline_at")
    if now is not None and isinstance(deadline, int) and row.get("outcome") is None:
        found["seconds_left"] = (deadline - now) // 1_000_000
    return found


@router.post("/listings", status_code=201, response_model=ListingMade, openapi_extra=may("farmer"))
def create_listing(
    body: NewListing, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Offer produce; it is split into units of 10 kg."""
    command = CreateListing(produce=body.produce, grams=body.grams, price_ugx_per_kg=body.price_ugx_per_kg)
    return run(services, session, command, key).body


@router.get("/listings", openapi_extra=may("farmer", "trader", "admin"))
def listings(session: SignedIn, services: Services, after: After = 0, limit: Limit = 50) -> dict[str, object]:
    """A farmer's own listings with all units; those with free units for traders, where the farmer is active, and admins."""
    own = session.user.id if session.user.role == "farmer" else None
    rows = services.handles().books.listings(
        farmer_id=own, after=after, limit=limit, also_of_suspended=session.user.role == "admin"
    )
    return {"listings": [shown(row) for row in rows], "next": rows[-1]["id"] if rows else None}


@router.post("/deposits", status_code=201, response_model=DepositMade, openapi_extra=may("trader"))
def deposit(
    body: NewDeposit, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Book capital that was paid in."""
    command = Deposit(amount_ugx=body.amount_ugx, provider=body.provider, external_ref=body.external_ref)
    return run(services, session, command, key).body


@router.get("/wallet", response_model=TraderWallet | FarmerWallet, openapi_extra=may("trader", "farmer"))
def wallet(
    session: SignedIn, services: Services, before: Before = None, limit: Limit = 50
) -> dict[str, object]:
    """A trader's balances, exposure and entries; a farmer's earnings."""
    books = services.handles().books
    if session.user.role == "farmer":
        earnings = books.earnings(session.user.id)
        return {"earnings_ugx": earnings.balance_ugx, "entries": earnings.number}
    found = books.wallet(session.user.id)
    rows = books.ledger(session.user.id, before=before, limit=limit)
    return {
        "capital_ugx": found.capital_ugx,
        "locked_ugx": found.locked_ugx,
        "profit_ugx": found.profit_ugx,
        "exposure_ugx": found.exposure_ugx,
        "exposure_ugx_max": 1_000_000,
        "entries": [shown(row) for row in rows],
        "next": rows[-1]["number"] if rows else None,
    }


@router.post("/locks", status_code=201, response_model=LockMade, openapi_extra=may("trader"))
def pay_to_lock(
    body: NewLock, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Pay the asking price for a free unit, or that of an accepted offer; the farmer has six hours."""
    return shown(run(services, session, PayToLock(unit_id=body.unit_id, offer_utid=body.offer), key).body)


@router.get("/locks", openapi_extra=may("trader", "farmer", "admin", "operator"))
def locks(session: SignedIn, services: Services, after: After = 0, limit: Limit = 50) -> dict[str, object]:
    """Locks: a trader's or farmer's own, everyone's for admins, with the time that is left."""
    role, user_id = session.user.role, session.user.id
    rows = services.handles().books.locks(
        trader_id=user_id if role == "trader" else None,
        farmer_id=user_id if role == "farmer" else None,
        after=after,
        limit=limit,
    )
    now = services.clock.now()
    return {"locks": [shown(row, now=now) for row in rows], "next": rows[-1]["id"] if rows else None}


@router.post("/locks/{utid}/verification", response_model=DeliveryVerified, openapi_extra=may("admin"))
def verify(
    utid: Utid, body: Verification, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Record what became of a delivery. Delivered settles and is final."""
    command = VerifyDelivery(lock_utid=utid, outcome=body.outcome, reason=body.reason)
    return run(services, session, command, key).body


@router.post("/locks/{utid}/reversal", openapi_extra=may("admin"))
def reverse(
    utid: Utid, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Give the exact amount of a late or cancelled lock back; needs a fresh second factor."""
    require_fresh(session, services)
    return run(services, session, ReverseLock(lock_utid=utid, reason=body.reason), key).body


@router.get("/lots", openapi_extra=may("trader"))
def lots(session: SignedIn, services: Services, after: After = 0, limit: Limit = 50) -> dict[str, object]:
    """A trader's goods in store."""
    rows = services.handles().books.lots(session.user.id, after=after, limit=limit)
    return {"lots": [shown(row) for row in rows], "next": rows[-1]["id"] if rows else None}


@router.post("/lots/{lot_id}/write-off", openapi_extra=may("admin"))
def write_off(
    lot_id: Key, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """End the position in goods that are lost; no money moves."""
    return run(services, session, WriteOff(lot_id=lot_id, reason=body.reason), key).body


@router.get(
    "/trace/{utid}", response_model=Chain, openapi_extra=may("farmer", "trader", "buyer", "admin", "operator")
)
def trace_utid(utid: Utid, session: SignedIn, services: Services) -> dict[str, object]:
    """Everything that an act wrote, and the acts before and after it."""
    books = services.handles().books
    with books.database.transaction("read"):
        found = trace(books.database, utid, viewer=session.user)
    if found is None:
        raise Refusal("utid-not-found", "There is no such act.")
    return found
