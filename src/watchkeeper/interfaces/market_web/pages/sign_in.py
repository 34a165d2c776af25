"""Signing in, and a new password with a code that was handed over: the pages for those who have no session yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from watchkeeper.base import canonical
from watchkeeper.interfaces.market_web import accounts, people, strict
from watchkeeper.interfaces.market_web.auth import (
    COOKIE,
    csrf,
    from_our_page,
    keep_session,
    may,
    services,
)
from watchkeeper.interfaces.market_web.pages import entered
from watchkeeper.interfaces.market_web.pages.rendering import HOMES, new_key, refused, render
from watchkeeper.interfaces.market_web.pages.routing import FIELDS_MAX, guarded, presses
from watchkeeper.interfaces.market_web.shapes import PasswordReset, SignIn
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import sessions, tokens

#: Ties a form to the browser that was given it, before there is a session to tie it to.
ENTRY_COOKIE = "wk_entry"


def add_to(router: APIRouter) -> None:
    """Put the pages that need no session at their addresses."""
    router.add_api_route("/", entrance, methods=["GET"], openapi_extra=may(), response_model=None)
    for path, form, act in (("/sign-in", sign_in_form, _sign_in), ("/reset", reset_form, _reset)):
        router.add_api_route(path, form, methods=["GET"], openapi_extra=may(), response_model=None)
        router.add_api_route(path, _posted(act), methods=["POST"], openapi_extra=may(), response_model=None)


def entrance(request: Request) -> Response:
    """To the home of whoever is signed in, or to the sign-in."""
    token = request.cookies.get(COOKIE, "")

    def found() -> Response:
        handles = services(request).handles()
        session = sessions.find(handles.identities, handles.books, token, clock=services(request).clock)
        return RedirectResponse(HOMES[session.user.role], 303)

    return guarded(request, found) if token else RedirectResponse("/sign-in", 303)


def sign_in_form(request: Request) -> Response:
    """The form to sign in."""
    said = {
        "ended": "Your session has ended. Sign in again.",
        "out": "You are signed out.",
        "new": "Your password is changed. Sign in with it.",
    }
    words = [text for name, text in said.items() if request.query_params.get(name) == "yes"]
    return _form("sign_in.html", request, title="Sign in", said=words[0] if words else "")


def reset_form(request: Request) -> Response:
    """The form for a new password."""
    return _form("reset.html", request, title="A new password")


def _form(
    template: str,
    request: Request,
    *,
    title: str,
    said: str = "",
    problem: str = "",
    fields: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    entry = request.cookies.get(ENTRY_COOKIE) or tokens.draw()
    values = {
        "title": title,
        "said": said,
        "refused": problem,
        "alias": (fields or {}).get("alias", ""),
        "csrf": csrf(entry),
        "key": new_key(),
        "home": "",
    }
    response = render(template, values, status=status)
    response.set_cookie(
        ENTRY_COOKIE,
        entry,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )
    return response


Acted = Callable[[Request, dict[str, str]], Response]


def _posted(act: Acted) -> Callable[[Request], object]:
    def checked(request: Request, fields: dict[str, str]) -> Response:
        entry = request.cookies.get(ENTRY_COOKIE, "")
        if not entry or not from_our_page(request, token=entry, mark=fields.pop("csrf", "")):
            raise Refusal("not-authorized", "This did not come from our own page. Load the page again.")
        return act(request, fields)

    async def posted(request: Request) -> Response:
        try:
            fields = await strict.form(request, fields_max=FIELDS_MAX)
        except Refusal as refusal:
            return refused(refusal.detail, status=refusal.status)
        return await run_in_threadpool(guarded, request, lambda: checked(request, fields))

    return posted


def _pressed(request: Request, fields: Mapping[str, str]) -> str:
    """The same for the same form with the same values only, and nothing that could be read back."""
    return canonical.digest(canonical.encode([request.cookies.get(ENTRY_COOKIE, ""), dict(fields)]))


def _sign_in(request: Request, fields: dict[str, str]) -> Response:
    pressed = _pressed(request, fields)
    fields.pop("key", None)

    def enter() -> str:
        body: SignIn = entered.read(SignIn, fields | {"code": fields.get("code", "").replace(" ", "")})
        token, user = (
            services(request)
            .handles()
            .gatekeeper.sign_in(
                alias=body.alias, password=body.password, code=body.code, address=accounts.address(request)
            )
        )
        return f"{token} {HOMES[user.role]}"

    try:
        token, _, home = presses(request).once(pressed, enter).partition(" ")
    except Refusal as refusal:
        return _refusal("sign_in.html", request, fields, refusal, title="Sign in")
    response = RedirectResponse(home, 303)
    keep_session(response, request, token)
    response.delete_cookie(ENTRY_COOKIE, path="/")
    return response


def _reset(request: Request, fields: dict[str, str]) -> Response:
    pressed = _pressed(request, fields)
    fields.pop("key", None)

    def change() -> str:
        body: PasswordReset = entered.read(PasswordReset, fields)
        return str(people.reset(body, request, services(request))["alias"])

    try:
        presses(request).once(pressed, change)
    except Refusal as refusal:
        return _refusal("reset.html", request, fields, refusal, title="A new password")
    return RedirectResponse("/sign-in?new=yes", 303)


def _refusal(
    template: str, request: Request, fields: Mapping[str, str], refusal: Refusal, *, title: str
) -> Response:
    response = _form(
        template, request, title=title, problem=refusal.detail, fields=fields, status=refusal.status
    )
    if refusal.retry_after_seconds is not None:
        response.headers["retry-after"] = str(refusal.retry_after_seconds)
    return response
