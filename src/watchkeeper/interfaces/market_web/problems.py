"""Errors as RFC 9457 problems: what is wrong, what to do next, and nothing about anybody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from watchkeeper.base.clock import Instant, iso
from watchkeeper.base.database import DatabaseError, ValueUnfit
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.interfaces.market_web import auth
from watchkeeper.market.pace import PaceExceeded
from watchkeeper.market.refusals import STATUS, Refusal

TYPE = "https://watchkeeper.invalid/problems/"
MEDIA_TYPE = "application/problem+json"
_FIELDS_MAX = 10
_log = structlog.get_logger()


def problem(
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    status: int | None = None,
    more: Mapping[str, str | int] | None = None,
) -> Response:
    """A problem document with the status that belongs to its code; `more` are members of its own kind (RFC 9457, 3.2)."""
    number = STATUS[code] if status is None else status
    body: dict[str, object] = {
        "type": f"{TYPE}{code}",
        "title": code.replace("-", " "),
        "status": number,
        "detail": detail,
    }
    body |= more or {}
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, number, dict(headers or {}), MEDIA_TYPE)


def refused(refusal: Refusal) -> Response:
    """A refusal of the market as a problem."""
    headers: dict[str, str] = {}
    if refusal.retry_after_seconds is not None:
        headers["retry-after"] = str(refusal.retry_after_seconds)
    errors = [{"field": refusal.field, "detail": refusal.detail}] if refusal.field else []
    more: dict[str, str | int] = {}
    if refusal.resets_at is not None:
        more["resets_at"] = iso(Instant(refusal.resets_at))
    if isinstance(refusal, PaceExceeded):
        more["limit"] = refusal.limit.name
        more["limit_max"] = refusal.limit.accepted_max
        more["window_seconds"] = refusal.limit.window_seconds
    return problem(refusal.code, refusal.detail, errors=errors, headers=headers, more=more)


def install(app: FastAPI) -> None:
    """Have every error leave as a problem."""

    @app.exception_handler(Refusal)
    def on_refusal(request: Request, error: Refusal) -> Response:
        auth.counted(request, error)
        return refused(error)

    @app.exception_handler(RequestValidationError)
    def on_shape(request: Request, error: RequestValidationError) -> Response:
        auth.counted(request, Refusal("validation-failed", "The request does not have the right form."))
        errors = [
            {
                "field": ".".join(str(part) for part in item["loc"][1:])[:100] or str(item["loc"][0]),
                "detail": str(item["msg"])[:200],
            }
            for item in error.errors()[:_FIELDS_MAX]
        ]
        return problem("validation-failed", "The request does not have the right form.", errors=errors)

    @app.exception_handler(HTTPException)
    def on_http(_: Request, error: HTTPException) -> Response:
        code = {404: "not-found", 405: "method-not-allowed", 413: "request-too-large"}.get(
            error.status_code, "validation-failed"
        )
        details = {
            "not-found": "There is nothing here. See /openapi.json for what there is.",
            "method-not-allowed": "This cannot be done here. See /openapi.json for what can.",
        }
        headers = dict(error.headers or {})
        return problem(code, details.get(code, "The request does not have the right form."), headers=headers)

    @app.exception_handler(ValueUnfit)
    def on_value(_: Request, __: Exception) -> Response:
        return problem("validation-failed", "The request holds a value that nothing in the books can have.")

    @app.exception_handler(DatabaseError)
    @app.exception_handler(GateUnreadable)
    @app.exception_handler(GateBusy)
    def on_store(_: Request, error: Exception) -> Response:
        _log.error("store.unavailable", error=type(error).__name__, detail=str(error))
        return problem(
            "capability-blocked", "The market cannot vouch for its state right now. The operator is told."
        )
