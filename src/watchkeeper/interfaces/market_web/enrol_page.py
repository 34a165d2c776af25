"""The enrolment page: plain, without scripts, for any phone."""

from __future__ import annotations

import segno
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from watchkeeper.interfaces.market_web import strict
from watchkeeper.interfaces.market_web.accounts import awaited, finish
from watchkeeper.interfaces.market_web.auth import may, services
from watchkeeper.interfaces.market_web.templating import TEMPLATES
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import enrolment, totp

router = APIRouter(include_in_schema=False)


def _page(name: str, *, status: int = 200, **values: object) -> HTMLResponse:
    return HTMLResponse(TEMPLATES.get_template(name).render(**values), status)


def _form(
    invitation: enrolment.Invitation, *, status: int, refused: str, entered: dict[str, str]
) -> Response:
    secret = invitation.totp_secret
    code = None if secret is None else segno.make(totp.uri(secret, alias=invitation.alias), micro=False)
    return _page(
        "enrol.html",
        status=status,
        invitation=invitation,
        qr="" if code is None else code.svg_data_uri(scale=5, border=2),
        refused=refused,
        entered=entered,
    )


@router.get("/enrol/{token}", openapi_extra=may())
def form(token: str, request: Request) -> Response:
    """The form behind a link."""
    handles = services(request).handles()
    try:
        invitation = enrolment.look(handles.identities, token, at=services(request).clock.now())
    except Refusal as refusal:
        return _page(
            "enrolled.html",
            status=refusal.status,
            title="This link does not work",
            text=refusal.detail,
            codes=[],
        )
    if invitation.used and not awaited(services(request), invitation):
        return _page(
            "enrolled.html",
            title="You are enrolled",
            text="This link was used. Sign in with your alias and password.",
            codes=[],
        )
    return _form(invitation, status=200, refused="", entered={})


@router.post("/enrol/{token}", openapi_extra=may())
async def submit(token: str, request: Request) -> Response:
    """Enrol from the form."""
    fields = await strict.form(request, fields_max=10)
    return await run_in_threadpool(_submit, token, request, fields)


def _submit(token: str, request: Request, fields: dict[str, str]) -> Response:
    market = services(request)
    try:
        invitation = enrolment.look(market.handles().identities, token, at=market.clock.now())
    except Refusal as refusal:
        return _page(
            "enrolled.html",
            status=refusal.status,
            title="This link does not work",
            text=refusal.detail,
            codes=[],
        )
    person = enrolment.Person(
        name=fields.get("name", ""),
        phone=fields.get("phone", "").strip(),
        email=fields.get("email", "").strip(),
        password=fields.get("password", ""),
        code=fields.get("code", "").replace(" ", ""),
    )
    try:
        codes, alias = finish(market, token, person)
    except Refusal as refusal:
        entered = {name: fields.get(name, "") for name in ("name", "phone", "email")}
        return _form(invitation, status=refusal.status, refused=refusal.detail, entered=entered)
    return _page(
        "enrolled.html",
        status=201,
        title="You are enrolled",
        text=f"Your alias is {alias}. You sign in with it and your password.",
        codes=codes,
    )
