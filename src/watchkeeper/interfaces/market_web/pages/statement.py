"""The own statement for days of one's choice: on the screen, on paper, and as a table to keep."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from watchkeeper.base.clock import kampala
from watchkeeper.interfaces.market_web import statements
from watchkeeper.interfaces.market_web.pages.visit import Page, Visit
from watchkeeper.market.accounting.statement import LEDGERS, ledgers_of
from watchkeeper.market.refusals import Refusal

ROLES = statements.ROLES


def _asked(visit: Visit) -> tuple[str, str, str]:
    """The first day, the last day, and the ledger; without any days the month that it is."""
    query = visit.request.query_params
    ledger = query.get("ledger", "")
    if ledger not in ("", *LEDGERS):
        raise Refusal("validation-failed", "There is no such ledger.", field="ledger")
    month = "" if "first_day" in query else f"{kampala(visit.services.clock.now())[:8]}01"
    return query.get("first_day", month), query.get("last_day", ""), ledger


def _read(visit: Visit) -> dict[str, object]:
    first, last, ledger = _asked(visit)
    ledgers = ledgers_of(visit.services.handles().books.database, visit.session.user)
    found: dict[str, object] = {
        "title": f"Statement of {visit.session.user.alias}",
        "ledgers": ledgers,
        "first_day": first[:10],
        "last_day": last[:10],
        "issued": visit.services.clock.now(),
        "problem": "",
        "statement": None,
    }
    if not ledger and not ledgers:
        return found | {"ledger": "", "problem": "You never had a ledger here."}
    name = ledger or ledgers[0]
    found |= {"ledger": name, "query": urlencode({"first_day": first, "last_day": last, "ledger": name})}
    try:
        return found | {"statement": statements.of(visit.session.user, visit.services, first, last, name)}
    except Refusal as refusal:
        return found | {"problem": refusal.detail, "status": refusal.status}


def table(visit: Visit) -> Response:
    """The same as CSV."""
    first, last, ledger = _asked(visit)
    ledgers = ledgers_of(visit.services.handles().books.database, visit.session.user)
    # Who never had a ledger has one without entries.
    name = ledger or (*ledgers, *LEDGERS)[0]
    return statements.csv_of(statements.of(visit.session.user, visit.services, first, last, name))


PAGES = (Page(path="/statement", title="Statement", template="statement.html", roles=ROLES, read=_read),)
