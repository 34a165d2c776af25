"""The lease: proof that the watch lives and that what it knows is contained.

The watch raises a counter at most once a second; each market process watches it move by its own
boot-time clock. When it has stood still for 30 s, or was never seen to move, the classes that move
money are refused. Nothing has to be alive to stop money.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.base.database import Database, DatabaseError, Role, create_sqlite, open_database
from watchkeeper.base.database.migrations import migrate
from watchkeeper.base.utid import base36

SILENT_AFTER_SECONDS = 30.0
POLL_SECONDS = 1.0
#: A switch's probe says something about now for so long; one of another boot says nothing.
PROBE_SECONDS_MAX = 120.0
_REPORTS_KEPT = 1000


class LeaseLost(Exception):
    """Another watch has taken the lease; this one must end."""


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """What stands in the lease: who renews it, how far the watch has read, and why it is withheld, if it is."""

    epoch: str
    counter: int
    watermark: int
    withheld: str
    written: BootTime
    at: int


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """What the last live probe of a switch found."""

    switch: str
    engaged: bool
    bites: bool
    detail: str
    probed: BootTime
    at: int


@dataclass(frozen=True, slots=True)
class WriteProbe:
    """What the last write into the books came to."""

    works: bool
    detail: str
    probed: BootTime
    at: int


def create_lease(path: Path, *, system_id: str, clock: Clock) -> None:
    """Make the lease's file at set-up. It is expired until a watch moves it."""
    database = create_sqlite(path, synchronous="NORMAL")
    try:
        migrate(database, store="lease", clock=clock)
        with database.transaction("write"):
            first_row(database, system_id=system_id, clock=clock)
    finally:
        database.close()


def first_row(database: Database, *, system_id: str, clock: Clock) -> None:
    """Write the lease's row, expired until a watch moves it, in the caller's transaction."""
    boot = clock.boot()
    database.execute(
        "INSERT INTO lease (id, system_id, epoch, counter, watermark, withheld, boot_id, boot_ns, at) "
        "VALUES (1, ?, '', 0, 0, 'never held', ?, ?, ?)",
        (system_id, boot.boot_id, boot.nanoseconds, clock.now()),
    )


