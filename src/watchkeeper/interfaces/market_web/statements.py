"""Statements: what one's own account did in a time, for programs, for spreadsheets and on paper."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.responses import Response

from watchkeeper.base.clock import (
    FIRST_INSTANT,
    LAST_INSTANT,
    SECONDS_PER_HOUR,
    NotADay,
    day_begins,
    later,
)
from watchkeeper.interfaces.market_web.auth import Services, SignedIn, may
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.interfaces.market_web.shapes import Alias
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.interfaces.market_web.templating import TEMPLATES
from watchkeeper.market.accounting.statement import Statement, statement
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import User

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["statements"])

Day = Annotated[
    str,
    Query(
        pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="YYYY-MM-DD in Kampala; open when left out."
    ),
]


Ledger = Annotated[
    str,
    Query(
        pattern="^(wallet|farmer)?$",
        description="That of an earlier role, by name; the present role's when left out.",
    ),
]
#: A buyer reads no amount, not even an own one of before.
ROLES = ("trader", "farmer", "admin")


def of(user: User, services: MarketServices, first_day: str, last_day: str, ledger: str) -> Statement:
    """An account's statement from the first day to the last, both included; raises `Refusal`."""
    try:
        since = day_begins(first_day) if first_day else FIRST_INSTANT
    except NotADay as error:
        raise Refusal("validation-failed", str(error), field="first_day") from error
    try:
        until = later(day_begins(last_day), seconds=24 * SECONDS_PER_HOUR) if last_day else LAST_INSTANT
    except NotADay as error:
        raise Refusal("validation-failed", str(error), field="last_day") from error
    database = services.handles().books.database
    return statement(database, user, since=since, until=until, ledger=ledger)


def csv_of(found: Statement) -> Response:
    """A statement as a file to keep."""
    headers = {"content-disposition": f'attachment; filename="statement-{found.alias}.csv"'}
    return StreamingResponse(found.csv(), headers=headers, media_type="text/csv; charset=utf-8")


@router.get("/statement", openapi_extra=may(*ROLES))
def as_document(
    session: SignedIn, services: Services, first_day: Day = "", last_day: Day = "", ledger: Ledger = ""
) -> dict[str, object]:
    """What stood before, each entry, and what stands after; both days are included."""
    return of(session.user, services, first_day, last_day, ledger).document()


@router.get(
    "/statement.csv",
    openapi_extra=may(*ROLES),
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def as_csv(
    session: SignedIn, services: Services, first_day: Day = "", last_day: Day = "", ledger: Ledger = ""
) -> Response:
    """The same as CSV."""
    return csv_of(of(session.user, services, first_day, last_day, ledger))


@router.get("/statement.html", openapi_extra=may(*ROLES), response_class=HTMLResponse)
def as_page(
    session: SignedIn, services: Services, first_day: Day = "", last_day: Day = "", ledger: Ledger = ""
) -> Response:
    """The same as a page to print."""
    found = of(session.user, services, first_day, last_day, ledger)
    values = {
        "statement": found,
        "first_day": first_day,
        "last_day": last_day,
        "issued": services.clock.now(),
    }
    return HTMLResponse(TEMPLATES.get_template("statement.html").render(values))


@router.get("/users/{alias}/statement", openapi_extra=may("operator"))
def of_an_account(
    alias: Alias,
    session: SignedIn,
    services: Services,
    first_day: Day = "",
    last_day: Day = "",
    ledger: Ledger = "",
) -> dict[str, object]:
    """Anybody's statement; of whoever has another role now, that of before by the ledger's name."""
    user = services.handles().books.user_by_alias(alias)
    if user is None:
        raise Refusal("user-not-found", "There is no such account.")
    return of(user, services, first_day, last_day, ledger).document()
