"""The market's application: routes under `/v1`, the pages, and whether it lives and is ready."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

import watchkeeper
from watchkeeper.base.database import DatabaseError
from watchkeeper.interfaces.market_web import (
    accounts,
    auth,
    boards,
    control,
    enrol_page,
    goods,
    money_out,
    notices,
    offers,
    pages,
    passkeys,
    passkeys_page,
    people,
    problems,
    reconciliations,
    statements,
    trade,
)
from watchkeeper.interfaces.market_web.pages.presses import Presses
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.interfaces.market_web.shapes import Problem
from watchkeeper.interfaces.market_web.strict import Bounds, SecurityHeaders
from watchkeeper.interfaces.market_web.visitors import Named, Visitors
from watchkeeper.market.refusals import STATUS, Refusal

#: What any route may answer besides its own; each is a problem document.
_ERRORS = sorted({str(status) for status in STATUS.values()})

#: Everything that people and programs ask for, in the document's order.
ROUTERS = (
    accounts.router,
    trade.router,
    goods.router,
    statements.router,
    offers.router,
    money_out.router,
    notices.router,
    reconciliations.router,
    people.router,
    passkeys.router,
    passkeys_page.router,
    boards.router,
    control.router,
    enrol_page.router,
    pages.router,
)


def create_app(market: MarketServices) -> FastAPI:
    """The application; raises `RouteWithoutRoles` when a route does not say who may call it."""
    app = FastAPI(
        title="Farm2Market Uganda",
        version=watchkeeper.__version__,
        summary="Produce, locks and deliveries; amounts in whole UGX, weights in grams.",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.services = market
    app.state.presses = Presses(market.clock)
    problems.install(app)
    for router in ROUTERS:
        auth.check_declared(router)
        app.include_router(router)
    app.add_api_route("/livez", livez, include_in_schema=False, openapi_extra=auth.may())
    app.add_api_route("/readyz", _ready(market), include_in_schema=False, openapi_extra=auth.may())
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    app.state.visitors = Visitors()
    app.add_middleware(Named, visitors=app.state.visitors)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Bounds)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _operation_id(route: APIRoute) -> str:
    """What a generated client calls a route: `trade_pay_to_lock`."""
    tag = str(route.tags[0]).replace(" ", "_") if route.tags else "market"
    return f"{tag}_{route.name}"


def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


def _ready(market: MarketServices) -> Callable[[], Response]:
    def readyz() -> Response:
        """Whether commands can be taken; the reasons when they cannot."""
        reasons: list[str] = []
        try:
            market.handles().books.database.one("SELECT 1")
        except DatabaseError:
            reasons.append("the books cannot be read")
        try:
            market.handles().switching.states()
        except (Refusal, DatabaseError):
            reasons.append("the gate cannot be read")
        if market.lease.silent():
            reasons.append("the watch is silent")
        if not market.intake.alive():
            reasons.append("nothing writes the books")
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    return readyz


def _openapi(app: FastAPI) -> dict[str, object]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            routes=app.routes,
        )
        schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        schema["components"]["securitySchemes"] = {"session": {"type": "http", "scheme": "bearer"}}
        reference = {
            "description": "A problem",
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                for status in _ERRORS:
                    operation["responses"].setdefault(status, reference)
                if operation.get("x-roles"):
                    operation["security"] = [{"session": []}]
        app.openapi_schema = schema
    return app.openapi_schema
