"""The admin's pages: deliveries and red flags, pickups, payouts, and the market's switches. Goods are elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.boundary.gate import Switch
from watchkeeper.interfaces.market_web import boards as watched
from watchkeeper.interfaces.market_web import control, goods, money_out, trade
from watchkeeper.interfaces.market_web.pages.buyer import UtidText
from watchkeeper.interfaces.market_web.pages.visit import ROWS, Act, Page, Visit, listed, utid_of
from watchkeeper.interfaces.market_web.shapes import (
    Because,
    Flip,
    NewPayout,
    Pickup,
    Verification,
)
from watchkeeper.interfaces.market_web.trade import shown
from watchkeeper.market import boards
from watchkeeper.market.inventory import reading
from watchkeeper.market.purchases.rules import PICKUP_SECONDS

_ROLES = ("admin",)


class Verified(Verification):
    """A lock and what became of it."""

    lock: UtidText


class Reversed(Because):
    """A lock whose amount goes back."""

    lock: UtidText


class PickedUp(Pickup):
    """An order that was fetched, and what it brought."""

    purchase: UtidText


class Expired(Because):
    """An order that nobody fetched."""

    purchase: UtidText


def _deliveries(visit: Visit) -> dict[str, object]:
    database, now = visit.services.handles().books.database, visit.services.clock.now()
    board = watched.deliveries(visit.session, visit.services, after=visit.number("after", 0), limit=ROWS)
    rows = boards.failed(database, after=visit.number("failed", 0), limit=ROWS)
    failed = {"failed": [shown(row) for row in rows], "next": rows[-1]["id"] if rows else 0}
    return {
        "flags": watched.red_flags(visit.session, visit.services, limit=ROWS),
        "flags_max": ROWS,
        "board": listed(visit, board, "deliveries", "after"),
        "failed": listed(visit, failed, "failed", "failed"),
        "now": now,
    }


def _verify(visit: Visit, body: Verified) -> str:
    what = Verification(outcome=body.outcome, reason=body.reason)
    return utid_of(trade.verify(body.lock, what, visit.session, visit.services, visit.key))


def _reverse(visit: Visit, body: Reversed) -> str:
    return utid_of(
        trade.reverse(body.lock, Because(reason=body.reason), visit.session, visit.services, visit.key)
    )


def _pickups(visit: Visit) -> dict[str, object]:
    rows = reading.purchases(
        visit.services.handles().books.database,
        buyer_id=None,
        at=visit.services.clock.now(),
        after=visit.number("after", 0),
        limit=ROWS,
        flagged_seconds=PICKUP_SECONDS,
    )
    answer = {"purchases": [shown(row) for row in rows], "next": rows[-1]["id"] if rows else 0}
    return {"pickups": listed(visit, answer, "purchases", "after")}


def _pickup(visit: Visit, body: PickedUp) -> str:
    what = Pickup.model_validate(body.model_dump(exclude={"purchase"}))
    return utid_of(goods.pickup(body.purchase, what, visit.session, visit.services, visit.key))


def _expire(visit: Visit, body: Expired) -> str:
    return utid_of(
        goods.expire(body.purchase, Because(reason=body.reason), visit.session, visit.services, visit.key)
    )


def _payouts(visit: Visit) -> dict[str, object]:
    answer = money_out.payouts_by_alias(
        visit.session, visit.services, after=visit.number("after", 0), limit=ROWS
    )
    return {"payouts": listed(visit, answer, "payouts", "after")}


def _pay_out(visit: Visit, body: NewPayout) -> str:
    return utid_of(money_out.pay_out(body, visit.session, visit.services, visit.key))


def switches(visit: Visit) -> dict[str, object]:
    """The two switches of the market's people as they stand."""
    return {
        "pilot": control.state(visit.services, Switch.PILOT_MODE),
        "window": control.state(visit.services, Switch.PURCHASE_WINDOW),
    }


def _flip(switch: Switch, *, engaged: bool) -> Callable[[Visit, Because], str]:
    flip = control.flip_pilot_mode if switch is Switch.PILOT_MODE else control.flip_window

    def do(visit: Visit, body: Because) -> str:
        return utid_of(flip(Flip(engaged=engaged, reason=body.reason), visit.session, visit.services))

    return do


#: What flips the two switches; releasing, which lets things happen again, needs a fresh second factor.
FLIPS = {
    "pilot-on": Act(
        shape=Because,
        do=_flip(Switch.PILOT_MODE, engaged=True),
        said="Pilot mode is held on.",
        caught_here=True,
    ),
    "pilot-off": Act(
        shape=Because,
        do=_flip(Switch.PILOT_MODE, engaged=False),
        said="Your hold on pilot mode is released.",
        caught_here=True,
        needs_fresh=True,
    ),
    "window-close": Act(
        shape=Because,
        do=_flip(Switch.PURCHASE_WINDOW, engaged=True),
        said="The purchase window is closed.",
        caught_here=True,
    ),
    "window-open": Act(
        shape=Because,
        do=_flip(Switch.PURCHASE_WINDOW, engaged=False),
        said="Your hold on the purchase window is released.",
        caught_here=True,
        needs_fresh=True,
    ),
}

PAGES = (
    Page(
        path="/admin",
        title="Deliveries",
        template="admin.html",
        roles=_ROLES,
        read=_deliveries,
        acts={
            "verify": Act(shape=Verified, do=_verify, said="The delivery is recorded."),
            "reverse": Act(shape=Reversed, do=_reverse, said="The amount is given back.", needs_fresh=True),
        },
    ),
    Page(
        path="/admin/pickups",
        title="Pickups",
        template="admin_pickups.html",
        roles=_ROLES,
        read=_pickups,
        acts={
            "pickup": Act(shape=PickedUp, do=_pickup, said="The pickup is confirmed."),
            "expire": Act(shape=Expired, do=_expire, said="The order has expired; the block is in store."),
        },
    ),
    Page(
        path="/admin/payouts",
        title="Payouts",
        template="admin_payouts.html",
        roles=_ROLES,
        read=_payouts,
        acts={"pay-out": Act(shape=NewPayout, do=_pay_out, said="The payment is confirmed.")},
    ),
    Page(
        path="/admin/market",
        title="Market",
        template="admin_market.html",
        roles=_ROLES,
        read=switches,
        acts=FLIPS,
    ),
)
