"""The business of a day from the store on: purchases, pickups, what is given back, and goods that are lost."""

from __future__ import annotations

from tests.worlds.season import HOUR, REASON, Season, whole
from tests.worlds.season_trade import business
from watchkeeper.market.commands import (
    CancelPurchase,
    ConfirmPickup,
    ExpirePurchase,
    Purchase,
    WriteOff,
    WriteOffBlock,
)

_LEFT = (
    "(SELECT sum(l.grams) - coalesce((SELECT sum(d.grams) FROM storage_fee_deductions d JOIN block_lots n "
    "ON n.lot_id = d.lot_id WHERE n.block_id = b.id AND d.lot_id NOT IN (SELECT lot_id FROM write_offs)), 0) "
    "FROM block_lots m JOIN lots l ON l.id = m.lot_id WHERE m.block_id = b.id "
    "AND l.id NOT IN (SELECT lot_id FROM write_offs))"
)


def in_store(season: Season) -> list[int]:
    """Blocks that can be bought, the oldest first."""
    return season.numbers(
        f"SELECT b.id FROM blocks b JOIN block_state s ON s.block_id = b.id WHERE s.status = 'in_storage' AND {_LEFT} > 0 "
        "ORDER BY b.id LIMIT 40"
    )


def purchases(season: Season) -> None:
    """Some of the blocks in store are bought."""
    draw = season.draw
    for block_id in in_store(season)[: business(season)]:
        if draw.random() < 0.9:
            season.do(
                Purchase(block_id=block_id),
                draw.choice(season.people.buyers),
                # One of few buyers may be drawn again and again.
                "rate-limit-exceeded",
            )


def pickups(season: Season) -> None:
    """Blocks that were bought are fetched, at a profit or a loss, in time or late, or given back, or left to expire."""
    draw = season.draw
    rows = season.query(
        "SELECT p.utid, p.buyer_id, p.deadline_at, p.at, (SELECT sum(l.cost_ugx) FROM block_lots m JOIN lots l ON l.id = m.lot_id "
        "WHERE m.block_id = p.block_id) FROM purchases p WHERE NOT EXISTS (SELECT 1 FROM purchase_outcomes o "
        "WHERE o.purchase_utid = p.utid) ORDER BY p.id"
    )
    for utid, buyer, deadline, at, cost in rows:
        overdue, what = season.now > whole(deadline), draw.random()
        purchase, whose = str(utid), whole(buyer)
        if what < 0.15 and not overdue and whose in season.people.buyers:
            season.do(CancelPurchase(purchase_utid=purchase), whose)
        elif overdue and what < 0.5:
            season.do(ExpirePurchase(purchase_utid=purchase, reason=REASON), season.admin)
        elif overdue or (what < 0.6 and season.now - whole(at) > 6 * HOUR):
            proceeds = max(1, whole(cost) * draw.choice((50, 90, 100, 130, 170)) // 100)
            season.do(
                ConfirmPickup(
                    purchase_utid=purchase,
                    proceeds_ugx=proceeds,
                    provider=draw.choice(("airtel", "bank", "mtn")),
                    external_ref=season.reference(),
                    reason=REASON,
                ),
                season.admin,
            )


def losses(season: Season) -> None:
    """Rats, rain and thieves: a lot here, a whole block there; and lots that fill no block for weeks."""
    draw = season.draw
    lone = season.numbers(
        "SELECT l.id FROM lots l WHERE l.id NOT IN (SELECT lot_id FROM write_offs) AND l.id NOT IN (SELECT lot_id "
        "FROM block_lots) AND l.at < ? ORDER BY l.id LIMIT 4",
        (season.now - 10 * 24 * HOUR,),
    )
    for lot_id in lone:
        season.do(WriteOff(lot_id=lot_id, reason=REASON), season.admin)
    blocks = in_store(season)
    if season.day % 4 == 1 and len(blocks) > 1:
        block_id = draw.choice(blocks)
        lots = season.numbers(
            "SELECT lot_id FROM block_lots WHERE block_id = ? AND lot_id NOT IN (SELECT lot_id FROM write_offs) "
            "ORDER BY lot_id",
            (block_id,),
        )
        for lot_id in lots[: draw.choice((1, 2, 10))]:
            season.do(WriteOff(lot_id=lot_id, reason=REASON), season.admin)
    elif season.day % 4 == 3 and len(blocks) > 1:
        season.do(WriteOffBlock(block_id=draw.choice(blocks), reason=REASON), season.admin)
