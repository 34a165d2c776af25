"""Rates: how much of something there was in any stretch of time, and whether that is more than it may be.

A window slides over the rows in the order of the books, so a burst is seen however late it is read and whatever the clock
says now. What was told once is not told again: an alert uses up the events that it was raised for, and only as many again
beyond the limit raise the next.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.boundary.views import Row
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.signs.model import CURES, Reading

#: More events than a threshold may be set to are never needed to see that it is passed.
EVENTS_KEPT_MAX = 10_001
#: Keys before the last one read that a restart looks back over, for the events of its window.
_KEYS_LOOKED_BACK = 50_000


@dataclass(frozen=True, slots=True)
class Rate:
    """What is counted: rows of a table, by a condition where not all; weighed by a column where one row stands for many."""

    name: str
    condition: str
    threshold: str
    seconds: int
    table: str
    of: str
    where: str = ""
    weight: str = ""
    #: Whether rows that a playbook's cures wrote are left out, by the command of their UTID.
    without_cures: bool = False
    #: Whether its condition lasts, is told once, and is over when the window is back within the limit.
    lasts: bool = False


HOUR, DAY = 3600, 86_400
#: The limits of those who are not let in yet, as the market's sign-in names them.
_DOORS = ("sign-ins", "second-factors", "resets")
_AT_THE_DOORS = "limit_name IN ({})".format(
    ", ".join(f"'{name}{suffix}'" for name in _DOORS for suffix in ("", "-from-an-address"))
)
RATES = (
    Rate(
        "admin actions",
        "admin action spike",
        "admin_actions_per_hour",
        HOUR,
        "admin_actions",
        "admin actions",
        where="action NOT IN ({})".format(", ".join(f"'{name}'" for name in CURES)),
    ),
    Rate(
        "rate-limit hits",
        "rate-limit spike",
        "rate_limit_hits_per_hour",
        HOUR,
        "rate_limit_hits",
        "rate-limit hits",
        where=f"NOT ({_AT_THE_DOORS})",
        weight="count",
    ),
    # Anybody may make these without an account, as many as he likes: they must not drown those of who is signed in.
    Rate(
        "hits at the doors",
        "guessing at the doors",
        "rate_limit_hits_per_hour",
        HOUR,
        "rate_limit_hits",
        "throttled sign-ins, second factors and resets",
        where=_AT_THE_DOORS,
        weight="count",
        lasts=True,
    ),
    # An account's first role is given by its invitation, which is an admin action and no change.
    Rate(
        "role changes",
        "role change spike",
        "role_changes_per_hour",
        HOUR,
        "role_history",
        "changes of role",
        where="role_before IS NOT NULL",
    ),
    Rate(
        "reversals",
        "reversal spike",
        "reversals_per_day",
        DAY,
        "lock_outcomes",
        "reversals",
        where="outcome = 'reversed'",
        without_cures=True,
    ),
)


class Window:
    """The events of the last stretch of time, oldest first; as many as are needed to see any threshold passed."""

    def __init__(self, seconds: int) -> None:
        self._span = seconds * MICROSECONDS_PER_SECOND
        self._events: deque[tuple[int, int, int]] = deque(maxlen=EVENTS_KEPT_MAX)

    def add(self, key: int, at: int, weight: int) -> None:
        """One event more, and the end of those that are too far from it to be of its window.

        The clock may have been set: what seems to come from far ahead of this event is let go as well.
        """
        if not weight:
            return
        while self._events and not at - self._span < self._events[0][1] <= at + self._span:
            self._events.popleft()
        self._events.append((key, at, weight))

    def total(self, *, after: int = 0) -> int:
        """The weight of the events with a key above `after`; looks at those only."""
        found = 0
        for key, _, weight in reversed(self._events):
            if key <= after:
                break
            found += weight
        return found

    def standing(self, at: int) -> int:
        """The weight of the events within the window that ends at `at`."""
        return sum(weight for _, when, weight in self._events if at - self._span < when)


@dataclass(frozen=True, slots=True)
class Counted:
    """What one look counted: how far it read, up to where is told, how much is too much, how much there is now."""

    read: int
    told: int
    passed: int | None
    standing: int


class RateSign:
    """Keeps one window and how far it has read. After a start the window is read back from the books."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._window: Window | None = None

    def look(
        self, reading: Reading, *, read: int | None, told: int, limit: int, since: int, at: int
    ) -> Counted:
        """Read on from `read`; a limit that was passed by what is not told yet counts once. Raises `DatabaseError`.

        `read` is None at the first look of all; what was written before `since` counts as told.
        """
        rate = self._rate
        with reading.snapshot():
            last = reading.last(rate.table)
            if read is None:
                read = max(0, last - _KEYS_LOOKED_BACK)
            if last < read:
                # The books end earlier than they did: an older copy was put back, and what it has was told.
                self._window, read, told = None, last, min(told, last)
            if self._window is None:
                self._window = self._before(reading, read)
            rows, upto = reading.new(rate.table, after=read, where=rate.where)
        passed: int | None = None
        for row in rows:
            key = integer(row["id"])
            self._window.add(key, integer(row["at"]), self._weight(reading, row))
            if integer(row["at"]) < since:
                told = key
                continue
            fresh = self._window.total(after=told)
            if fresh > limit:
                passed = fresh if passed is None else passed + fresh
                told = key
        return Counted(upto, told, passed, self._window.standing(at))

    def _weight(self, reading: Reading, row: Row) -> int:
        if self._rate.without_cures:
            journal = reading.journal_of(row["utid"])
            if journal is not None and journal["command"] in CURES:
                return 0
        weight = row.get(self._rate.weight, 1) if self._rate.weight else 1
        return max(0, weight) if isinstance(weight, int) else 1

    def _before(self, reading: Reading, read: int) -> Window:
        rate = self._rate
        condition = f" AND {rate.where}" if rate.where else ""
        rows = reading.rows(
            rate.table,
            f"id <= ? AND id > ?{condition} ORDER BY id DESC",
            (read, read - _KEYS_LOOKED_BACK),
            limit=EVENTS_KEPT_MAX,
        )
        window = Window(rate.seconds)
        for row in reversed(rows):
            window.add(integer(row["id"]), integer(row["at"]), self._weight(reading, row))
        return window
