"""From an address to a page: who asks, may they, what is shown, what is done, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from watchkeeper.base.database import DatabaseError, ValueUnfit
from watchkeeper.base.utid import UTID_FORM
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.interfaces.market_web import strict
from watchkeeper.interfaces.market_web.auth import (
    COOKIE,
    RouteWithoutRoles,
    check_role,
    counted,
    csrf,
    from_our_page,
    may,
    remember,
    services,
)
from watchkeeper.interfaces.market_web.pages import entered
from watchkeeper.interfaces.market_web.pages.presses import Presses
from watchkeeper.interfaces.market_web.pages.rendering import HOMES, refused, render
from watchkeeper.interfaces.market_web.pages.visit import Act, Page, Visit
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import sessions

FIELDS_MAX = 20
_KEY = re.compile(r"[0-9a-z]{24}")
_UTID = re.compile(UTID_FORM)
#: What belongs to the form itself and not to what it does.
_MARKS = frozenset({"csrf", "key", "action", "form"})
#: Never sent back into a page.
_SECRETS = frozenset({"code", "password", "old_password"})
_STORE = "The market cannot vouch for its state right now. The operator is told. Try again in a while."
_log = structlog.get_logger()


def add(router: APIRouter, page: Page) -> None:
    """Put a page at its address; raises `RouteWithoutRoles` when it does not say who may see it."""
    if not page.roles:
        raise RouteWithoutRoles(f"{RouteWithoutRoles.__doc__} It is {page.path}.")

    def shown(request: Request) -> Response:
        return guarded(request, lambda: _shown(page, request))

    async def acted(request: Request) -> Response:
        try:
            fields = await strict.form(request, fields_max=FIELDS_MAX)
        except Refusal as refusal:
            return refused(refusal.detail, status=refusal.status)
        return await run_in_threadpool(guarded, request, lambda: _acted(page, request, fields))

    declared = may(*page.roles)
    router.add_api_route(page.path, shown, methods=["GET"], openapi_extra=declared, response_model=None)
    if page.acts:
        router.add_api_route(page.path, acted, methods=["POST"], openapi_extra=declared, response_model=None)


def add_file(router: APIRouter, path: str, roles: tuple[str, ...], give: Callable[[Visit], Response]) -> None:
    """Put a file at its address, for these roles; whoever is signed out signs in first."""

    def given(request: Request) -> Response:
        return guarded(request, lambda: give(_enter(roles, request)))

    router.add_api_route(path, given, methods=["GET"], openapi_extra=may(*roles), response_model=None)


def presses(request: Request) -> Presses:
    """The presses that this process remembers."""
    return cast("Presses", request.app.state.presses)


def guarded(request: Request, handler: Callable[[], Response]) -> Response:
    """The answer of a handler, and what a person reads when there is none."""
    try:
        return handler()
    except Refusal as refusal:
        counted(request, refusal)
        if refusal.code in ("unauthenticated", "session-expired"):
            return RedirectResponse("/sign-in" + ("?ended=yes" if request.cookies.get(COOKIE) else ""), 303)
        return _with_retry(refused(refusal.detail, status=refusal.status), refusal)
    except ValueUnfit:
        return refused("This holds a value that nothing in the books can have.", status=422)
    except (DatabaseError, GateUnreadable, GateBusy) as error:
        _log.error("store.unavailable", error=type(error).__name__, detail=str(error))
        return refused(_STORE, status=503)


def _with_retry(response: Response, refusal: Refusal) -> Response:
    if refusal.retry_after_seconds is not None:
        response.headers["retry-after"] = str(refusal.retry_after_seconds)
    return response


def _enter(roles: tuple[str, ...], request: Request) -> Visit:
    """Who asks, in a role that may; raises `Refusal` before anything is looked up."""
    token = request.cookies.get(COOKIE, "")
    if not token:
        raise Refusal("unauthenticated", "Sign in first.")
    market = services(request)
    handles = market.handles()
    session = sessions.find(handles.identities, handles.books, token, clock=market.clock)
    check_role(market, session, roles)
    remember(request, session)
    return Visit(request=request, services=market, session=session, token=token, csrf=csrf(token))


def _render(page: Page, visit: Visit, *, status: int = 200) -> Response:
    done = _done(page, visit) if visit.request.method == "GET" else None
    values = {
        "visit": visit,
        "page": page,
        "title": page.title,
        "home": visit.home,
        "done": done,
        "refused": visit.refused,
        "homes": HOMES,
    }
    found = dict(page.read(visit))
    # What a page reads may be what is not there, and the page as a whole says so.
    said = found.pop("status", None)
    return render(page.template, {**values, **found}, status=said if isinstance(said, int) else status)


def _shown(page: Page, request: Request) -> Response:
    return _render(page, _enter(page.roles, request))


def _done(page: Page, visit: Visit) -> Mapping[str, str] | None:
    """What the address says was done; an act of somebody else, or none, is not believed."""
    act = page.acts.get(visit.request.query_params.get("did", ""))
    if act is None:
        return None
    utid = visit.request.query_params.get("utid", "")
    if not utid:
        return {"said": act.said, "utid": ""} if act.caught_here else None
    if not _UTID.fullmatch(utid):
        return None
    row = visit.services.handles().books.database.one("SELECT actor_id FROM journal WHERE utid = ?", (utid,))
    # A switch that was flipped a moment ago is in force and not in the journal yet.
    mine = act.caught_here if row is None else int(str(row[0])) == visit.session.user.id
    return {"said": act.said, "utid": utid} if mine else None


def _acted(page: Page, request: Request, fields: dict[str, str]) -> Response:
    visit = _enter(page.roles, request)
    if not from_our_page(request, token=visit.token, mark=fields.get("csrf", "")):
        raise Refusal("not-authorized", "This did not come from our own page. Load the page again.")
    name = fields.get("action", "")
    act = page.acts.get(name)
    if act is None or not _KEY.fullmatch(fields.get("key", "")):
        raise Refusal("validation-failed", "This form has changed. Load the page again.")
    if act.roles is not None:
        check_role(visit.services, visit.session, act.roles)
    visit.key = fields["key"]
    try:
        outcome = _do(act, visit, {key: text for key, text in fields.items() if key not in _MARKS})
    except Refusal as refusal:
        if refusal.code == "session-expired":
            raise
        counted(request, refusal)
        return _again(page, visit, fields, refusal)
    if isinstance(outcome, Response):
        return outcome
    kept = {key: text for key in page.keeps if (text := request.query_params.get(key)) is not None}
    answer = {"did": name} | ({"utid": outcome} if outcome else {})
    return RedirectResponse(f"{page.path}?{urlencode(kept | answer)}", 303)


def _do(act: Act, visit: Visit, fields: dict[str, str]) -> str | Response:
    if act.needs_fresh:
        visit.freshen(fields.pop("code", ""))
    body = entered.read(act.shape, fields)
    if not act.caught_here:
        return act.do(visit, body)
    return presses(visit.request).once(f"{visit.session.id} {visit.key}", lambda: _words(act.do(visit, body)))


def _words(outcome: str | Response) -> str:
    if isinstance(outcome, Response):
        raise TypeError("what is shown once is not kept")
    return outcome


def _again(page: Page, visit: Visit, fields: dict[str, str], refusal: Refusal) -> Response:
    """The page that the form came from, with what was entered and why it was refused."""
    visit.form = fields.get("form", "")
    visit.entered = {key: text for key, text in fields.items() if key not in _MARKS | _SECRETS}
    visit.refused = refusal.detail
    visit.refused_field = refusal.field or ""
    visit.keeps_key = refusal.code == "busy"
    return _with_retry(_render(page, visit, status=refusal.status), refusal)
