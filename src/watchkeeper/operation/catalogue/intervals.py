"""When a switch was on, by journal numbers and by instants, worked out from the acts of those who flipped it.

A switch is on while anybody holds it. Whether it was on after a flip the gate says as well, as the market's own code
reckons it; that is not asked here. The flips store the journal's last number, so for what was stopped clocks play no part
(catalogue, 7.1); a day in store is counted by the calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.base.clock import Instant
from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gate import Hold, Switch


def _spans(flips: Iterable[Flip], switch: Switch) -> Iterator[tuple[Flip, Flip | None]]:
    """The flip from which `switch` was on and the one that ended it, None while it lasts. `flips`: oldest first."""
    holding: set[Hold] = set()
    begun: Flip | None = None
    for flip in flips:
        if flip.switch is not switch:
            continue
        if flip.action == "engage":
            holding.add(flip.hold)
            begun = begun or flip
        else:
            holding.discard(flip.hold)
            if begun is not None and not holding:
                yield begun, flip
                begun = None
    if begun is not None:
        yield begun, None


def numbers_on(flips: Iterable[Flip], switch: Switch) -> list[tuple[int, int | None]]:
    """The number ranges (n_on, n_off] in which `switch` was on; the last may be open. `flips`: oldest first."""
    return [
        (begun.journal_n, None if ended is None else ended.journal_n)
        for begun, ended in _spans(flips, switch)
    ]


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a switch was on, by the calendar; `number` is the last of the journal when it began."""

    number: int
    begun: Instant
    ended: Instant | None


def instants_on(flips: Iterable[Flip], switch: Switch) -> list[Span]:
    """The same in instants."""
    return [
        Span(begun.journal_n, Instant(begun.at), None if ended is None else Instant(ended.at))
        for begun, ended in _spans(flips, switch)
    ]


def stopped(number: int, on: Sequence[tuple[int, int | None]]) -> bool:
    """Whether this journal number lies in one of the ranges."""
    return any(begun < number and (end is None or number <= end) for begun, end in on)
