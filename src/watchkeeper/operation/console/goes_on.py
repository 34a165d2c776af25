"""What goes on while something is stopped: the commands accepted since, counted by their names."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from watchkeeper.base.clock import Instant
from watchkeeper.boundary.views import JOURNAL, Views

_SLICE = 10_000


@dataclass(frozen=True, slots=True)
class GoesOn:
    """`since` is when the oldest stop that stands began; `commands`: name -> how many were accepted after it."""

    since: Instant
    commands: dict[str, int]


class Tally:
    """Counts forward from where it stopped the last time; a look costs what is new. Belongs to one thread."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._since: Instant | None = None
        self._last = 0
        self._commands: Counter[str] = Counter()

    def read(self, since: Instant) -> GoesOn:
        """Count up to now, at most a slice at a time; raises `DatabaseError` when the books cannot be read."""
        with self._views.snapshot():
            if since != self._since:
                self._commands.clear()
                self._last = self._number_before(since)
                self._since = since
            rows = self._views.database.query(
                f"SELECT n, command FROM {JOURNAL.name} WHERE n > ? ORDER BY n LIMIT ?", (self._last, _SLICE)
            )
        for number, command in rows:
            self._commands[str(command)] += 1
            self._last = int(str(number))
        return GoesOn(since, dict(sorted(self._commands.items())))

    def _number_before(self, since: Instant) -> int:
        # From the end: a stop is recent, and the first row older than it ends the search.
        return self._views.number(
            f"SELECT n FROM {JOURNAL.name} WHERE at < ? ORDER BY n DESC LIMIT 1", (since,)
        )
