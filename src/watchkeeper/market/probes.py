"""Live probes: for each switch a command that it must refuse, sent through the real entrance and never committed."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import Command, CreateListing, InviteUser, Purchase

#: The account that set-up makes first: acts of the system itself are its.
SYSTEM_USER_ID = 1


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a live probe met: whether the switch is engaged, and the code that refused it, if any."""

    engaged: bool
    refused_as: str | None

    @property
    def bites(self) -> bool:
        """An engaged switch must refuse; an idle one has nothing to prove."""
        return not self.engaged or self.refused_as is not None


PROBES: dict[Switch, Command] = {
    Switch.PILOT_MODE: CreateListing(produce="probe", grams=10_000, price_ugx_per_kg=1),
    Switch.SHUTDOWN: InviteUser(role="farmer", reason="a probe that must never be accepted"),
    # There is no block of this number, and the system buys nothing: it could not be accepted with the window open.
    Switch.PURCHASE_WINDOW: Purchase(block_id=0),
}
