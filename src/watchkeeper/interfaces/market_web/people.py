"""What is done with accounts: roles, suspension, deletion, resets, the phase; and what each person does with their own."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from watchkeeper.base.clock import iso
from watchkeeper.base.utid import base36
from watchkeeper.interfaces.market_web import handing
from watchkeeper.interfaces.market_web.accounts import address
from watchkeeper.interfaces.market_web.auth import (
    ALL,
    COOKIE,
    IdempotencyKey,
    Services,
    SignedIn,
    may,
    require_fresh,
    run,
)
from watchkeeper.interfaces.market_web.shapes import (
    Alias,
    Because,
    ContactData,
    NewPassword,
    NewPhase,
    NewRole,
    PasswordReset,
    SessionId,
)
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.market.commands import (
    Act,
    ChangePassword,
    ChangeRole,
    DeleteUser,
    EndSessions,
    IssueReset,
    ResetPassword,
    ResetSecondFactor,
    SetPhase,
    SuspendUser,
    UnsuspendUser,
)
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import contact, enrolment, erasure, passwords, resets, sessions
from watchkeeper.market.users.rules import PILOT_CAPS

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["people"])


@router.post("/users/{alias}/role", openapi_extra=may("admin"))
def change_role(
    alias: Alias, body: NewRole, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Give somebody another role. Needs a fresh second factor; their sessions end.

    Who becomes an admin without a second factor gets a link to enrol one; it is shown only here.
    """
    require_fresh(session, services)
    handles = services.handles()
    user = handles.books.user_by_alias(alias)
    if user is not None and enrolment.lacks_factor(handles.identities, replace(user, role=body.role)):
        resets.check_may_issue(handles.identities, user.id, at=services.clock.now())
    answer = run(services, session, ChangeRole(account=alias, role=body.role, reason=body.reason), key)
    user = handles.books.user_by_alias(alias)
    found = dict(answer.body)
    lacks = user is not None and user.status == "active" and enrolment.lacks_factor(handles.identities, user)
    if user is not None and lacks and handing.first_answer(services, answer, user):
        found["enrolment"] = handing.link(services, user)
    return found


