"""The rolling re-scan: between commits the watch goes round all that it ever sealed, a little at a time.

A full pass comes hourly and whenever the engine gives a hint. Where the engine gives none, this is what finds an old row
that was edited or deleted, within the time of one round.
"""

from __future__ import annotations

from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.operation.catalogue.context import Context, Unsound
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import findings, full
from watchkeeper.operation.verifier.full import Slice

#: Leaves of one step, and the time between two: some 2,000 leaves a second, and a step delays no pass noticeably.
LEAVES = 500
_REST_SECONDS = 0.2


class Rescan:
    """Where the round is. Belongs to the watch's thread."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._log = logs.MAIN
        self._next = 0
        self._stepped: BootTime | None = None
        self._unsound = Unsound()
        #: Rounds that came to their end since this process began.
        self.rounds = 0

    def due(self) -> bool:
        """Whether it has rested since the last step."""
        age = None if self._stepped is None else self._clock.boot().seconds_since(self._stepped)
        return age is None or age >= _REST_SECONDS

    def step(self, context: Context) -> Slice:
        """Compare the next leaves with what stands in the books; at the end of one log it goes on with the other."""
        size = logs.size(context.database, self._log)
        if self._log == logs.MAIN and self._next == 0:
            self._unsound = Unsound(tables=findings.tables_in_doubt(context.database))
        context.unsound = self._unsound
        begin = min(self._next, size)
        end = min(size, begin + LEAVES)
        found = full.sealed(context, self._log, begin, end) if begin < end else Slice()
        self._next = end
        if end == size:
            self.rounds += self._log == logs.SIDE
            self._log = logs.SIDE if self._log == logs.MAIN else logs.MAIN
            self._next = 0
        self._stepped = self._clock.boot()
        return found
