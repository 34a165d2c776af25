"""The page of one's own passkeys: plain forms, and one script of ours for what only a browser can do."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from watchkeeper.interfaces.market_web import accounts, strict
from watchkeeper.interfaces.market_web.auth import (
    COOKIE,
    counted,
    csrf,
    from_our_page,
    keep_session,
    may,
    require_fresh,
    same_origin,
    services,
    session_of,
)
from watchkeeper.interfaces.market_web.templating import TEMPLATES
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import passkeys

router = APIRouter(include_in_schema=False)

PATH = "/passkeys"
_OWNER_ROLES = ("admin", "operator")
_OWNERS = may(*_OWNER_ROLES)
_FIELDS_MAX = 5


def _shown(request: Request, *, refused: Refusal | None = None, alias: str = "") -> Response:
    """The page as it is for whoever asks: their passkeys, or a form to sign in."""
    market = services(request)
    values: dict[str, object] = {
        "refused": refused.detail if refused else "",
        "origin": market.site.origin,
        "alias": alias,
        "session": None,
    }
    status = refused.status if refused else 200
    try:
        session = session_of(request, _OWNER_ROLES)
    except Refusal as refusal:
        # At first nothing is wrong: one is not signed in yet, or not any more, and here is where one does it.
        if refused is None and refusal.code != "unauthenticated":
            values["refused"] = refusal.detail
        if refused is None and refusal.code == "invalid-role":
            status = refusal.status
    else:
        values |= {
            "session": session,
            "csrf": csrf(request.cookies.get(COOKIE, "")),
            "fresh": session.fresh(at=market.clock.now()),
            "passkeys": passkeys.of_user(market.handles().identities, session.user.id),
        }
    headers = (
        {"retry-after": str(refused.retry_after_seconds)} if refused and refused.retry_after_seconds else {}
    )
    return HTMLResponse(TEMPLATES.get_template("passkeys.html").render(**values), status, headers)


@router.get(PATH, openapi_extra=may())
def page(request: Request) -> Response:
    """One's own passkeys."""
    return _shown(request)


async def _sent(
    request: Request, act: Callable[[dict[str, str]], Response | None], *, owners: bool = True
) -> Response:
    """What a form does, and the page after it; a refusal stands on the page. Who may not do it is not heard at all."""
    token = request.cookies.get(COOKIE, "")
    if owners:
        try:
            await run_in_threadpool(session_of, request, _OWNER_ROLES)
        except Refusal as refusal:
            if refusal.status != 401:
                return HTMLResponse(
                    TEMPLATES.get_template("enrolled.html").render(
                        title="Not for you", text=refusal.detail, codes=[]
                    ),
                    refusal.status,
                )
            return RedirectResponse("/sign-in", 303)
    fields = await strict.form(request, fields_max=_FIELDS_MAX)
    if not (
        from_our_page(request, token=token, mark=fields.get("csrf", "")) if owners else same_origin(request)
    ):
        raise Refusal("not-authorized", "This request comes from another site.")

    def done() -> Response:
        try:
            answer = act(fields)
        except Refusal as refusal:
            counted(request, refusal)
            return _shown(request, refused=refusal, alias=fields.get("alias", ""))
        return RedirectResponse(PATH, 303) if answer is None else answer

    return await run_in_threadpool(done)


@router.post(f"{PATH}/sign-in", openapi_extra=may())
async def enter(request: Request) -> Response:
    """Sign in with the six digits; a passkey goes through the script."""

    def act(fields: dict[str, str]) -> Response:
        token, _ = (
            services(request)
            .handles()
            .gatekeeper.sign_in(
                alias=fields.get("alias", ""),
                password=fields.get("password", ""),
                code=fields.get("code", "").replace(" ", ""),
                address=accounts.address(request),
            )
        )
        answer = RedirectResponse(PATH, 303)
        keep_session(answer, request, token)
        return answer

    return await _sent(request, act, owners=False)


@router.post(f"{PATH}/second-factor", openapi_extra=_OWNERS)
async def freshen(request: Request) -> Response:
    """A fresh second factor by the six digits."""

    def act(fields: dict[str, str]) -> None:
        market = services(request)
        market.handles().gatekeeper.refresh(
            session_of(request, _OWNER_ROLES),
            code=fields.get("code", "").replace(" ", ""),
            address=accounts.address(request),
        )

    return await _sent(request, act)


@router.post(f"{PATH}/removal", openapi_extra=_OWNERS)
async def remove(request: Request) -> Response:
    """Remove one of one's own passkeys."""

    def act(fields: dict[str, str]) -> None:
        market = services(request)
        session = session_of(request, _OWNER_ROLES)
        require_fresh(session, market)
        passkeys.remove(market.handles().identities, session.user.id, fields.get("passkey", ""))

    return await _sent(request, act)
