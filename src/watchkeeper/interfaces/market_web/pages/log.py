"""What admins and the operator did and why, and who ran into which limit: newest first."""

from __future__ import annotations

from watchkeeper.interfaces.market_web import boards
from watchkeeper.interfaces.market_web.pages.visit import NEWEST, ROWS, Page, Visit, listed


def _log(visit: Visit) -> dict[str, object]:
    actions = boards.actions(visit.session, visit.services, before=visit.number("before", NEWEST), limit=ROWS)
    hits = boards.rate_limit_hits(
        visit.session, visit.services, before=visit.number("hits", NEWEST), limit=ROWS
    )
    return {
        "actions": listed(visit, actions, "actions", "before"),
        "hits": listed(visit, hits, "hits", "hits"),
    }


PAGES = (Page(path="/log", title="Log", template="log.html", roles=("admin", "operator"), read=_log),)
