"""The buyer's page: what can be bought, by produce and weight, and the own orders. No money is here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from watchkeeper.base.utid import UTID_FORM
from watchkeeper.boundary.gate import Switch
from watchkeeper.interfaces.market_web import control, goods
from watchkeeper.interfaces.market_web.pages.visit import NEWEST, ROWS, Act, Page, Visit, listed, utid_of
from watchkeeper.interfaces.market_web.shapes import NewPurchase, Shape
from watchkeeper.interfaces.market_web.trade import shown
from watchkeeper.market.inventory import reading

#: The UTID of an earlier act, in a form.
UtidText = Annotated[str, Field(pattern=UTID_FORM)]


class GivenBack(Shape):
    """An order that is given back."""

    purchase: UtidText


def _home(visit: Visit) -> dict[str, object]:
    blocks = goods.blocks(visit.session, visit.services, after=visit.number("after", 0), limit=ROWS)
    rows = reading.purchases(
        visit.services.handles().books.database,
        buyer_id=visit.session.user.id,
        at=visit.services.clock.now(),
        before=visit.number("before", NEWEST),
        limit=ROWS,
    )
    orders = {"purchases": [shown(row) for row in rows], "next": rows[-1]["id"] if rows else 0}
    return {
        "closed": control.state(visit.services, Switch.PURCHASE_WINDOW)["engaged"],
        "pilot": control.state(visit.services, Switch.PILOT_MODE)["engaged"],
        "blocks": listed(visit, blocks, "blocks", "after"),
        "orders": listed(visit, orders, "purchases", "before"),
    }


def _buy(visit: Visit, body: NewPurchase) -> str:
    return utid_of(goods.purchase(body, visit.session, visit.services, visit.key))


def _give_back(visit: Visit, body: GivenBack) -> str:
    return utid_of(goods.cancel(body.purchase, visit.session, visit.services, visit.key))


PAGES = (
    Page(
        path="/buyer",
        title="Home",
        template="buyer.html",
        roles=("buyer",),
        read=_home,
        acts={
            "buy": Act(shape=NewPurchase, do=_buy, said="Ordered. You have 48 hours to fetch it."),
            "give-back": Act(shape=GivenBack, do=_give_back, said="Your order is cancelled."),
        },
    ),
)
