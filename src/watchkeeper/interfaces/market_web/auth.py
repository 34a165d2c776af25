"""Who is asking: a session by bearer token or by cookie, and the roles that each route declares."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from watchkeeper.base import canonical
from watchkeeper.base.utid import base36
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.market.commands import Act, Answer, Command
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import sessions
from watchkeeper.market.signin.sessions import Session

COOKIE = "wk_session"
ALL = ("farmer", "trader", "buyer", "admin", "operator")
_ROLES_KEY = "x-roles"
_SESSION_KEY = "watchkeeper.session"


class RouteWithoutRoles(RuntimeError):
    """A route does not say who may call it. The server does not start."""


def services(request: Request) -> MarketServices:
    """What the routes work with."""
    return cast("MarketServices", request.app.state.services)


async def _services(request: Request) -> MarketServices:
    # What waits for nothing needs no thread.
    return services(request)


Services = Annotated[MarketServices, Depends(_services)]


def _token(request: Request) -> str:
    authorization = request.headers.get("authorization", "")
    if authorization:
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Refusal("unauthenticated", "Sign in first; send the token as a bearer token.")
        return token.strip()
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        raise Refusal("unauthenticated", "Sign in first.")
    if request.method not in ("GET", "HEAD") and not same_origin(request):
        raise Refusal("not-authorized", "This request comes from another site.")
    return cookie


def same_origin(request: Request) -> bool:
    """Whether a request that changes something comes from our own pages."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] == request.headers.get("host")


def from_our_page(request: Request, *, token: str, mark: str) -> bool:
    """Whether a form comes from our own page: it bears the mark of `token`, and the browser names no other site.

    Over plain HTTP and without a referrer browsers name none at all, so the mark must always be there.
    """
    named = request.headers.get("sec-fetch-site") is not None or request.headers.get("origin") not in (
        None,
        "null",
    )
    return hmac.compare_digest(mark.encode(), csrf(token).encode()) and (not named or same_origin(request))


def csrf(token: str) -> str:
    """The mark that every form of a session carries."""
    return canonical.digest(b"csrf" + token.encode("utf-8", "replace"))


def keep_session(response: Response, request: Request, token: str) -> None:
    """Put a session's token into its cookie: out of reach for scripts and other sites, over TLS only where there is TLS."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=sessions.LIFE_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path="/",
    )


def may(*roles: str) -> dict[str, object]:
    """A route's declaration of who may call it; none of them means everyone, signed in or not."""
    return {_ROLES_KEY: list(roles)}


def roles_of(route: APIRoute) -> list[str]:
    """Who may call a route; empty when everyone may."""
    found = (route.openapi_extra or {}).get(_ROLES_KEY, [])
    return [str(role) for role in found]


async def let_in(request: Request, allowed: list[str]) -> Session:
    """The session, for a role that is allowed; raises `Refusal`. Found once for a request."""
    found = request.scope.get(_SESSION_KEY)
    if isinstance(found, Session):
        return found
    return await run_in_threadpool(session_of, request, allowed)


def session_of(request: Request, allowed: Collection[str]) -> Session:
    """The same from a thread of its own, looked up anew."""
    market = services(request)
    handles = market.handles()
    session = sessions.find(handles.identities, handles.books, _token(request), clock=market.clock)
    check_role(market, session, allowed)
    remember(request, session)
    return session


def check_role(market: MarketServices, session: Session, allowed: Collection[str]) -> None:
    """Raise `Refusal` when the session's role is not among these; it is counted."""
    if session.user.role not in allowed:
        code, words = "invalid-role", "Your role may not do this."
        if list(allowed) == ["admin"]:
            code, words = "not-admin", "Only an admin may do this."
        refusal = Refusal(code, words)
        market.intake.note_denied(actor=session.user.alias, refusal=refusal)
        raise refusal


def remember(request: Request, session: Session) -> None:
    """Whose request this is, for those who look at it later."""
    request.scope[_SESSION_KEY] = session


def counted(request: Request, refusal: Refusal) -> None:
    """Count what was refused to somebody who is signed in, and the hit of its limit, unless it is counted already."""
    session = request.scope.get(_SESSION_KEY)
    if isinstance(session, Session):
        services(request).intake.note_denied(actor=session.user.alias, refusal=refusal)


async def signed_in(request: Request) -> Session:
    """The session, for a role that the route lets in; raises `Refusal`."""
    route = request.scope["route"]
    return await let_in(request, roles_of(route) if isinstance(route, APIRoute) else [])


SignedIn = Annotated[Session, Depends(signed_in)]
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="A text of your own choice for this request; sent again, it gets the first answer.",
    ),
]


def require_fresh(session: Session, services: MarketServices) -> None:
    """Raise `Refusal` second-factor-required unless the second factor was given a moment ago."""
    if not session.fresh(at=services.clock.now()):
        raise Refusal(
            "second-factor-required",
            "Give a fresh code of your second factor first: POST /v1/sessions/current/second-factor.",
        )


def run(services: MarketServices, session: Session, command: Command, key: str) -> Answer:
    """Run a command of this session under its idempotency key."""
    body = canonical.digest(canonical.encode([command.name, command.arguments()]))
    return services.run(
        Act(
            command=command,
            actor_id=session.user.id,
            command_id=base36(24),
            session_generation=session.generation,
            idempotency_key=key,
            body_digest=body,
        )
    )


def check_declared(router: APIRouter) -> None:
    """Raise `RouteWithoutRoles` when a route or a page does not declare who may call it."""
    for route in router.routes:
        if isinstance(route, APIRoute) and _ROLES_KEY not in (route.openapi_extra or {}):
            raise RouteWithoutRoles(f"{RouteWithoutRoles.__doc__} It is {route.path}.")
