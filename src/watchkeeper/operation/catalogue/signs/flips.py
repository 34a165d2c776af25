"""Flips of the switches: how often, and whether anything called for them.

The window opens and closes with the market's day, so it counts among the flips of a day and needs no alert. Pilot mode and
shutdown stop business: when an admin engages one of them, an alert should be open that says why. What the operator engages
is told by itself; what the system engages cites its authority.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gate import Switch
from watchkeeper.operation.catalogue.signs.model import Sign

OFTEN, UNCALLED = "switch flip spike", "switch without an alert"
_STOPPING = frozenset({Switch.PILOT_MODE, Switch.SHUTDOWN})


def by_people(flips: Sequence[Flip]) -> list[Flip]:
    """The flips that somebody made."""
    return [flip for flip in flips if flip.role != "system"]


def uncalled(flips: Sequence[Flip], *, alert_open: Callable[[int], bool]) -> list[Sign]:
    """Admins' engagements of what stops business while no alert was open."""
    return [
        Sign(UNCALLED, "everything", f"{flip.switch.value.replace('_', ' ')} was engaged by {flip.actor}")
        for flip in by_people(flips)
        if flip.role == "admin"
        and flip.action == "engage"
        and flip.switch in _STOPPING
        and not alert_open(flip.at)
    ]
