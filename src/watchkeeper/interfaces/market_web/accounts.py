"""Sessions, enrolment and accounts."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from watchkeeper.base.clock import iso
from watchkeeper.base.utid import base36
from watchkeeper.interfaces.market_web import handing
from watchkeeper.interfaces.market_web.answers import (
    SignedInAs,
)
from watchkeeper.interfaces.market_web.auth import (
    ALL,
    COOKIE,
    IdempotencyKey,
    Services,
    SignedIn,
    keep_session,
    may,
    run,
)
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.interfaces.market_web.shapes import (
    After,
    Enrolment,
    Invitation,
    Limit,
    PasskeyAnswer,
    SecondFactor,
    SignIn,
)
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.market.commands import Act, ActivateUser, InviteUser
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import enrolment, sessions
from watchkeeper.market.signin.passkeys import Assertion
from watchkeeper.market.signin.sign_in import address_of

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["accounts"])


def address(request: Request) -> str:
    """Where a request comes from, for throttling."""
    return address_of(None if request.client is None else request.client.host)


def assertion(answer: PasskeyAnswer | None) -> Assertion | None:
    """A passkey's answer as sign-in takes it."""
    return None if answer is None else Assertion(**answer.model_dump())


@router.post("/sessions", status_code=201, response_model=SignedInAs, openapi_extra=may())
def sign_in(body: SignIn, request: Request, response: Response, services: Services) -> dict[str, object]:
    """Sign in. The token goes into an HttpOnly cookie and into the answer, for programs."""
    token, user = services.handles().gatekeeper.sign_in(
        alias=body.alias,
        password=body.password,
        code=body.code,
        address=address(request),
        passkey=assertion(body.passkey),
    )
    keep_session(response, request, token)
    return {"token": token, "alias": user.alias, "role": user.role}


@router.get("/sessions/current", openapi_extra=may(*ALL))
def current(session: SignedIn, services: Services) -> dict[str, object]:
    """Who is signed in."""
    return {
        "alias": session.user.alias,
        "role": session.user.role,
        "second_factor_fresh": session.fresh(at=services.clock.now()),
        "began_at": iso(session.created_at),
    }


@router.post("/sessions/current/second-factor", openapi_extra=may("admin", "operator"))
def second_factor(
    body: SecondFactor, request: Request, session: SignedIn, services: Services
) -> dict[str, object]:
    """Give a fresh second factor, a code or a passkey; it counts for five minutes."""
    if (body.code is None) == (body.passkey is None):
        raise Refusal("validation-failed", "Give the six digits or a passkey, one of the two.", field="code")
    services.handles().gatekeeper.refresh(
        session,
        code=body.code or "",
        address=address(request),
        passkey=assertion(body.passkey),
    )
    return {"fresh_for_seconds": sessions.FRESH_SECONDS}


@router.delete("/sessions/current", status_code=204, openapi_extra=may(*ALL))
def sign_out(response: Response, session: SignedIn, services: Services) -> None:
    """Sign out."""
    sessions.end(services.handles().identities, session, at=services.clock.now())
    response.delete_cookie(COOKIE, path="/")


@router.get("/enrolments/{token}", openapi_extra=may())
def look_at_enrolment(token: str, services: Services) -> dict[str, object]:
    """What an enrolment link is for."""
    invitation = enrolment.look(services.handles().identities, token, at=services.clock.now())
    return {
        "alias": invitation.alias,
        "role": invitation.role,
        "totp_secret": invitation.totp_secret if not invitation.used else None,
    }


@router.post("/enrolments/{token}", status_code=201, openapi_extra=may())
def enrol(token: str, body: Enrolment, services: Services) -> dict[str, object]:
    """Enrol: the account becomes active."""
    codes, alias = finish(
        services,
        token,
        enrolment.Person(
            name=body.name, phone=body.phone, email=body.email, password=body.password, code=body.code
        ),
    )
    return {"alias": alias, "recovery_codes": codes}


def awaited(services: MarketServices, invitation: enrolment.Invitation) -> bool:
    """Whether the account is not active yet; after a crash its link may be used already, and still works."""
    user = services.handles().books.user(invitation.user_id)
    return user is not None and user.status == "invited"


def finish(services: MarketServices, token: str, person: enrolment.Person) -> tuple[list[str], str]:
    """Write the person, then activate the account; the recovery codes and the alias."""
    handles = services.handles()
    invitation = enrolment.look(handles.identities, token, at=services.clock.now())
    still_invited = awaited(services, invitation)
    codes = enrolment.finish(
        handles.identities, token, person, still_invited=still_invited, clock=services.clock
    )
    if still_invited:
        services.run(
            Act(command=ActivateUser(), actor_id=invitation.user_id, command_id=f"enrol-{base36(16)}")
        )
    return codes, invitation.alias


@router.post("/users", status_code=201, openapi_extra=may("admin"))
def invite(body: Invitation, session: SignedIn, services: Services, key: IdempotencyKey) -> dict[str, object]:
    """Invite somebody. The answer to the first request holds the enrolment link; it is shown only then."""
    answer = run(services, session, InviteUser(role=body.role, reason=body.reason), key)
    user = services.handles().books.user(int(str(answer.body["user_id"])))
    if user is None:
        raise Refusal("user-not-found", "There is no such account.")
    found: dict[str, object] = {"utid": answer.utid, "alias": user.alias, "role": user.role}
    # Asked again at once, a new link replaces the old one: the first answer may never have arrived.
    if user.status == "invited" and handing.first_answer(services, answer, user):
        found["enrolment"] = handing.link(services, user)
    return found


@router.get("/users", openapi_extra=may("admin", "operator"))
def users(session: SignedIn, services: Services, after: After = 0, limit: Limit = 50) -> dict[str, object]:
    """Accounts, by alias. No identity is here."""
    found = services.handles().books.users(after=after, limit=limit)
    return {
        "users": [{"alias": user.alias, "role": user.role, "status": user.status} for user in found],
        "next": found[-1].id if found else None,
    }
