"""Comparing a provider's statement with the books, and what comparisons found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from watchkeeper.base import canonical
from watchkeeper.base.clock import SECONDS_PER_HOUR, Instant, NotADay, day_begins, later
from watchkeeper.base.utid import base36
from watchkeeper.interfaces.market_web.auth import IdempotencyKey, Services, SignedIn, may
from watchkeeper.interfaces.market_web.shapes import After, Before, Limit, NewReconciliation, Utid
from watchkeeper.interfaces.market_web.strict import StatementRoute
from watchkeeper.interfaces.market_web.trade import shown
from watchkeeper.market.commands import Act, Answer, Command, Reconcile
from watchkeeper.market.reconciliation import reading, running
from watchkeeper.market.reconciliation.maps import BUILT_IN, ColumnMap, MapWrong, from_document
from watchkeeper.market.reconciliation.statements import Statement, StatementWrong, parse
from watchkeeper.market.refusals import Refusal

router = APIRouter(route_class=StatementRoute, prefix="/v1", tags=["reconciliations"])

Kind = Annotated[
    str,
    Query(
        pattern="^(matched|missing_in_books|missing_in_statement|different)?$",
        description="Items of one kind; of every kind when left out.",
    ),
]


@router.post("/reconciliations", status_code=201, openapi_extra=may("admin", "operator"))
def reconcile(
    body: NewReconciliation, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Compare a statement with the books and keep what is found; the same statement again is answered the same.

    Longer statements than a request holds are compared at the command line: `watchkeeper reconcile`.
    """
    statement = _statement(body)
    database = services.handles().books.database

    def send(commands: list[Command]) -> list[Answer]:
        return [services.run(_act(command, session, key)) for command in commands]

    utid = running.reconcile(database, statement, send)
    return _shown(_found(services, utid))


@router.get("/reconciliations", openapi_extra=may("admin", "operator"))
def reconciliations(
    session: SignedIn, services: Services, before: Before = None, limit: Limit = 50
) -> dict[str, object]:
    """Comparisons that were made, newest first."""
    rows = reading.runs(services.handles().books.database, before=before, limit=limit)
    return {"reconciliations": [_shown(row) for row in rows], "next": rows[-1]["id"] if rows else None}


@router.get("/reconciliations/{utid}", openapi_extra=may("admin", "operator"))
def reconciliation(
    utid: Utid,
    session: SignedIn,
    services: Services,
    kind: Kind = "",
    after: After = 0,
    limit: Limit = 50,
) -> dict[str, object]:
    """One comparison and its items, in the order of the statement; last those that the statement lacks."""
    run = _found(services, utid)
    rows = reading.items(
        services.handles().books.database, int(str(run["id"])), kind=kind or None, after=after, limit=limit
    )
    return _shown(run) | {
        "items": [shown(row) for row in rows],
        "next": rows[-1]["number"] if rows else None,
    }


def _found(services: Services, utid: str) -> dict[str, object]:
    run = reading.run(services.handles().books.database, utid)
    if run is None:
        raise Refusal("reconciliation-not-found", "There is no such reconciliation.")
    return run


def _shown(run: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in shown(run).items() if name != "id"}


def _act(command: Command, session: SignedIn, key: str) -> Act:
    """The first act is the request's own, under its key; the parts that follow have their own order."""
    first = isinstance(command, Reconcile)
    # Counts and journal number are those of the moment and no part of what was asked.
    asked = [
        value
        for name, value in command.arguments().items()
        if name in ("provider", "since", "until", "file_digest", "map_digest")
    ]
    return Act(
        command=command,
        actor_id=session.user.id,
        command_id=base36(24),
        session_generation=session.generation,
        idempotency_key=key if first else None,
        body_digest=canonical.digest(canonical.encode([command.name, *asked])) if first else None,
    )


def _statement(body: NewReconciliation) -> Statement:
    if (body.map is None) == (body.own_map is None):
        raise Refusal("validation-failed", "Name one of map and own_map.", field="map")
    try:
        return parse(
            body.statement.encode("utf-8"),
            _map(body),
            first=_day(body.first_day, "first_day", hours=0),
            end=_day(body.last_day, "last_day", hours=24),
        )
    except StatementWrong as error:
        raise Refusal("validation-failed", str(error), field="statement") from error


def _map(body: NewReconciliation) -> ColumnMap:
    if body.map is not None:
        return BUILT_IN[body.map]
    document = {} if body.own_map is None else body.own_map.model_dump(exclude_none=True)
    try:
        return from_document(document)
    except MapWrong as error:
        raise Refusal("validation-failed", str(error), field="own_map") from error


def _day(text: str, field: str, *, hours: int) -> Instant | None:
    try:
        return later(day_begins(text), seconds=hours * SECONDS_PER_HOUR) if text else None
    except NotADay as error:
        raise Refusal("validation-failed", str(error), field=field) from error
