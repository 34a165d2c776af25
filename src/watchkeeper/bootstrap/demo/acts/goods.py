"""Deliveries and what becomes of them; goods in store; buyers and what they fetch."""

from __future__ import annotations

from watchkeeper.base.clock import SECONDS_PER_HOUR
from watchkeeper.bootstrap.demo.client import Person
from watchkeeper.bootstrap.demo.floor import PRICES, Floor, Row, unended
from watchkeeper.bootstrap.demo.pace import Often

#: Of the deliveries that wait, one of those with the nearest deadlines is next.
_NEAREST = 5
#: What costs up to this a kilogram may wait for its buyer until its time is over, in UGX.
_CHEAP_UGX_PER_KG = 1000
_GRAMS_PER_KG = 1000
#: What is lost is lost once an hour.
LOSS = Often(burst=1, refill=1)
#: The act's name in the table; its turn must find a block.
BLOCK_LOSS = "blocks written off"
#: An order that everybody forgets is given back so seldom that others of its kind come to their end.
_FORGOTTEN, _SELDOM = "the forgotten order", Often(burst=1, refill=1, window_seconds=72 * SECONDS_PER_HOUR)


def delivered(floor: Floor) -> bool:
    """The admin saw the produce at the collection point."""
    return _verified(floor, "delivered")


def late(floor: Floor) -> bool:
    """It is not there."""
    return _verified(floor, "late")


def cancelled(floor: Floor) -> bool:
    """The farmer says that it will not come."""
    return _verified(floor, "cancelled")


def accepted_late(floor: Floor) -> bool:
    """What was late has come, and the trader takes it."""
    lock = floor.chosen([row for row in _failed(floor) if row["outcome"] == "late"])
    return lock is not None and _said(floor, lock["utid"], "delivered")


def reverse(floor: Floor) -> bool:
    """The trader has the money back: for what was cancelled, and for what is late while something else may still come."""
    failed = _failed(floor)
    cancelled = [row for row in failed if row["outcome"] == "cancelled"]
    lock = floor.chosen(cancelled or failed[1:])
    if lock is None:
        return False
    reason = {"reason": f"nothing came, and {lock['trader']} wants the money back"}
    floor.people.admin.post(f"/v1/locks/{lock['utid']}/reversal", reason)
    return True


def write_off_lot(floor: Floor) -> bool:
    """A lot in no block is lost."""
    trader = floor.draw.choice(floor.people.traders)
    lot = floor.chosen(
        [row for row in floor.open_ones(trader, "/v1/inventory", "lots", bool) if row["block_id"] is None]
    )
    if lot is None:
        return False
    reason = {"reason": "rats were in this corner of the store"}
    floor.people.admin.post(f"/v1/lots/{lot['id']}/write-off", reason)
    return True


def write_off_block(floor: Floor) -> bool:
    """A whole block is lost."""
    block = floor.chosen(_for_sale(floor, floor.people.buyers[0])) if floor.people.buyers else None
    if block is None:
        return False
    reason = {"reason": "the roof leaked over it in the night"}
    floor.people.admin.post(f"/v1/blocks/{block['id']}/write-off", reason)
    return True


def buy(floor: Floor) -> bool:
    """A buyer takes a block; the last one stays while a loss is due, for buyers come oftener than blocks do."""
    buyer = floor.somebody(floor.people.buyers, "purchases")
    blocks = [] if buyer is None else _for_sale(floor, buyer)
    left = 1 if floor.pace.free(BLOCK_LOSS, LOSS) else 0
    block = floor.chosen(blocks) if len(blocks) > left else None
    if buyer is None or block is None:
        return False
    floor.paced(buyer, "purchases", "/v1/purchases", {"block_id": block["id"]})
    return True


def cancel_purchase(floor: Floor) -> bool:
    """A buyer gives a block back; seldom the one that would be forgotten."""
    orders = [one for one in _awaited(floor) if not one["overdue"]]
    if not orders and floor.pace.free(_FORGOTTEN, _SELDOM):
        orders = [one for one in _pending(floor) if not one["overdue"]]
        if orders:
            floor.pace.take(_FORGOTTEN, _SELDOM)
    order = floor.chosen(orders)
    if order is None:
        return False
    order["buyer"].post(f"/v1/purchases/{order['utid']}/cancellation", {})
    return True


def pick_up(floor: Floor) -> bool:
    """A buyer fetches a block and pays more than the trader did."""
    order = floor.chosen(_awaited(floor))
    if order is None:
        return False
    kilograms = int(order["grams"]) // _GRAMS_PER_KG
    proceeds = max(1, kilograms * PRICES.get(order["produce"], 1000) * floor.draw.randrange(112, 140) // 100)
    floor.people.admin.post(
        f"/v1/purchases/{order['utid']}/pickup",
        {"proceeds_ugx": proceeds, **floor.payment(), "reason": "the buyer has fetched it and paid"},
    )
    return True


def forgotten(floor: Floor) -> Row | None:
    """The order that nobody will come for; None where everybody thinks of every order."""
    return _forgotten_of(_pending(floor))


def expire_purchase(floor: Floor) -> bool:
    """Nobody came for a block in two days; that a day has nothing of this is as it should be."""
    overdue = floor.chosen([one for one in _pending(floor) if one["overdue"]])
    if overdue is None:
        return False
    reason = {"reason": "the buyer did not come within the two days"}
    floor.people.admin.post(f"/v1/purchases/{overdue['utid']}/expiry", reason)
    return True


def _verified(floor: Floor, outcome: str) -> bool:
    waiting = floor.some(floor.people.admin, f"/v1/deliveries?limit={_NEAREST}", "deliveries")
    found = floor.chosen(waiting)
    return found is not None and _said(floor, found["lock"], outcome)


def _said(floor: Floor, lock: str, outcome: str) -> bool:
    floor.people.admin.post(
        f"/v1/locks/{lock}/verification",
        {"outcome": outcome, "reason": f"seen at the collection point: {outcome}"},
    )
    return True


def _failed(floor: Floor) -> list[Row]:
    """Locks that were late or cancelled and have not ended yet."""
    found = floor.open_ones(floor.people.admin, "/v1/locks", "locks", unended)
    return [row for row in found if row["outcome"] is not None]


def _for_sale(floor: Floor, buyer: Person) -> list[Row]:
    return floor.some(buyer, "/v1/blocks", "blocks")


def _pending(floor: Floor) -> list[Row]:
    """Orders that wait for their pickup, each with its `buyer`."""
    return [
        row | {"buyer": buyer}
        for buyer in floor.people.buyers
        for row in floor.open_ones(
            buyer, "/v1/purchases", "purchases", lambda row: row["status"] == "pending_pickup"
        )
    ]


def _awaited(floor: Floor) -> list[Row]:
    """Those that somebody thinks of: all but the oldest cheap one. Somebody always forgets."""
    pending = _pending(floor)
    forgotten = _forgotten_of(pending)
    return [row for row in pending if row is not forgotten]


def _forgotten_of(pending: list[Row]) -> Row | None:
    cheap = [row for row in pending if PRICES.get(row["produce"], 0) <= _CHEAP_UGX_PER_KG]
    return min(cheap, key=lambda row: int(row["id"]), default=None)
