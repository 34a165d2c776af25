"""Passkeys of admins and the operator: challenges, and what each does with their own."""

from __future__ import annotations

from fastapi import APIRouter, Request

from watchkeeper.base.clock import iso
from watchkeeper.interfaces.market_web.accounts import address
from watchkeeper.interfaces.market_web.auth import Services, SignedIn, may, require_fresh
from watchkeeper.interfaces.market_web.shapes import ChallengeFor, NewPasskey, PasskeyId
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.market.signin import passkeys
from watchkeeper.market.signin.passkeys import Passkey, Registration

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["passkeys"])


def _shown(passkey: Passkey) -> dict[str, object]:
    used = passkey.last_used_at
    return {
        "id": passkey.id,
        "name": passkey.name,
        "created_at": iso(passkey.created_at),
        "last_used_at": None if used is None else iso(used),
    }


@router.post("/sessions/options", status_code=201, openapi_extra=may())
def sign_in_options(body: ChallengeFor, request: Request, services: Services) -> dict[str, object]:
    """A challenge to sign in with a passkey, good once and for five minutes. It says nothing of the account."""
    return services.handles().gatekeeper.challenge(alias=body.alias, address=address(request))


@router.post(
    "/sessions/current/second-factor/options", status_code=201, openapi_extra=may("admin", "operator")
)
def second_factor_options(session: SignedIn, services: Services) -> dict[str, object]:
    """A challenge for a fresh second factor by passkey, for this session alone."""
    return passkeys.second_factor_options(
        services.handles().identities, session, site=services.site, at=services.clock.now()
    )


@router.get("/me/passkeys", openapi_extra=may("admin", "operator"))
def own(session: SignedIn, services: Services) -> dict[str, object]:
    """One's own passkeys."""
    found = passkeys.of_user(services.handles().identities, session.user.id)
    return {"passkeys": [_shown(passkey) for passkey in found]}


@router.post("/me/passkeys/options", status_code=201, openapi_extra=may("admin", "operator"))
def registration_options(session: SignedIn, services: Services) -> dict[str, object]:
    """A challenge to make a passkey, for this session alone. Needs a fresh second factor."""
    require_fresh(session, services)
    return passkeys.registration_options(
        services.handles().identities, session, site=services.site, at=services.clock.now()
    )


@router.post("/me/passkeys", status_code=201, openapi_extra=may("admin", "operator"))
def register(body: NewPasskey, session: SignedIn, services: Services) -> dict[str, object]:
    """Keep a new passkey. Needs a fresh second factor."""
    require_fresh(session, services)
    answer = Registration(
        credential_id=body.credential_id, client_data=body.client_data, attestation=body.attestation
    )
    made = passkeys.register(
        services.handles().identities,
        session,
        answer,
        name=body.name,
        site=services.site,
        at=services.clock.now(),
    )
    return _shown(made)


@router.post("/me/passkeys/{passkey}/removal", status_code=204, openapi_extra=may("admin", "operator"))
def remove(passkey: PasskeyId, session: SignedIn, services: Services) -> None:
    """Remove a passkey; the last second factor stays. Needs a fresh second factor."""
    require_fresh(session, services)
    passkeys.remove(services.handles().identities, session.user.id, passkey)
