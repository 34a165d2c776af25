"""How many rows of a table fall into the last hour, each row read once, by its key."""

from __future__ import annotations

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.boundary.views import View, Views
from watchkeeper.operation.catalogue.books import integer

_MINUTE = 60 * MICROSECONDS_PER_SECOND
_WINDOW_MINUTES = 60
#: Keys of one query, and queries of one look: a look is bounded, and what is left follows in the next.
_KEYS_AT_ONCE = 20_000
_SLICES_MAX = 20


class HourlyRate:
    """A moving count by minutes. Belongs to one thread.

    After a start the hour before is read backwards, slice by slice, until one holds nothing of it; until then nothing is
    known. A single row with a wrong instant can therefore neither end that reading nor hide others.
    """

    def __init__(self, views: Views, view: View, *, counted: str = "count(*)") -> None:
        """`counted`: a whole-number aggregate over the rows of a minute."""
        self._views = views
        self._view = view
        self._counted = counted
        self._minutes: dict[int, int] = {}
        self._first: int | None = None
        self._last = 0

    def look(self, *, at: Instant) -> int | None:
        """The count of the last 60 minutes, the current one included; None while it is not known yet.

        Raises `DatabaseError`. Inside the caller's snapshot.
        """
        now = at // _MINUTE
        end = self._views.last(self._view)
        if self._first is None or end < self._last:
            # The books end earlier than they did: an older copy was put back.
            self._minutes, self._first, self._last = {}, end, end
        slices = self._forwards(end, now)
        known = self._backwards(now, slices)
        self._minutes = {minute: n for minute, n in self._minutes.items() if minute > now - _WINDOW_MINUTES}
        return sum(self._minutes.values()) if known and self._last == end else None

    def _forwards(self, end: int, now: int) -> int:
        """Read what is new; how many slices are left for this look."""
        left = _SLICES_MAX
        while self._last < end and left:
            upto = min(end, self._last + _KEYS_AT_ONCE)
            self._take(self._last, upto, now)
            self._last, left = upto, left - 1
        return left

    def _backwards(self, now: int, left: int) -> bool:
        """Read the hour before the start; whether all of it is read."""
        while self._first and left:
            begin = max(0, self._first - _KEYS_AT_ONCE)
            if not self._take(begin, self._first, now):
                begin = 0
            self._first, left = begin, left - 1
        return self._first == 0

    def _take(self, after: int, upto: int, now: int) -> bool:
        """Count the rows of these keys; whether any of them falls into the hour."""
        rows = self._views.database.query(
            f"SELECT at / {_MINUTE}, CAST({self._counted} AS BIGINT) FROM {self._view.name} "
            f"WHERE {self._view.key} > ? AND {self._view.key} <= ? GROUP BY at / {_MINUTE}",
            (after, upto),
        )
        recent = False
        for minute, counted in rows:
            # What claims to be of the future counts as of now.
            of = min(integer(minute), now)
            if of > now - _WINDOW_MINUTES:
                recent = True
                self._minutes[of] = self._minutes.get(of, 0) + integer(counted)
        return recent
