"""A clock whose calendar a drill turns, so that a day's business fits into a moment; its stopwatch is the real one."""

from __future__ import annotations

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, BootTime, Clock, Instant

HOUR = 3600 * MICROSECONDS_PER_SECOND
_NANOSECONDS = 1000


class TurnedClock:
    """`offset`: how far its instants are from the real ones, in microseconds.

    Between two turns its instants go by the stopwatch alone, so that what lies between two of them is what truly passed,
    whatever happens to the machine's calendar meanwhile.
    """

    def __init__(self, real: Clock, *, offset: int = 0) -> None:
        self._real = real
        self._begun_at = real.now()
        self._begun = real.boot()
        self.offset = offset

    def now(self) -> Instant:
        """The turned instant."""
        return self.at(self._real.boot())

    def at(self, boot: BootTime) -> Instant:
        """The turned instant of this point of the stopwatch."""
        passed = (boot.nanoseconds - self._begun.nanoseconds) // _NANOSECONDS
        return Instant(self._begun_at + passed + self.offset)

    def boot(self) -> BootTime:
        """The real stopwatch: safety decisions go by it, and so do a drill's times."""
        return self._real.boot()
