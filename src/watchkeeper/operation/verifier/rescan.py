"""The rolling re-scan: between commits the watch goes round all that it ever sealed, a little at a time.

A full pass comes hourly and whenever the engine gives a hint. Where the engine gives none, this is what finds an old row
that was edited or deleted, within the time of one round. After the sealed rows come the rows that no seal speaks for,
where a check asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.base.database import DatabaseError
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.context import Context, Unsound
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import findings, full
from watchkeeper.operation.verifier.full import Slice

#: Leaves of one step, and the time between two: some 800 leaves a second, and a step delays a pass by some 20 ms at most.
LEAVES = 200
_REST_SECONDS = 0.2


class Rescan:
    """Where the round is. Belongs to the watch's thread."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._log = logs.MAIN
        self._next = 0
        #: What no seal speaks for, while the round is there.
        self._pages: Iterator[Slice] | None = None
        self._stepped: BootTime | None = None
        self._unsound = Unsound()
        #: Rounds that came to their end since this process began.
        self.rounds = 0

    def due(self) -> bool:
        """Whether it has rested since the last step."""
        age = None if self._stepped is None else self._clock.boot().seconds_since(self._stepped)
        return age is None or age >= _REST_SECONDS

    def step(self, context: Context) -> Slice:
        """Look at the next piece: leaves of one log, then of the other, then pages of what no seal speaks for."""
        self._stepped = self._clock.boot()
        if self._pages is not None:
            return self._next_page(self._pages)
        size = logs.size(context.database, self._log)
        if self._log == logs.MAIN and self._next == 0:
            self._unsound = Unsound(tables=findings.tables_in_doubt(context.database))
        context.unsound = self._unsound
        begin = min(self._next, size)
        end = min(size, begin + LEAVES)
        found = full.sealed(context, self._log, begin, end) if begin < end else Slice()
        self._next = end
        if end == size:
            self._next = 0
            if self._log == logs.SIDE:
                # What the round has seen of rows that are not as they were sealed goes with it.
                self._pages = _unsealed(context)
            self._log = logs.SIDE if self._log == logs.MAIN else logs.MAIN
        return found

    def _next_page(self, pages: Iterator[Slice]) -> Slice:
        try:
            found = next(pages, None)
        except DatabaseError:
            # The pages end with it; the round begins anew.
            self._pages = None
            raise
        if found is None:
            self._pages = None
            self.rounds += 1
        return found or Slice()


def _unsealed(context: Context) -> Iterator[Slice]:
    for invariant in INVARIANTS.values():
        yield from full.pages(invariant, invariant.rolling, context)
