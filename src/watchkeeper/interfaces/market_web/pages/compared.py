"""What came of comparing providers' statements with the books: each comparison, and its items of one kind or of all."""

from __future__ import annotations

import re

from watchkeeper.base.utid import UTID_FORM
from watchkeeper.interfaces.market_web import reconciliations
from watchkeeper.interfaces.market_web.pages.visit import NEWEST, ROWS, Page, Visit, listed
from watchkeeper.market.refusals import Refusal

#: Items have no forms, so that more of them fit.
_ITEMS = 20
KINDS = {
    "different": "Different",
    "missing_in_books": "Missing in the books",
    "missing_in_statement": "Missing in the statement",
    "matched": "Matched",
}


def _read(visit: Visit) -> dict[str, object]:
    utid = visit.request.query_params.get("run")
    return _all(visit) if utid is None else _one(visit, utid)


def _all(visit: Visit) -> dict[str, object]:
    answer = reconciliations.reconciliations(
        visit.session, visit.services, before=visit.number("before", NEWEST), limit=ROWS
    )
    return {"run": None, "kinds": KINDS, "runs": listed(visit, answer, "reconciliations", "before")}


def _one(visit: Visit, utid: str) -> dict[str, object]:
    kind = visit.request.query_params.get("kind", "")
    if not re.fullmatch(UTID_FORM, utid) or kind not in ("", *KINDS):
        raise Refusal("reconciliation-not-found", "There is no such comparison.")
    answer = reconciliations.reconciliation(
        utid, visit.session, visit.services, kind=kind, after=visit.number("after", 0), limit=_ITEMS
    )
    items = listed(visit, answer, "items", "after", limit=_ITEMS)
    return {"title": "A statement compared", "run": answer, "kinds": KINDS, "kind": kind, "items": items}


PAGES = (
    Page(
        path="/reconciliations",
        title="Providers\u2019 statements",
        template="reconciliations.html",
        roles=("admin", "operator"),
        read=_read,
    ),
)
