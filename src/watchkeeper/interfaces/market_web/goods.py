"""Goods in store, blocks, purchases and pickups."""

from __future__ import annotations

from fastapi import APIRouter

from watchkeeper.interfaces.market_web.auth import IdempotencyKey, Services, SignedIn, may, run
from watchkeeper.interfaces.market_web.shapes import After, Because, Key, Limit, NewPurchase, Pickup, Utid
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.interfaces.market_web.trade import shown
from watchkeeper.market.commands import (
    CancelPurchase,
    ConfirmPickup,
    ExpirePurchase,
    Purchase,
    WriteOffBlock,
)
from watchkeeper.market.inventory import reading as goods

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["goods"])


@router.get("/inventory", openapi_extra=may("trader"))
def inventory(
    session: SignedIn, services: Services, after: After = 0, limit: Limit = 50
) -> dict[str, object]:
    """A trader's lots and the blocks that they are in: days in store, grams left, grams lost in 30 more days."""
    database = services.handles().books.database
    with database.transaction("read"):
        lots = goods.inventory(database, session.user.id, at=services.clock.now(), after=after, limit=limit)
        blocks: dict[object, dict[str, object]] = {}
        for lot in lots:
            if lot["block_id"] is not None and lot["block_id"] not in blocks:
                block_id = int(str(lot["block_id"]))
                for row in goods.blocks(database, trader_id=session.user.id, after=block_id - 1, limit=1):
                    blocks[block_id] = shown(row)
    return {
        "lots": [shown(row) for row in lots],
        "blocks": [*blocks.values()],
        "projected_days": goods.PROJECTED_DAYS,
        "next": lots[-1]["id"] if lots else None,
    }


@router.get("/blocks", openapi_extra=may("trader", "buyer"))
def blocks(session: SignedIn, services: Services, after: After = 0, limit: Limit = 50) -> dict[str, object]:
    """For buyers the blocks that can be bought, by produce and weight; for a trader the own ones."""
    own = session.user.id if session.user.role == "trader" else None
    rows = goods.blocks(services.handles().books.database, trader_id=own, after=after, limit=limit)
    return {"blocks": [shown(row) for row in rows], "next": rows[-1]["id"] if rows else None}


@router.post("/blocks/{block_id}/write-off", openapi_extra=may("admin"))
def write_off(
    block_id: Key, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """End the positions in a block that is lost; no money moves."""
    return run(services, session, WriteOffBlock(block_id=block_id, reason=body.reason), key).body


@router.post("/purchases", status_code=201, openapi_extra=may("buyer"))
def purchase(
    body: NewPurchase, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Buy a whole block as it weighs now; 48 hours to fetch it."""
    return shown(run(services, session, Purchase(block_id=body.block_id), key).body)


@router.get("/purchases", openapi_extra=may("buyer", "admin"))
def purchases(
    session: SignedIn, services: Services, after: After = 0, limit: Limit = 50
) -> dict[str, object]:
    """A buyer's orders with the time that is left; for admins the pickups from 12 hours before their deadline."""
    rows = goods.purchases(
        services.handles().books.database,
        buyer_id=session.user.id if session.user.role == "buyer" else None,
        at=services.clock.now(),
        after=after,
        limit=limit,
    )
    return {"purchases": [shown(row) for row in rows], "next": rows[-1]["id"] if rows else None}


@router.post("/purchases/{utid}/pickup", openapi_extra=may("admin"))
def pickup(
    utid: Utid, body: Pickup, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """The goods are fetched and paid for, late or not: cost returns to the trader, the rest is profit."""
    command = ConfirmPickup(
        purchase_utid=utid,
        proceeds_ugx=body.proceeds_ugx,
        provider=body.provider,
        external_ref=body.external_ref,
        reason=body.reason,
    )
    return run(services, session, command, key).body


@router.post("/purchases/{utid}/expiry", openapi_extra=may("admin"))
def expire(
    utid: Utid, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Nobody came until the deadline: the block is in store again."""
    return run(services, session, ExpirePurchase(purchase_utid=utid, reason=body.reason), key).body


@router.post("/purchases/{utid}/cancellation", openapi_extra=may("buyer"))
def cancel(utid: Utid, session: SignedIn, services: Services, key: IdempotencyKey) -> dict[str, object]:
    """Give a block back before its deadline."""
    return run(services, session, CancelPurchase(purchase_utid=utid), key).body
