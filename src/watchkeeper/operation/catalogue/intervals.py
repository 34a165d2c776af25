"""When a switch was on, in journal numbers: the flips store the last one, so clocks play no part (catalogue, 7.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gate import Switch


def times_on(flips: Iterable[Flip], switch: Switch) -> list[tuple[int, int | None]]:
    """The number ranges (n_on, n_off] in which `switch` was engaged; the last may be open. `flips`: oldest first."""
    found: list[tuple[int, int | None]] = []
    begun: int | None = None
    for flip in flips:
        if flip.switch is not switch:
            continue
        if flip.engaged_after and begun is None:
            begun = flip.journal_n
        elif not flip.engaged_after and begun is not None:
            found.append((begun, flip.journal_n))
            begun = None
    if begun is not None:
        found.append((begun, None))
    return found


def stopped(number: int, on: Sequence[tuple[int, int | None]]) -> bool:
    """Whether this journal number lies in one of the ranges."""
    return any(begin < number and (end is None or number <= end) for begin, end in on)
