"""One continuous pass: read what is new in one snapshot, judge it, and hand back what is to be written.

Judging writes nothing. So whoever runs the pass can stop what has to stop before anything else happens, and then
write all of it (`store`) in one transaction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from watchkeeper.base import canonical
from watchkeeper.base.clock import BootTime, Clock, Instant, when
from watchkeeper.base.database import Database, DatabaseError, SqliteDatabase
from watchkeeper.boundary import selftest, turning
from watchkeeper.boundary.flips import flips
from watchkeeper.boundary.gate import Restriction
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import Lifted, lifted, lifted_since
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.boundary.views import JOURNAL, Views
from watchkeeper.operation.catalogue import INVARIANTS, blame, people
from watchkeeper.operation.catalogue.accounts import Accounts
from watchkeeper.operation.catalogue.context import Context, GateView, SelfTest
from watchkeeper.operation.catalogue.invariants import i1_2_entries, i2_3_way_round
from watchkeeper.operation.catalogue.model import CannotTell, Draft, Now
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import passes, verdicts
from watchkeeper.operation.verifier import tail as tails
from watchkeeper.operation.verifier.engine import Suspicion
from watchkeeper.operation.verifier.engines import engine_for
from watchkeeper.operation.verifier.tail import Tail

_FLIPS_MAX = 100_000
_LIFTED_PAGE = 100
#: The server's counts of changed rows follow a repair by so much at most.
_REPAIR_COUNTED_SECONDS = 15.0
_log = structlog.get_logger()


class StoreMoved(DatabaseError):
    """Somebody else appended to the log since this pass looked; the pass is thrown away and run again."""


@dataclass(slots=True)
class Pass:
    """What a pass saw. `errors`: invariant -> why its check of rows did not come to an end; `unsaid`: the same for what is of
    no row; `waiting`: the same for what another check leaves open, which stops for it what has to stop.
    """

    begun: BootTime
    tail: Tail
    accounts: Accounts
    drafts: list[Draft] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    unsaid: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    #: Why a full pass is wanted at once; empty when nothing calls for one.
    wanted: list[str] = field(default_factory=list)
    #: The newest sealed journal row stands in the books as it was sealed.
    head_matches: bool = True
    schema_version: int | None = None
    committed_at: int | None = None

    @property
    def judged(self) -> bool:
        """Whether every check of rows came to its end. What was not judged counts as not read."""
        return not self.errors

    @property
    def unknown(self) -> dict[str, str]:
        """Every check that did not come to its end, with the reason."""
        return {**self.waiting, **self.unsaid, **self.errors}

    @property
    def watermark(self) -> int:
        """The last journal number read and judged, this pass included."""
        return self.tail.main_size + (len(self.tail.main) if self.judged else 0)

    @property
    def behind(self) -> int:
        """How many journal rows are not read yet."""
        return max(0, self.tail.last_number - self.watermark)


class Continuous:
    """Runs continuous passes over one system. Belongs to one thread."""

    def __init__(self, data: Path, *, system_id: str, database: SqliteDatabase, clock: Clock) -> None:
        self.views = Views(data, system_id=system_id)
        self.gatefile = open_gate(data, system_id=system_id, role="control")
        self.engine = engine_for(data, self.views, clock=clock)
        self._lease = LeaseStore(data, system_id=system_id, role="watch")
        self._database = database
        self._clock = clock
        self._repaired: BootTime | None = None
        self._seconds: dict[str, int] = {}
        self._reference = self.views.schema_as_made()

    def close(self) -> None:
        """Give the files back."""
        self.views.close()
        self.gatefile.close()
        self._lease.close()

    def look(self) -> Pass:
        """Read and judge; raises `DatabaseError`, `GateUnreadable`, `TooMuchAtOnce` when nothing can be said."""
        begun = self._clock.boot()
        committed_at = self.engine.committed_at()
        suspicion = self.engine.look()
        with self.views.snapshot():
            tail = tails.read(self.views, self._database)
            found = Pass(
                begun, tail, Accounts(self._database), wanted=[*suspicion.reasons], committed_at=committed_at
            )
            context = self.context()
            context.sealing = tail.places
            context.read = tails.watermarks(self._database) | tail.watermarks
            self._judge(found, context)
            self._look_at_defences(found)
            self._look_at_counts(found, suspicion)
            self._look_at_head(found)
        if tail.shrunk:
            found.wanted.append(f"rows are gone at the end of {', '.join(tail.shrunk)}")
        if not found.head_matches:
            found.wanted.append("the newest sealed row is not what stands in the books")
        return found

    def context(self) -> Context:
        """What the checks are given, inside the caller's snapshot."""
        with self.gatefile.look() as gate:
            generation, holds, restrictions = self.gatefile.read(gate)
            recorded = flips(gate, limit=_FLIPS_MAX)
            gateview = GateView(
                generation,
                frozenset(held.value for held, _ in holds),
                restrictions,
                tuple(turning.states(gate)),
            )
        return Context(
            self.views,
            self._database,
            recorded,
            frozenset(held for held, _ in holds),
            self._clock,
            lambda number: passes.came_to_an_end_after(self._database, number),
            gateview,
            self._selftest,
            self._lifted_since,
            self._lifted,
            seconds=self._seconds,
        )

    def _selftest(self) -> SelfTest:
        lease = self._lease.database()
        with lease.transaction("read"):
            return SelfTest(selftest.last_round(lease), selftest.job_turns(lease))

    def _lifted_since(self, at: Instant) -> list[Restriction]:
        with self.gatefile.look() as gate:
            return lifted_since(gate, at)

    def _lifted(self, below: int | None) -> list[Lifted]:
        with self.gatefile.look() as gate:
            return lifted(gate, below=below, limit=_LIFTED_PAGE)

    def _judge(self, found: Pass, context: Context) -> None:
        news = found.tail.news
        for invariant in INVARIANTS.values():
            if invariant.rows is None and invariant.running is None:
                continue
            unsaid = next((read for read in invariant.reads if read in found.errors), None)
            if unsaid is not None:
                # Of a replay that stands half-way it would say anything.
                found.errors[invariant.id] = f"what {unsaid} replays, which it reads, did not come to an end"
                continue
            try:
                if invariant.rows is not None:
                    found.drafts.extend(invariant.rows(context, news))
                if invariant.running is not None:
                    found.drafts.extend(invariant.running(context, news, found.accounts))
            except DatabaseError:
                raise
            except Exception as error:
                # A check that raises is UNKNOWN; the others go on.
                _log.exception("check.failed", invariant=invariant.id)
                found.errors[invariant.id] = f"the check raised {type(error).__name__}"
        for invariant in INVARIANTS.values():
            if invariant.now is not None:
                self._judge_now(found, context, invariant.id, invariant.now, invariant.reads)
        found.drafts.extend(i2_3_way_round.missing(number) for number in found.tail.missing)

    def _judge_now(self, found: Pass, context: Context, name: str, now: Now, reads: tuple[str, ...]) -> None:
        """How something is that is of no row. Nobody's rows wait for its answer."""
        silent = next((read for read in reads if read in found.errors), None)
        if silent is not None:
            found.waiting[name] = f"what {silent} says of it did not come to an end"
            return
        try:
            found.drafts.extend(now(context))
        except CannotTell as error:
            found.unsaid[name] = str(error)
        except DatabaseError:
            raise
        except Exception as error:
            _log.exception("check.failed", invariant=name)
            found.unsaid[name] = f"the check raised {type(error).__name__}"

    def _look_at_defences(self, found: Pass) -> None:
        version = self.engine.schema_mark()
        known = schema_mark(self._database)
        if version == known:
            return
        drafts = i1_2_entries.defences(self._reference, self.views.schema())
        explained = any(entry.row["command"] == "restore_defences" for entry in found.tail.news.journal)
        if not drafts and known is not None and not explained and self.engine.counts_schema_changes:
            drafts = i1_2_entries.schema_moved(known=known, now=version)
        found.drafts.extend(drafts)
        if not drafts or known is not None:
            # What was seen is a finding by now; the next change is looked for from here.
            found.schema_version = version

    def _look_at_counts(self, found: Pass, suspicion: Suspicion) -> None:
        # A repair changes rows on purpose; the pass that the change calls for compares them with their seals.
        if any(entry.row["command"] == "repair" for entry in found.tail.news.journal):
            self._repaired = found.begun
        since = None if self._repaired is None else found.begun.seconds_since(self._repaired)
        if since is not None and since < _REPAIR_COUNTED_SECONDS:
            return
        found.drafts.extend(
            blame.counted(table, changed=changed, total=total) for table, changed, total in suspicion.counted
        )

    def _look_at_head(self, found: Pass) -> None:
        size = found.tail.main_size
        if size == 0:
            return
        sealed = logs.leaf(self._database, logs.MAIN, size - 1)
        rows = self.views.rows(JOURNAL, "n = ? ORDER BY n", (size,), limit=1)
        document = json.loads(sealed) if sealed is not None else {}
        if document.get("kind") == "missing":
            return
        stands = bool(rows) and (
            document.get("kind") == "long"
            or canonical.encode(document.get("journal")) == canonical.encode(canonical.row_document(rows[0]))
        )
        found.head_matches = stands

    def store(self, found: Pass, database: Database) -> None:
        """Write what the pass read and judged, in the caller's transaction; findings are the caller's to note.

        A pass in which a check did not come to its end leaves its verdicts and nothing else: the same rows are read and
        judged again by the next. Raises `StoreMoved` when the pass is no longer the next one.
        """
        tail = found.tail
        if (
            logs.size(database, logs.MAIN) != tail.main_size
            or logs.size(database, logs.SIDE) != tail.side_size
        ):
            raise StoreMoved(StoreMoved.__doc__)
        if found.judged:
            self._move_on(found, database)
        verdicts.store(
            database,
            mode=verdicts.CONTINUOUS,
            errors=found.unknown,
            numbers=len(tail.news.journal),
            boot=found.begun,
            at=when(found.begun, clock=self._clock),
        )

    @staticmethod
    def _move_on(found: Pass, database: Database) -> None:
        tail = found.tail
        logs.append(database, log=logs.MAIN, leaves=tail.main)
        logs.append(database, log=logs.SIDE, leaves=tail.side)
        seal_places(database, tail.places)
        database.execute_many(
            "INSERT INTO watermarks (table_name, key) VALUES (?, ?) ON CONFLICT (table_name) DO UPDATE SET key = excluded.key",
            sorted(tail.watermarks.items()),
        )
        found.accounts.store(database)
        people.note(database, tail.news)
        if found.schema_version is not None:
            _set_mark(database, "schema_version", found.schema_version)


def seal_places(database: Database, places: dict[tuple[str, int], tuple[str, int]]) -> None:
    """Keep where rows are sealed; a row that was a stranger's first stays one."""
    database.execute_many(
        "INSERT INTO sealed_rows (table_name, key, log, idx) VALUES (?, ?, ?, ?) ON CONFLICT (table_name, key) DO NOTHING",
        [(table, key, log, index) for (table, key), (log, index) in sorted(places.items())],
    )


def forget_schema_mark(database: Database) -> None:
    """The books lie with another engine now: its mark of the schema is taken anew."""
    database.execute("DELETE FROM engine_marks WHERE name = 'schema_version'")


def schema_mark(database: Database) -> int | None:
    """The mark of the books' schema when it was last looked at; None when it is to be taken anew."""
    return _mark(database, "schema_version")


def _mark(database: Database, name: str) -> int | None:
    row = database.one("SELECT value FROM engine_marks WHERE name = ?", (name,))
    return None if row is None else int(str(row[0]))


def _set_mark(database: Database, name: str, value: int) -> None:
    database.execute(
        "INSERT INTO engine_marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
