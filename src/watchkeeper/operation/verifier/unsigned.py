"""What is said by seals says nothing while they cannot be signed, or are not what was signed."""

from __future__ import annotations

from watchkeeper.operation.catalogue import INVARIANTS, closing

#: The invariants that seals speak for. The first stops for all of them what has to stop.
FIRST, *_others = (
    invariant.id for invariant in INVARIANTS.values() if invariant.closes.get("changed") is closing.sealed
)
OTHERS = tuple(_others)


def unsaid(why: str) -> dict[str, str]:
    """Invariant -> why its verdict is UNKNOWN, for each that seals speak for; none when there is no reason."""
    return dict.fromkeys((FIRST, *OTHERS), why) if why else {}
