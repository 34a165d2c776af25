"""The operator's few pages in the market: the phase, the switches, whom to pay. The control room is elsewhere."""

from __future__ import annotations

from watchkeeper.interfaces.market_web import money_out, people
from watchkeeper.interfaces.market_web.pages.admin import FLIPS, switches
from watchkeeper.interfaces.market_web.pages.visit import ROWS, Act, Page, Visit, listed, utid_of
from watchkeeper.interfaces.market_web.shapes import NewPhase

_ROLES = ("operator",)


def _home(visit: Visit) -> dict[str, object]:
    return {
        "phase": people.phase(visit.session, visit.services),
        "unnamed": visit.request.app.state.visitors.unnamed,
        **switches(visit),
    }


def _set_phase(visit: Visit, body: NewPhase) -> str:
    return utid_of(people.set_phase(body, visit.session, visit.services, visit.key))


def _payouts(visit: Visit) -> dict[str, object]:
    answer = money_out.payouts(visit.session, visit.services, after=visit.number("after", 0), limit=ROWS)
    return {"payouts": listed(visit, answer, "payouts", "after")}


PAGES = (
    Page(
        path="/operator",
        title="Home",
        template="operator.html",
        roles=_ROLES,
        read=_home,
        acts={
            "phase": Act(shape=NewPhase, do=_set_phase, said="The phase is set.", needs_fresh=True),
            **FLIPS,
        },
    ),
    Page(
        path="/operator/payouts",
        title="Payouts",
        template="operator_payouts.html",
        roles=_ROLES,
        read=_payouts,
    ),
)