class LeaseStore:
    """One connection to the lease, opened when needed and again when what it led to was replaced.

    `role`: watch for who renews it, market for who obeys it and notes probes and reports, control for who looks.
    """

    def __init__(self, data: Path, *, system_id: str, role: Role) -> None:
        self._data = data
        self._role: Role = role
        self._system_id = system_id
        self._database: Database | None = None

    def database(self) -> Database:
        """The open connection; raises `DatabaseError` when it is not there or another system's."""
        if self._database is not None and not self._database.same_place():
            self.close()
        if self._database is None:
            database = open_database(self._data, "lease", role=self._role, busy_seconds_max=1.0)
            row = database.one("SELECT system_id FROM lease WHERE id = 1")
            if row is None or row[0] != self._system_id:
                database.close()
                raise DatabaseError("the lease belongs to another system")
            self._database = database
        return self._database

    def close(self) -> None:
        """Give the file back."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def row(self) -> LeaseRow:
        """The lease as it stands; raises `DatabaseError`."""
        row = self.database().one(
            "SELECT epoch, counter, watermark, withheld, boot_id, boot_ns, at FROM lease WHERE id = 1"
        )
        if row is None:
            raise DatabaseError("the lease is empty")
        return LeaseRow(
            epoch=str(row[0]),
            counter=int(str(row[1])),
            watermark=int(str(row[2])),
            withheld=str(row[3]),
            written=BootTime(str(row[4]), int(str(row[5]))),
            at=int(str(row[6])),
        )

    def probes(self) -> list[ProbeRow]:
        """The last probe of each switch."""
        rows = self.database().query(
            "SELECT switch, engaged, bites, detail, boot_id, boot_ns, at FROM probes ORDER BY switch LIMIT 10"
        )
        return [
            ProbeRow(
                switch=str(row[0]),
                engaged=bool(row[1]),
                bites=bool(row[2]),
                detail=str(row[3]),
                probed=BootTime(str(row[4]), int(str(row[5]))),
                at=int(str(row[6])),
            )
            for row in rows
        ]

    def record_probe(self, *, switch: str, engaged: bool, bites: bool, detail: str, clock: Clock) -> None:
        """Store what a probe of `switch` found."""
        boot = clock.boot()
        database = self.database()
        with database.transaction("write"):
            database.execute(
                "INSERT INTO probes (switch, engaged, bites, detail, boot_id, boot_ns, at) VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (switch) DO UPDATE SET engaged = excluded.engaged, bites = excluded.bites, "
                "detail = excluded.detail, boot_id = excluded.boot_id, boot_ns = excluded.boot_ns, at = excluded.at",
                (switch, int(engaged), int(bites), detail, boot.boot_id, boot.nanoseconds, clock.now()),
            )

    def write_probe(self) -> WriteProbe | None:
        """The last write probe, None when there never was one; raises `DatabaseError`."""
        row = self.database().one("SELECT works, detail, boot_id, boot_ns, at FROM write_probe WHERE id = 1")
        if row is None:
            return None
        return WriteProbe(
            works=bool(row[0]),
            detail=str(row[1]),
            probed=BootTime(str(row[2]), int(str(row[3]))),
            at=int(str(row[4])),
        )

    def record_write(self, *, works: bool, detail: str, clock: Clock) -> None:
        """Store what a write into the books came to."""
        boot = clock.boot()
        database = self.database()
        with database.transaction("write"):
            database.execute(
                "INSERT INTO write_probe (id, works, detail, boot_id, boot_ns, at) VALUES (1, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET works = excluded.works, detail = excluded.detail, "
                "boot_id = excluded.boot_id, boot_ns = excluded.boot_ns, at = excluded.at",
                (int(works), detail[:200], boot.boot_id, boot.nanoseconds, clock.now()),
            )

    def report(self, *, kind: str, account: str, detail: str, clock: Clock) -> None:
        """Tell the watch what the operated system noticed about itself; the newest thousand are kept."""
        database = self.database()
        with database.transaction("write"):
            database.execute(
                "INSERT INTO reports (kind, account, detail, at) VALUES (?, ?, ?, ?)",
                (kind, account, detail, clock.now()),
            )
            database.execute(
                "DELETE FROM reports WHERE id <= (SELECT max(id) FROM reports) - ?", (_REPORTS_KEPT,)
            )

    def reports(self, *, after: int, limit: int = 100) -> list[tuple[int, str, str, str]]:
        """Reports with an id above `after`: id, kind, account, detail."""
        rows = self.database().query(
            "SELECT id, kind, account, detail FROM reports WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [(int(str(row[0])), str(row[1]), str(row[2]), str(row[3])) for row in rows]


class LeaseKeeper:
    """The watch's side: one epoch, from taking the lease to losing it."""

    def __init__(self, file: LeaseStore, *, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self.epoch = base36(12)

    def take(self) -> None:
        """Make this watch the only one that renews; an older one finds its epoch gone."""
        database = self._file.database()
        with database.transaction("write"):
            database.execute("UPDATE lease SET epoch = ? WHERE id = 1", (self.epoch,))

    def renew(self, *, watermark: int, withheld: str, seen: BootTime | None = None) -> None:
        """Write the watermark, and move the counter unless there is a reason to withhold it.

        `withheld` is empty when everything that the lease stands for is so, as of `seen`, or of now: whoever stands still
        between looking and writing has renewed nothing. Raises `LeaseLost`.
        """
        boot = seen or self._clock.boot()
        database = self._file.database()
        with database.transaction("write"):
            changed = database.execute(
                "UPDATE lease SET counter = counter + ?, watermark = ?, withheld = ?, boot_id = ?, boot_ns = ?, at = ? "
                "WHERE id = 1 AND epoch = ?",
                (
                    0 if withheld else 1,
                    watermark,
                    withheld,
                    boot.boot_id,
                    boot.nanoseconds,
                    self._clock.now(),
                    self.epoch,
                ),
            )
        if changed != 1:
            raise LeaseLost(LeaseLost.__doc__)


class LeaseReader:
    """The market's side: has the counter moved lately, by this process's own boot-time clock?

    A move is as old as what the watch saw when it wrote it, where both are of one boot; of another machine, as this look at it.
    """

    def __init__(
        self, file: LeaseStore, *, clock: Clock, silent_after_seconds: float = SILENT_AFTER_SECONDS
    ) -> None:
        self._file = file
        self._clock = clock
        self._silent_after_seconds = silent_after_seconds
        self._guard = threading.Lock()
        self._last: tuple[str, int] | None = None
        self._moved: BootTime | None = None
        self.watermark = 0

    def poll(self) -> None:
        """Look at the lease once; call it each second. An unreadable lease is one that does not move."""
        try:
            row = self._file.row()
        except DatabaseError:
            self._file.close()
            return
        with self._guard:
            self.watermark = row.watermark
            seen = (row.epoch, row.counter)
            # The first look only takes the measure: a counter left behind by a dead watch proves nothing.
            # A new epoch alone proves nothing either; its counter has to move.
            if self._last is not None and seen != self._last and row.counter != self._last[1]:
                self._moved = self._dated(row.written)
            self._last = seen

    def _dated(self, written: BootTime) -> BootTime:
        now = self._clock.boot()
        age = now.seconds_since(written)
        # One of a time that has not come yet would be heard for too long.
        return now if age is None or age < 0 else written

    def silent(self) -> bool:
        """Whether money must stand still: the counter has not moved within its time, or never."""
        with self._guard:
            moved = self._moved
        if moved is None:
            return True
        age = self._clock.boot().seconds_since(moved)
        return age is None or age > self._silent_after_seconds