@router.post("/users/{alias}/suspension", openapi_extra=may("admin", "operator"))
def suspend(
    alias: Alias, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Suspend somebody, at once, whatever else is stopped."""
    return run(services, session, SuspendUser(account=alias, reason=body.reason), key).body


@router.post("/users/{alias}/unsuspension", openapi_extra=may("admin", "operator"))
def unsuspend(
    alias: Alias, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Let somebody act again. Needs a fresh second factor."""
    require_fresh(session, services)
    return run(services, session, UnsuspendUser(account=alias, reason=body.reason), key).body


@router.post("/users/{alias}/deletion", openapi_extra=may("admin"))
def delete(
    alias: Alias, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Delete an account and erase who it was. Needs a fresh second factor."""
    require_fresh(session, services)
    answer = run(services, session, DeleteUser(account=alias, reason=body.reason), key)
    user = services.handles().books.user_by_alias(alias)
    if user is not None and user.status == "deleted":
        # What does not succeed here the housekeeping does.
        erasure.erase(services.handles().identities, user.id)
    return answer.body


@router.post("/users/{alias}/sessions/ending", openapi_extra=may("admin", "operator"))
def end_sessions(
    alias: Alias, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """End every session of somebody."""
    return run(services, session, EndSessions(account=alias, reason=body.reason), key).body


@router.post("/users/{alias}/reset", status_code=201, openapi_extra=may("admin", "operator"))
def issue_reset(
    alias: Alias, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """A one-time code for a new password, to be handed over; it is shown only here. Needs a fresh second factor.

    Who was invited and has not enrolled yet gets a new link instead; the one of before ends.
    """
    require_fresh(session, services)
    handles = services.handles()
    user = handles.books.user_by_alias(alias)
    if user is not None:
        resets.check_may_issue(handles.identities, user.id, at=services.clock.now())
    answer = run(services, session, IssueReset(account=alias, reason=body.reason), key)
    # The account as it is now: a repeated request must not make a code for one that was deleted meanwhile.
    user = handles.books.user_by_alias(alias)
    if user is None or user.status not in ("invited", "active"):
        raise Refusal("account-state", "This account is not active any more.")
    handing.check_first_answer(services, answer, user)
    if user.status == "invited":
        return {**answer.body, "enrolment": handing.link(services, user)}
    code = resets.issue(handles.identities, user.id, at=services.clock.now())
    return {**answer.body, "code": code, "good_for_seconds": resets.CODE_SECONDS}


@router.post("/users/{alias}/second-factor/reset", status_code=201, openapi_extra=may("operator"))
def reset_second_factor(
    alias: Alias, body: Because, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Take away the second factor that an admin lost, passkeys and recovery codes too; their sessions end.

    The link in the answer enrols another; it is shown only here. Needs a fresh second factor.
    """
    require_fresh(session, services)
    handles = services.handles()
    user = handles.books.user_by_alias(alias)
    if user is not None:
        resets.check_may_issue(handles.identities, user.id, at=services.clock.now())
    answer = run(services, session, ResetSecondFactor(account=alias, reason=body.reason), key)
    user = handles.books.user_by_alias(alias)
    if user is None or user.status != "active" or user.role != "admin":
        raise Refusal("account-state", "This account is no active admin's any more.")
    if not answer.replayed:
        enrolment.forget_factor(handles.identities, user.id)
    elif not enrolment.lacks_factor(handles.identities, user):
        # Whoever has enrolled since then must not lose that factor to an old request.
        raise handing.asked_before()
    handing.check_first_answer(services, answer, user)
    return {**answer.body, "enrolment": handing.link(services, user)}


@router.post("/resets", openapi_extra=may())
def reset(body: PasswordReset, request: Request, services: Services) -> dict[str, object]:
    """Set a new password with a code that was handed over. Every session of the account ends."""
    handles = services.handles()
    passwords.checked(body.password, alias=body.alias.strip().casefold())
    user = handles.gatekeeper.check_reset(alias=body.alias, code=body.code, address=address(request))
    # Not before the code is right: what the answer says of a password is said of who owns the account.
    own = contact.of(handles.identities, user.id)
    password = passwords.checked(body.password, alias=user.alias, contact=own)
    stored = passwords.hashed(password)
    services.run(Act(command=ResetPassword(), actor_id=user.id, command_id=f"reset-{base36(16)}"))
    if not resets.reset(handles.identities, user.id, body.code, stored=stored, at=services.clock.now()):
        raise Refusal("unauthenticated", "Alias or code are not right, or the code's hour is over.")
    return {"alias": user.alias}


@router.get("/phase", openapi_extra=may("admin", "operator"))
def phase(session: SignedIn, services: Services) -> dict[str, object]:
    """The phase, the caps of the pilot, and how many accounts are active."""
    books = services.handles().books
    return {"phase": books.phase(), "caps": PILOT_CAPS, "active": books.active()}


@router.post("/phase", openapi_extra=may("operator"))
def set_phase(
    body: NewPhase, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Begin another phase. Needs a fresh second factor."""
    require_fresh(session, services)
    return run(services, session, SetPhase(phase=body.phase, reason=body.reason), key).body


@router.get("/sessions", openapi_extra=may(*ALL))
def own_sessions(session: SignedIn, services: Services) -> dict[str, object]:
    """One's own open sessions."""
    found = sessions.of_user(services.handles().identities, session.user, at=services.clock.now())
    return {
        "sessions": [
            {
                "id": short,
                "began_at": iso(began),
                "last_seen_at": iso(seen),
                "current": session.id.startswith(short),
            }
            for short, began, seen in found
        ]
    }


@router.post("/sessions/{short_id}/ending", status_code=204, openapi_extra=may(*ALL))
def end_own_session(short_id: SessionId, session: SignedIn, services: Services) -> None:
    """End one of one's own sessions."""
    sessions.end_one(services.handles().identities, session.user.id, short_id, at=services.clock.now())


@router.get("/me", openapi_extra=may(*ALL))
def me(session: SignedIn, services: Services) -> dict[str, object]:
    """Who one is: for nobody but oneself."""
    found = contact.of(services.handles().identities, session.user.id)
    return {"alias": session.user.alias, "name": found.name, "phone": found.phone, "email": found.email}


@router.post("/me", openapi_extra=may(*ALL))
def change_contact(body: ContactData, session: SignedIn, services: Services) -> dict[str, object]:
    """Change one's own contact data."""
    new = contact.change(
        services.handles().identities,
        session.user.id,
        contact.Contact(name=body.name, phone=body.phone, email=body.email),
    )
    return {"alias": session.user.alias, "name": new.name, "phone": new.phone, "email": new.email}


@router.post("/me/password", openapi_extra=may(*ALL))
def change_password(
    body: NewPassword, request: Request, response: Response, session: SignedIn, services: Services
) -> dict[str, object]:
    """Change one's own password; every other session ends."""
    handles = services.handles()
    own = contact.of(handles.identities, session.user.id)
    password = passwords.checked(body.password, alias=session.user.alias, contact=own)
    old = handles.gatekeeper.check_password(session, password=body.old_password, address=address(request))
    stored = passwords.hashed(password)
    answer = services.run(
        Act(
            command=ChangePassword(),
            actor_id=session.user.id,
            command_id=f"password-{base36(16)}",
            session_generation=session.generation,
        )
    )
    generation = int(str(answer.body["session_generation"]))
    if not resets.change(handles.identities, session, old=old, stored=stored, generation=generation):
        response.delete_cookie(COOKIE, path="/")
        raise Refusal("session-expired", "The password was changed meanwhile. Sign in again.")
    return {"alias": session.user.alias}


@router.get("/me/recovery-codes", openapi_extra=may("admin", "operator"))
def recovery_codes(session: SignedIn, services: Services) -> dict[str, object]:
    """How many recovery codes are left."""
    return {"left": enrolment.recovery_codes_left(services.handles().identities, session.user.id)}


@router.post("/me/recovery-codes", status_code=201, openapi_extra=may("admin", "operator"))
def renew_recovery_codes(session: SignedIn, services: Services) -> dict[str, object]:
    """New recovery codes, shown only here; the old ones are over. Needs a fresh second factor."""
    require_fresh(session, services)
    return {"recovery_codes": enrolment.renew_recovery_codes(services.handles().identities, session.user.id)}
