"""The switches that admins flip."""

from __future__ import annotations

from concurrent.futures import wait

from fastapi import APIRouter

from watchkeeper.boundary.gate import Switch
from watchkeeper.interfaces.market_web.auth import ALL, Services, SignedIn, may, require_fresh
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.interfaces.market_web.shapes import Flip
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.market.signin.sessions import Session
from watchkeeper.market.switching import described

_RECORDED_SECONDS_MAX = 2.0

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["switches"])


def state(services: MarketServices, switch: Switch) -> dict[str, object]:
    """A switch as it stands, and who holds it."""
    for found in services.handles().switching.states():
        if found.switch is switch:
            return {
                "switch": switch.value,
                "engaged": found.engaged,
                "holds": [hold.value for hold in found.holds],
            }
    raise LookupError(switch)


def _flip(services: MarketServices, session: Session, switch: Switch, body: Flip) -> dict[str, object]:
    if not body.engaged:
        require_fresh(session, services)
    flip = services.handles().switching.flip(
        switch=switch,
        action="engage" if body.engaged else "release",
        actor=session.user,
        reason=body.reason,
    )
    # In force already; whoever asks for its trace next is to find it. A busy market writes it a little later.
    wait([services.intake.record_flips()], timeout=_RECORDED_SECONDS_MAX)
    return described(flip)


@router.get("/pilot-mode", openapi_extra=may(*ALL))
def pilot_mode(session: SignedIn, services: Services) -> dict[str, object]:
    """Whether pilot mode is on, and who holds it."""
    return state(services, Switch.PILOT_MODE)


@router.post("/pilot-mode", openapi_extra=may("admin", "operator"))
def flip_pilot_mode(body: Flip, session: SignedIn, services: Services) -> dict[str, object]:
    """Engage or release your hold; in force for every commit after the answer. Releasing needs a fresh second factor."""
    return _flip(services, session, Switch.PILOT_MODE, body)


@router.get("/purchase-window", openapi_extra=may(*ALL))
def purchase_window(session: SignedIn, services: Services) -> dict[str, object]:
    """Whether the purchase window is closed (engaged), and who holds it."""
    return state(services, Switch.PURCHASE_WINDOW)


@router.post("/purchase-window", openapi_extra=may("admin", "operator"))
def flip_window(body: Flip, session: SignedIn, services: Services) -> dict[str, object]:
    """Close (engaged) or open the window."""
    return _flip(services, session, Switch.PURCHASE_WINDOW, body)
