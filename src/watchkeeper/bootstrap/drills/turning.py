"""A clock whose calendar a drill turns, so that a day's business fits into a moment; its stopwatch is the real one."""

from __future__ import annotations

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, BootTime, Clock, Instant

HOUR = 3600 * MICROSECONDS_PER_SECOND


class TurnedClock:
    """`offset`: how far its instants are from the real ones, in microseconds. It is only turned onwards."""

    def __init__(self, real: Clock, *, offset: int = 0) -> None:
        self._real = real
        self.offset = offset

    def now(self) -> Instant:
        """The turned instant."""
        return Instant(self._real.now() + self.offset)

    def boot(self) -> BootTime:
        """The real stopwatch: safety decisions go by it, and so do a drill's times."""
        return self._real.boot()
