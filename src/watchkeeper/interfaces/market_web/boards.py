"""What an admin watches: deliveries, red flags, rate limits, acts."""

from __future__ import annotations

from fastapi import APIRouter

from watchkeeper.interfaces.market_web.auth import Services, SignedIn, may
from watchkeeper.interfaces.market_web.shapes import After, Before, Limit
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.interfaces.market_web.trade import shown
from watchkeeper.market import boards
from watchkeeper.market.inventory import reading

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["boards"])


@router.get("/deliveries", openapi_extra=may("admin"))
def deliveries(
    session: SignedIn, services: Services, after: After = 0, limit: Limit = 50
) -> dict[str, object]:
    """Locks that wait for their outcome, the nearest deadline first; negative seconds are past it."""
    rows = boards.deliveries(services.handles().books.database, after=after, limit=limit)
    now = services.clock.now()
    return {"deliveries": [shown(row, now=now) for row in rows], "next": rows[-1]["id"] if rows else None}


@router.get("/red-flags", openapi_extra=may("admin", "operator"))
def red_flags(session: SignedIn, services: Services, limit: Limit = 50) -> dict[str, object]:
    """Deliveries past their deadline; traders from 80 % of the exposure limit on; goods in store that lost 10 % or 5 kg;
    orders within 12 hours of the end of their time, or past it.
    """
    database, now = services.handles().books.database, services.clock.now()
    with database.transaction("read"):
        return {
            "deliveries": [shown(row, now=now) for row in boards.overdue(database, at=now, limit=limit)],
            "exposure": boards.exposed(database, limit=limit),
            "storage_loss": reading.shrinking(database, limit=limit),
            "pickups": [
                shown(row) for row in reading.purchases(database, buyer_id=None, at=now, limit=limit)
            ],
        }


@router.get("/rate-limit-hits", openapi_extra=may("admin", "operator"))
def rate_limit_hits(
    session: SignedIn, services: Services, before: Before = None, limit: Limit = 50
) -> dict[str, object]:
    """Who ran into which limit, newest first."""
    rows = boards.rate_limit_hits(services.handles().books.database, before=before, limit=limit)
    return {"hits": [shown(row) for row in rows], "next": rows[-1]["id"] if rows else None}


@router.get("/actions", openapi_extra=may("admin", "operator"))
def actions(
    session: SignedIn, services: Services, before: Before = None, limit: Limit = 50
) -> dict[str, object]:
    """What admins and the operator did and why, newest first."""
    rows = boards.actions(services.handles().books.database, before=before, limit=limit)
    return {"actions": [shown(row) for row in rows], "next": rows[-1]["id"] if rows else None}
