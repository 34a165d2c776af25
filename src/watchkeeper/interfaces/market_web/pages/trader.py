"""The trader's pages: wallet and exposure, the market, offers, goods in store, money in and out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from watchkeeper.interfaces.market_web import goods, money_out, offers, trade
from watchkeeper.interfaces.market_web.pages.farmer import Answered, Text40, answer, live_offers
from watchkeeper.interfaces.market_web.pages.visit import (
    NEWEST,
    ROWS,
    Act,
    Page,
    Visit,
    listed,
    utid_of,
)
from watchkeeper.interfaces.market_web.shapes import (
    NewDeposit,
    NewLock,
    NewOffer,
    NewWithdrawal,
    Shape,
)
from watchkeeper.market import boards
from watchkeeper.market.inventory import reading

_ROLES = ("trader",)
#: Units of one listing to choose from; they are all the same, and the next ones come up as these are taken.
UNITS_SHOWN_MAX = 10
#: Orders that came to nothing, the last ones.
ENDED_ORDERS_SHOWN_MAX = 5


class AgreedLock(Shape):
    """An accepted offer that is paid."""

    unit_id: Annotated[int, Field(strict=True, gt=0, lt=NEWEST)]
    offer: Text40


class Withdrawn(Shape):
    """An offer that is taken back."""

    offer: Text40


def _home(visit: Visit) -> dict[str, object]:
    rows = boards.waiting(
        visit.services.handles().books.database,
        visit.session.user.id,
        after=visit.number("locks", 0),
        limit=ROWS,
    )
    now = visit.services.clock.now()
    locks = {
        "locks": [trade.shown(row, now=now) for row in rows],
        "next": rows[-1]["id"] if rows else 0,
    }
    database, user_id = visit.services.handles().books.database, visit.session.user.id
    late = boards.failed(database, trader_id=user_id, after=visit.number("failed", 0), limit=ROWS)
    failed = {"failed": [trade.shown(row) for row in late], "next": late[-1]["id"] if late else 0}
    ended = reading.ended_orders(database, user_id, limit=ENDED_ORDERS_SHOWN_MAX)
    return {
        "wallet": trade.wallet(visit.session, visit.services, limit=1),
        "exposure": money_out.exposure(visit.session, visit.services),
        "locks": listed(visit, locks, "locks", "locks"),
        "failed": listed(visit, failed, "failed", "failed"),
        "ended": [trade.shown(row) for row in ended],
    }


def _market(visit: Visit) -> dict[str, object]:
    answer = trade.listings(visit.session, visit.services, after=visit.number("after", 0), limit=ROWS)
    found = listed(visit, answer, "listings", "after")
    taken = boards.spoken_for(visit.services.handles().books.database, [row["id"] for row in found.rows])
    for row in found.rows:
        free = [unit for unit in row["units"] if unit["id"] not in taken]
        # One's own open offers are among the others; first comes what nobody speaks of.
        others = [unit for unit in row["units"] if unit["id"] in taken]
        row["to_pay"] = (free + others)[:UNITS_SHOWN_MAX]
        row["to_offer"] = free[:UNITS_SHOWN_MAX]
    return {"listings": found}


def _lock(visit: Visit, body: NewLock) -> str:
    return utid_of(trade.pay_to_lock(body, visit.session, visit.services, visit.key))


def _offer(visit: Visit, body: NewOffer) -> str:
    return utid_of(offers.make(body, visit.session, visit.services, visit.key))


def _offers(visit: Visit) -> dict[str, object]:
    rows = boards.offers(
        visit.services.handles().books.database,
        visit.session.user,
        after=0,
        before=visit.number("before", NEWEST),
        limit=ROWS,
        only="ended",
    )
    ended = offers.with_time_left(rows, visit.services)
    return {"offers": live_offers(visit), "ended": listed(visit, ended, "offers", "before")}


def _pay(visit: Visit, body: AgreedLock) -> str:
    return _lock(visit, NewLock(unit_id=body.unit_id, offer=body.offer))


def _withdraw_offer(visit: Visit, body: Withdrawn) -> str:
    return utid_of(offers.withdraw(body.offer, visit.session, visit.services, visit.key))


def _store(visit: Visit) -> dict[str, object]:
    answer = goods.inventory(visit.session, visit.services, after=visit.number("after", 0), limit=ROWS)
    return {
        "lots": listed(visit, answer, "lots", "after"),
        "blocks": answer["blocks"],
        "projected_days": answer["projected_days"],
    }


def _money(visit: Visit) -> dict[str, object]:
    answer = trade.wallet(visit.session, visit.services, before=visit.number("before", NEWEST), limit=ROWS)
    return {"wallet": answer, "entries": listed(visit, answer, "entries", "before")}


def _deposit(visit: Visit, body: NewDeposit) -> str:
    return utid_of(trade.deposit(body, visit.session, visit.services, visit.key))


def _withdraw(visit: Visit, body: NewWithdrawal) -> str:
    return utid_of(money_out.withdraw(body, visit.session, visit.services, visit.key))


PAGES = (
    Page(path="/trader", title="Home", template="trader.html", roles=_ROLES, read=_home),
    Page(
        path="/trader/market",
        title="Market",
        template="trader_market.html",
        roles=_ROLES,
        read=_market,
        acts={
            "lock": Act(shape=NewLock, do=_lock, said="Paid. The farmer has six hours to deliver."),
            "offer": Act(shape=NewOffer, do=_offer, said="Offered. The farmer has a day to answer."),
        },
    ),
    Page(
        path="/trader/offers",
        title="Offers",
        template="trader_offers.html",
        roles=_ROLES,
        read=_offers,
        acts={
            "answer": Act(shape=Answered, do=answer, said="Your answer is given."),
            "pay": Act(shape=AgreedLock, do=_pay, said="Paid. The farmer has six hours to deliver."),
            "withdraw": Act(shape=Withdrawn, do=_withdraw_offer, said="Your offer is taken back."),
        },
    ),
    Page(path="/trader/store", title="Store", template="trader_store.html", roles=_ROLES, read=_store),
    Page(
        path="/trader/money",
        title="Money",
        template="trader_money.html",
        roles=_ROLES,
        read=_money,
        acts={
            "deposit": Act(shape=NewDeposit, do=_deposit, said="Your deposit is booked."),
            "withdraw": Act(shape=NewWithdrawal, do=_withdraw, said="Your withdrawal is booked."),
        },
    ),
)
