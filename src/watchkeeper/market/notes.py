"""What is worth counting about refusals, kept apart from the books and written in groups.

A flood must not cost a sync for each refusal: counts are gathered by actor, code and minute; the
first ten rate-limit hits of an actor, limit and minute get a row each, the rest one summary row.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Clock
from watchkeeper.base.database import Database
from watchkeeper.market.keys import Keys
from watchkeeper.market.pace import Limit

HITS_IN_FULL_PER_MINUTE = 10
#: Counts older than this are pruned.
_KEPT_SECONDS = 48 * 3600
#: More distinct (actor, code) pairs than this in one flush are counted together, and so are more hits than this.
_PENDING_MAX = 10_000


@dataclass(slots=True)
class _Hits:
    limit: Limit
    in_full: int = 0
    summarised: int = 0
    pending: list[int] = field(default_factory=list)


class Notes:
    """Gathers between two flushes. `refused` and `hit` may be called from the writer's thread only."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._refusals: dict[tuple[str, str, int], int] = {}
        self._hits: dict[tuple[str, str, int], _Hits] = {}
        self._attempts: list[tuple[str, str, str, str, int]] = []
        self._queries: list[tuple[str, str, str, str, int]] = []
        #: The minute of the last write: what was summarised by it is of the minutes before.
        self._minute_written = 0
        #: The highest keys after the last write.
        self._last_keys: dict[str, int] = {}

    def _minute(self) -> int:
        return self._clock.now() // (60 * MICROSECONDS_PER_SECOND)

    def refused(self, *, actor: str, code: str) -> None:
        """Count one refusal."""
        key = (actor, code, self._minute())
        with self._guard:
            if key not in self._refusals and len(self._refusals) >= _PENDING_MAX:
                key = ("others", code, key[2])
            self._refusals[key] = self._refusals.get(key, 0) + 1

    def hit(self, *, actor: str, limit: Limit) -> bool:
        """Note one rate-limit hit; whether it gets a row of its own, and is not summed up."""
        key = (actor, limit.name, self._minute())
        with self._guard:
            if key not in self._hits and len(self._hits) >= _PENDING_MAX:
                key = ("others", limit.name, key[2])
            hits = self._hits.setdefault(key, _Hits(limit))
            in_full = hits.in_full + len(hits.pending) < HITS_IN_FULL_PER_MINUTE
            if in_full:
                hits.pending.append(self._clock.now())
            else:
                hits.summarised += 1
            return in_full

    def attempt(self, *, account: str, address: str, kind: str, outcome: str) -> None:
        """Note one attempt to sign in; written with the next flush."""
        with self._guard:
            self._attempts.append((account, address, kind, outcome, self._clock.now()))

    def query(self, *, actor: str, query: str, fields: str, subjects: str) -> None:
        """Note who reads which fields of whom, never what they hold; written with the next flush."""
        with self._guard:
            self._queries.append((actor, query, fields, subjects, self._clock.now()))

    def empty(self) -> bool:
        """Whether there is nothing to write now; a minute's summary waits for the minute to end."""
        minute = self._minute()
        with self._guard:
            return not (
                self._attempts
                or self._queries
                or self._refusals
                or any(hits.pending or key[2] < minute for key, hits in self._hits.items())
            )

    def write(self, database: Database, keys: Keys) -> None:
        """Write what is due, inside the caller's transaction, which holds the commit count; `written` forgets it after
        the commit.
        """
        minute = self._minute_written = self._minute()
        with self._guard:
            for (actor, code, at_minute), count in self._refusals.items():
                database.execute(
                    "INSERT INTO refusal_counts (actor, code, minute, count) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (actor, code, minute) DO UPDATE SET count = refusal_counts.count + excluded.count",
                    (actor, code, at_minute, count),
                )
            database.execute("DELETE FROM refusal_counts WHERE minute < ?", (minute - _KEPT_SECONDS // 60,))
            next_hit = keys.last(database, "rate_limit_hits") + 1
            for (actor, _, at_minute), hits in self._hits.items():
                rows = [(1, at) for at in hits.pending]
                if hits.summarised and at_minute < minute:
                    rows.append((hits.summarised, (at_minute + 1) * 60 * MICROSECONDS_PER_SECOND))
                database.execute_many(
                    "INSERT INTO rate_limit_hits (id, actor, limit_name, count, limit_max, window_seconds, at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (
                            next_hit + offset,
                            actor,
                            hits.limit.name,
                            count,
                            hits.limit.accepted_max,
                            hits.limit.window_seconds,
                            at,
                        )
                        for offset, (count, at) in enumerate(rows)
                    ],
                )
                next_hit += len(rows)
            next_attempt = keys.last(database, "sign_in_attempts") + 1
            database.execute_many(
                "INSERT INTO sign_in_attempts (id, account, address, kind, outcome, at) VALUES (?, ?, ?, ?, ?, ?)",
                [(next_attempt + offset, *attempt) for offset, attempt in enumerate(self._attempts)],
            )
            next_query = keys.last(database, "query_log") + 1
            database.execute_many(
                "INSERT INTO query_log (id, actor, query, fields, subjects, at) VALUES (?, ?, ?, ?, ?, ?)",
                [(next_query + offset, *query) for offset, query in enumerate(self._queries)],
            )

            self._last_keys = {
                "rate_limit_hits": next_hit - 1,
                "sign_in_attempts": next_attempt - 1 + len(self._attempts),
                "query_log": next_query - 1 + len(self._queries),
            }

    def written(self, keys: Keys) -> None:
        """The last write is committed: forget it, and no summary that became due meanwhile."""
        minute = self._minute_written
        for table, last in self._last_keys.items():
            keys.know(table, last)
        with self._guard:
            self._refusals.clear()
            self._attempts.clear()
            self._queries.clear()
            for key, hits in list(self._hits.items()):
                hits.in_full += len(hits.pending)
                hits.pending.clear()
                if key[2] < minute:
                    del self._hits[key]
