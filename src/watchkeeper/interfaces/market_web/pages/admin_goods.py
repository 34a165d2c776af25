"""What an admin ends: goods in store that are lost, and listings that go off the market, each by its own button."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from watchkeeper.interfaces.market_web import goods, offers, trade
from watchkeeper.interfaces.market_web.pages.visit import NEWEST, ROWS, Act, Page, Visit, listed, utid_of
from watchkeeper.interfaces.market_web.shapes import Because, Cancellation
from watchkeeper.market.inventory import reading
from watchkeeper.market.refusals import Refusal

_ROLES = ("admin",)
RowKey = Annotated[int, Field(strict=True, gt=0, lt=NEWEST)]


class LotLost(Because):
    """A lot whose goods are lost."""

    lot_id: RowKey


class BlockLost(Because):
    """A block whose goods are lost."""

    block_id: RowKey


class Removed(Because):
    """A listing that goes off the market."""

    listing_id: RowKey


def _asked(visit: Visit) -> str:
    return visit.request.query_params.get("trader", "").strip().casefold()[:64]


def _store(visit: Visit) -> dict[str, object]:
    books = visit.services.handles().books
    asked = _asked(visit)
    user = books.user_by_alias(asked) if asked else None
    if asked and user is None:
        raise Refusal("user-not-found", "There is no account with this alias.")
    whose = None if user is None else user.id
    with books.database.transaction("read"):
        blocks = reading.blocks_in_store(
            books.database, trader_id=whose, after=visit.number("blocks", 0), limit=ROWS
        )
        lots = reading.lots_in_store(
            books.database, trader_id=whose, after=visit.number("lots", 0), limit=ROWS
        )
    return {
        "asked": asked,
        "blocks": listed(visit, _with_next(blocks), "rows", "blocks"),
        "lots": listed(visit, _with_next(lots), "rows", "lots"),
    }


def _with_next(rows: list[dict[str, object]]) -> dict[str, object]:
    return {"rows": [trade.shown(row) for row in rows], "next": rows[-1]["id"] if rows else 0}


def _write_off_lot(visit: Visit, body: LotLost) -> str:
    reason = Because(reason=body.reason)
    return utid_of(trade.write_off(body.lot_id, reason, visit.session, visit.services, visit.key))


def _write_off_block(visit: Visit, body: BlockLost) -> str:
    reason = Because(reason=body.reason)
    return utid_of(goods.write_off(body.block_id, reason, visit.session, visit.services, visit.key))


def _listings(visit: Visit) -> dict[str, object]:
    answer = trade.listings(visit.session, visit.services, after=visit.number("after", 0), limit=ROWS)
    return {"listings": listed(visit, answer, "listings", "after")}


def _remove(visit: Visit, body: Removed) -> str:
    reason = Cancellation(reason=body.reason)
    return utid_of(offers.cancel(body.listing_id, reason, visit.session, visit.services, visit.key))


PAGES = (
    Page(
        path="/admin/store",
        title="Store",
        template="admin_store.html",
        roles=_ROLES,
        read=_store,
        keeps=("trader",),
        acts={
            "write-off-lot": Act(shape=LotLost, do=_write_off_lot, said="The lot is written off."),
            "write-off-block": Act(shape=BlockLost, do=_write_off_block, said="The block is written off."),
        },
    ),
    Page(
        path="/admin/listings",
        title="Listings",
        template="admin_listings.html",
        roles=_ROLES,
        read=_listings,
        acts={"remove": Act(shape=Removed, do=_remove, said="What was free of it is off the market.")},
    ),
)
