"""How often each may do something: a burst to begin with, then evenly, so that nobody runs into a limit and nothing ends."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, SECONDS_PER_HOUR, Clock
from watchkeeper.market.pace import LIMITS


@dataclass(frozen=True, slots=True)
class Often:
    """At most `burst` at once and `refill` more in each `window_seconds`, one after the other."""

    burst: int
    refill: int
    window_seconds: int = SECONDS_PER_HOUR


#: The market's own limits: seven tenths at once and the rest over the window, so any window has what it may have.
PACES = {
    limit.name: Often(
        limit.accepted_max * 7 // 10,
        limit.accepted_max - limit.accepted_max * 7 // 10,
        limit.window_seconds,
    )
    for limit in LIMITS
}


class Pace:
    """When each key may go on; one number for each key, so as many as there are people and acts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: When what was done would have been done at the even pace; in microseconds.
        self._upto: dict[str, int] = {}

    def free(self, key: str, often: Often) -> bool:
        """Whether one more may be done now."""
        return self._clock.now() >= self._upto.get(key, 0) - (often.burst - 1) * _each(often)

    def take(self, key: str, often: Often) -> None:
        """One more was done."""
        self._upto[key] = max(self._clock.now(), self._upto.get(key, 0)) + _each(often)

    def shut(self, key: str, often: Often, *, seconds: int) -> None:
        """The market said to wait so long, for what was done before this day began."""
        self._upto[key] = (
            self._clock.now() + seconds * MICROSECONDS_PER_SECOND + (often.burst - 1) * _each(often)
        )


def _each(often: Often) -> int:
    return often.window_seconds * MICROSECONDS_PER_SECOND // often.refill
