"""PostgreSQL's own marks.

Every transaction that wrote, by anybody, gives the next snapshot another text: so a commit is seen by
polling it. The server counts updates and deletes of each table, whoever makes them and whatever
triggers they have switched off; on an append-only table there are none but those of a repair. It counts
the inserts as well: when there are more of them than the keys have grown by, a row went in below them.
A table that was emptied or written anew lies in another file.

Counts are reported by each session when it comes to rest, ten seconds after its commit at worst, and a
superuser can switch the counting off. So the write-ahead log is read as well, where the server lets
us (`wal`): in it every change stands before its commit is answered.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field

from watchkeeper.base import canonical
from watchkeeper.base.clock import Clock
from watchkeeper.base.database.schema import objects
from watchkeeper.boundary.views import VIEWS, Views
from watchkeeper.operation.verifier.engine import Suspicion
from watchkeeper.operation.verifier.wal import WalTail

_POLL_SECONDS = 0.01
#: Counts move at most once a second for each session; more looks than this would only cost.
_COUNTS_SECONDS = 0.1
_SCHEMA_SECONDS = 1.0

_COUNTS = (
    "SELECT c.relname, pg_relation_filenode(c.oid), pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid), "
    "pg_stat_get_tuples_inserted(c.oid) FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = 'market' AND c.relkind = 'r' "
    "ORDER BY c.relname LIMIT 1000"
)
_LAST_KEYS = "SELECT " + ", ".join(
    f"(SELECT coalesce(max({view.key}), 0) FROM {view.name})" for view in VIEWS.values()
)


@dataclass(slots=True)
class _Counts:
    file: int
    changed: int
    inserted: int


@dataclass(slots=True)
class PostgresEngine:
    """See `engine.Engine`."""

    views: Views
    clock: Clock
    counts_seconds: float = _COUNTS_SECONDS
    schema_seconds: float = _SCHEMA_SECONDS
    _version: str = ""
    _visible_at: int | None = None
    _looked: float = 0.0
    _wal: WalTail = field(default_factory=WalTail)
    _counts: dict[str, _Counts] = field(default_factory=dict)
    _surplus: dict[str, int] = field(default_factory=dict)
    _marked: float = 0.0
    _mark: int = 0

    @property
    def counts_schema_changes(self) -> bool:
        return False

    def wait(self, seconds: float) -> bool:
        # Stopwatches for a wait, never stored.
        until = time.monotonic() + seconds
        while True:
            before = self.clock.now()
            row = self.views.database.one("SELECT pg_current_snapshot()::text")
            version = str(row[0]) if row else ""
            if version != self._version:
                self._version = version
                self._visible_at = before
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_SECONDS)

    def committed_at(self) -> int | None:
        return self._visible_at

    def look(self) -> Suspicion:
        files = {counts.file: table for table, counts in self._counts.items()}
        # Also at the first look, which knows no files yet: the log is followed from there.
        seen = tuple(self._wal.look(self.views.database, files))
        if time.monotonic() - self._looked < self.counts_seconds:
            return Suspicion(seen)
        self._looked = time.monotonic()
        rows = self.views.database.query(_COUNTS)
        now = {
            str(row[0]): _Counts(int(str(row[1] or 0)), int(str(row[2])) + int(str(row[3])), int(str(row[4])))
            for row in rows
            if str(row[0]) in VIEWS
        }
        keys = self.views.database.one(_LAST_KEYS) or ()
        last = {table: int(str(key)) for table, key in zip(VIEWS, keys, strict=True)}
        before, self._counts = self._counts, now
        below = self._inserted_below(now, last)
        if not before:
            return Suspicion(("the watch has just begun to read this database",))
        reasons: list[str] = []
        counted: list[tuple[str, int, int]] = []
        for table in sorted(before.keys() | now.keys()):
            old, new = before.get(table), now.get(table)
            if old is None or new is None:
                reasons.append(f"the table {table} has come or gone")
            elif new.file != old.file:
                reasons.append(f"the table {table} lies in another file")
                counted.append((table, 0, new.file))
            elif new.changed > old.changed:
                reasons.append(f"{new.changed - old.changed} rows of {table} were changed")
                counted.append((table, new.changed - old.changed, new.changed))
            elif new.changed < old.changed:
                reasons.append(f"the counts of {table} were reset")
        return Suspicion((*seen, *reasons, *below), tuple(counted))

    def _inserted_below(self, now: dict[str, _Counts], last: dict[str, int]) -> list[str]:
        """Tables with more inserts than new keys. Counts come late and keys are read after them, so the difference is
        never more than it was unless a row went in below, or an insert was rolled back: a pass then finds nothing.
        """
        found: list[str] = []
        for table, counts in now.items():
            surplus = counts.inserted - last[table]
            known = self._surplus.setdefault(table, surplus)
            if surplus > known:
                self._surplus[table] = surplus
                found.append(f"{surplus - known} rows went into {table} below its last")
        return found

    def schema_mark(self) -> int:
        if not self._mark or time.monotonic() - self._marked >= self.schema_seconds:
            self._marked = time.monotonic()
            found = objects(self.views.database)
            document = canonical.encode([[kind, name, text] for (kind, name), text in sorted(found.items())])
            # 63 bits, as the store's integers have.
            self._mark = int.from_bytes(hashlib.sha256(document).digest()[:8], "big") >> 1
        return self._mark
