"""The only entrance through which the books are written: load, admit, decide, append, commit, answer.

Commands run in batches in one transaction. A refusal refuses alone. When the database objects,
the batch is rolled back and each command runs alone, decided again. Locks are taken in one order:
the books first, then the gate, and nothing is waited for while the gate is held, so stopping
something waits for one batch at most.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import structlog

from watchkeeper.base.clock import BootTime, Clock, Instant
from watchkeeper.base.database import (
    ConstraintViolated,
    Database,
    DatabaseBusy,
    DatabaseError,
    DatabaseMissing,
    OutcomeUnknown,
    ValueUnfit,
    engine_of,
    open_database,
)
from watchkeeper.boundary import admit
from watchkeeper.boundary.admit import Admission
from watchkeeper.boundary.gate import GateState, OperationClass, Refused, Scope, Switch
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.boundary.lease import LeaseReader, LeaseStore
from watchkeeper.boundary.selftest import ProbeRound
from watchkeeper.market import names as utid_names
from watchkeeper.market import probing, rowlocks
from watchkeeper.market.append import Accepted, append, count_commit, journal_row
from watchkeeper.market.commands import (
    Act,
    Answer,
    Cure,
    Repair,
    RestoreDefences,
    StorageFee,
)
from watchkeeper.market.cures.repair import sealed_rows
from watchkeeper.market.decide import ALONE, authorise, decide, replay, touched
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.keys import Entries, Keys
from watchkeeper.market.load import before, last, load
from watchkeeper.market.notes import Notes
from watchkeeper.market.pace import PaceExceeded
from watchkeeper.market.probes import PROBES, SYSTEM_USER_ID, ProbeResult
from watchkeeper.market.refusals import Refusal, in_the_way, paused
from watchkeeper.market.rows import number
from watchkeeper.market.state import Recorded, State, User
from watchkeeper.market.tables import EFFECT_COLUMNS, NOTED

Outcome: TypeAlias = Answer | Refusal

BATCH_MAX = 100
#: A poisoned account runs outside the common batches for this long, or until it is restricted.
_APART_SECONDS = 60.0

_log = structlog.get_logger()


#: A COMMIT of unknown outcome is looked up so often, with so long between, before the client has to ask again.
_LOOKUPS_MAX = 8
_LOOKUP_PAUSE_SECONDS = 0.5
#: A call of `run` tries for so long; what is not answered by then is to be sent again. The supervisor waits longer.
_PATIENCE_SECONDS = 10.0
#: They change what only the owner of the tables may change.
_UNDER_OWNER = (Repair, RestoreDefences)


def _unanswered() -> Refusal:
    return Refusal(
        "busy",
        "No answer in time. Send the same request with the same Idempotency-Key again: it counts once.",
        retry_after_seconds=5,
    )


class BooksShrunk(DatabaseError):
    """The books end earlier than they did. Nothing is written until the operator has looked."""


class Executor:
    """One writer of the books. It belongs to one thread at a time."""

    def __init__(
        self,
        data: Path,
        *,
        system_id: str,
        clock: Clock,
        lease: LeaseReader,
        busy_seconds_max: float = 2.0,
        vfs: str | None = None,
        gate_vfs: str | None = None,
    ) -> None:
        self._data = data
        self._system_id = system_id
        self._clock = clock
        self._lease = lease
        self._busy_seconds_max = busy_seconds_max
        self._vfs = vfs
        self._gatefile = open_gate(data, system_id=system_id, role="market", vfs=gate_vfs)
        self._admission = Admission(self._gatefile, lease=lease, data=data)
        self._reports = LeaseStore(data, system_id=system_id, role="market")
        self._database: Database | None = None
        self._highest_n = 0
        self.keys = Keys()
        self._entries = Entries()
        self._apart: dict[int, BootTime] = {}
        self._wait = threading.Event()
        self._begun: BootTime | None = None
        self.notes = Notes(clock=clock)

    def close(self) -> None:
        """Give the files back."""
        if self._database is not None:
            self._database.close()
            self._database = None
        self._gatefile.close()
        self._reports.close()

    def run(self, acts: Sequence[Act]) -> list[Outcome]:
        """Execute these commands in order; an answer or a refusal for each. Never raises for one of them."""
        self._begun = self._clock.boot()
        outcomes: list[Outcome] = []
        for apart, group in itertools.groupby(acts, key=self._goes_apart):
            if apart:
                outcomes += [self._run_alone(act) for act in group]
                continue
            together = [*group]
            for begin in range(0, len(together), BATCH_MAX):
                outcomes += self._run_together(together[begin : begin + BATCH_MAX])
        return outcomes

    def _goes_apart(self, act: Act) -> bool:
        return isinstance(act.command, ALONE) or self._is_apart(act.actor_id)

    def _run_together(self, acts: list[Act]) -> list[Outcome]:
        try:
            return self._transact(acts)
        except (GateUnreadable, GateBusy, BooksShrunk, DatabaseBusy, DatabaseMissing) as error:
            return [self._unavailable(error) for _ in acts]
        except OutcomeUnknown:
            return [self._looked_up(act) for act in acts]
        except DatabaseError:
            # Something in the batch is not accepted by the database. Alone each is decided again.
            return [self._run_alone(act) for act in acts]

    def _looked_up(self, act: Act) -> Outcome:
        """What became of an act whose COMMIT got no answer: its own first answer, or it runs now, once."""
        for left in reversed(range(_LOOKUPS_MAX)):
            if self._out_of_patience():
                break
            try:
                return self._transact([act], asked_before=True)[0]
            except (DatabaseError, GateUnreadable, GateBusy) as error:
                _log.warning("commit.unknown", command=act.command.name, error=type(error).__name__)
                if left:
                    self._wait.wait(_LOOKUP_PAUSE_SECONDS)
        return _unanswered()

    def _out_of_patience(self) -> bool:
        age = None if self._begun is None else self._clock.boot().seconds_since(self._begun)
        return age is not None and age > _PATIENCE_SECONDS

    def _run_alone(self, act: Act) -> Outcome:
        if self._out_of_patience():
            return _unanswered()
        try:
            return self._transact_alone(act)
        except OutcomeUnknown:
            return self._looked_up(act)
        except (GateUnreadable, GateBusy, BooksShrunk, DatabaseBusy) as error:
            return self._unavailable(error)
        except ValueUnfit:
            return Refusal(
                "validation-failed", "The request holds a value that nothing in the books can have."
            )
        except ConstraintViolated as error:
            if isinstance(act.command, Cure):
                _log.error("cure.constraint", command=act.command.name, detail=str(error))
                return in_the_way(str(error))
            self._report(act, error)
            return paused()
        except DatabaseError as error:
            _log.error("command.failed", command=act.command.name, error=type(error).__name__)
            return self._unavailable(error)

    def _transact_alone(self, act: Act) -> Outcome:
        try:
            return self._transact([act], asked_before=True)[0]
        except rowlocks.CameMeanwhile:
            # It stands in the books by now, so what guards it is found before it is read.
            return self._transact([act], asked_before=True)[0]

    def _unavailable(self, error: Exception) -> Refusal:
        if isinstance(error, DatabaseBusy | GateBusy | rowlocks.CameMeanwhile):
            return Refusal("busy", "The market is busy. Try again in a moment.", retry_after_seconds=1)
        _log.error("books.unavailable", error=type(error).__name__, detail=str(error))
        if self._database is not None and not self._database.in_transaction:
            # The next batch opens the file anew; a file that is gone or replaced is found there.
            self._database.close()
            self._database = None
        return Refusal(
            "capability-blocked",
            "The market cannot vouch for its state and stands still. The operator is told.",
        )

    def _opened(self) -> Database:
        if self._database is not None and not self._database.same_place():
            self._database.close()
            self._database = None
            raise DatabaseError("the books were replaced by another file")
        if self._database is None:
            database = open_database(
                self._data, "market", role="market", busy_seconds_max=self._busy_seconds_max, vfs=self._vfs
            )
            try:
                row = database.one("SELECT system_id FROM system WHERE id = 1")
                if row is None or row[0] != self._system_id:
                    raise DatabaseError("the books belong to another system")
                self.keys.find(database, (*EFFECT_COLUMNS, *NOTED))
            except DatabaseError:
                database.close()
                raise
            self._database = database
        return self._database

    def _transact(self, acts: Sequence[Act], *, asked_before: bool = False) -> list[Outcome]:
        if (
            any(isinstance(act.command, _UNDER_OWNER) for act in acts)
            and engine_of(self._data) == "postgresql"
        ):
            database = open_database(self._data, "market", role="owner")
            try:
                return self._transact_on(database, acts, asked_before=asked_before)
            finally:
                database.close()
        return self._transact_on(self._opened(), acts, asked_before=asked_before)

    def _transact_on(self, database: Database, acts: Sequence[Act], *, asked_before: bool) -> list[Outcome]:
        database.begin("write")
        try:
            with self._admission.open(database) as gate:
                outcomes, written = self._execute(database, acts, gate, asked_before=asked_before)
                # The commit is inside: the gate is given back only when it is done. Where nothing was
                # accepted nothing is committed, whatever a refused cure had begun to write.
                if written is not None:
                    database.commit()
            if written is not None:
                self._highest_n = max(self._highest_n, written.next_n - 1)
                for table, key in written.last_ids.items():
                    self.keys.know(table, key)
                for farmer_id in written.moved_earnings:
                    self._entries.know(farmer_id, written.earnings[farmer_id].number)
            return outcomes
        finally:
            if database.in_transaction:
                database.rollback()

    def _execute(
        self, database: Database, acts: Sequence[Act], gate: GateState, *, asked_before: bool
    ) -> tuple[list[Outcome], State | None]:
        """The outcomes, and what was written; None where that is nothing."""
        held = rowlocks.hold(database, acts)
        # The instant is taken when nobody can come in between any more.
        at = self._clock.now()
        state = load(database, acts, at=at)
        names = utid_names.draw(database, acts, state.users, at=at)
        rowlocks.hold_the_end(database)
        last.numbers(database, state, self.keys)
        state.last_entry = self._entries.last
        last.references(database, state, acts)
        last.reconciliations(database, state, acts)
        last.explanations(database, state, acts)
        last.unrecovered(database, state, acts)
        if any(isinstance(act.command, StorageFee) for act in acts):
            state.pilot_mode = self._admission.pilot_mode()
        last.census(database, state, acts)
        self._check_tail(database, gate, state.next_n - 1, acts)
        for act in acts:
            if isinstance(act.command, Repair):
                state.next_n = max(state.next_n, act.command.sealed_head + 1)
        if asked_before:
            state.recorded_by_id = before.recorded_by_id(database, [act.command_id for act in acts])
        outcomes: list[Outcome] = []
        accepted: list[Accepted] = []
        for act, name in zip(acts, names, strict=True):
            try:
                with _defences_down(database, act):
                    outcomes.append(
                        self._one(database, act, name, state=state, gate=gate, accepted=accepted, at=at)
                    )
            except Refusal as refusal:
                self._note(act, refusal, state.users)
                outcomes.append(refusal)
        if accepted:
            if held is not None:
                held.check(state, itertools.chain.from_iterable(entry.decision.rows for entry in accepted))
            append(database, accepted, state)
        if accepted or any(isinstance(outcome, Answer) and outcome.replayed for outcome in outcomes):
            # What is answered again may stand in the books without being durable: its own COMMIT may have ended while it
            # waited for the disk or a standby. A commit after it is durable only together with it.
            count_commit(database)
            return outcomes, state
        return outcomes, None

    def _one(
        self,
        database: Database,
        act: Act,
        name: str,
        *,
        state: State,
        gate: GateState,
        accepted: list[Accepted],
        at: Instant,
    ) -> Outcome:
        """One command in the order of checks; its effects join `accepted`."""
        known = self._recorded(act, state)
        if known is not None:
            return replay(act, known)
        self._admit(act, state, gate)
        actor = authorise(act, state)
        context = Context(actor=actor, at=at, utid=name)
        decision = self._decided(act, database, state, context)
        n = state.next_n
        journal = journal_row(act, decision, n=n, actor=actor, generation=gate.generation, at=at)
        state.next_n = n + 1
        accepted.append(Accepted(act, decision, journal))
        if act.idempotency_key is not None:
            key = (act.actor_id, act.command.name, act.idempotency_key)
            state.recorded[key] = Recorded(n, decision.utid, act.body_digest, str(journal["answer"]))
        return Answer(utid=decision.utid, n=n, body={"utid": decision.utid, **decision.answer})

    def _decided(self, act: Act, database: Database, state: State, context: Context) -> Decision:
        """What the rules answer to this act."""
        return decide(act, database, state, context, data=self._data)

    @staticmethod
    def _recorded(act: Act, state: State) -> Recorded | None:
        if act.idempotency_key is not None:
            key = (act.actor_id, act.command.name, act.idempotency_key)
            if key in state.recorded:
                return state.recorded[key]
        # Asked only after a commit whose outcome was unknown: the same act, so the same body.
        return state.recorded_by_id.get(act.command_id)

    @staticmethod
    def _admit(act: Act, state: State, gate: GateState) -> None:
        actor = state.users.get(act.actor_id)
        try:
            admit.check(
                gate,
                command=act.command.name,
                classes=act.command.classes,
                touched=touched(act.command, state, actor),
            )
        except Refused as refused:
            raise Refusal(refused.code, refused.detail) from refused

    def _check_tail(self, database: Database, gate: GateState, last_n: int, acts: Sequence[Act]) -> None:
        # A repair is what puts a lost tail back, so it alone may write behind it.
        if all(isinstance(act.command, Repair) for act in acts):
            return
        if last_n < max(self._highest_n, self._lease.watermark):
            raise BooksShrunk(BooksShrunk.__doc__)
        row = database.one("SELECT gate_generation FROM journal WHERE n = ?", (last_n,))
        if row is not None and number(row[0]) > gate.generation:
            raise GateUnreadable("the gate is older than the books: an earlier copy was put back")

    def _note(self, act: Act, refusal: Refusal, users: dict[int, User]) -> None:
        actor = users.get(act.actor_id)
        alias = actor.alias if actor is not None else "unknown"
        self.notes.refused(actor=alias, code=refusal.code)
        refusal.counted = True
        if isinstance(refusal, PaceExceeded):
            self.notes.hit(actor=alias, limit=refusal.limit)

    def _is_apart(self, actor_id: int) -> bool:
        since = self._apart.get(actor_id)
        if since is None:
            return False
        age = self._clock.boot().seconds_since(since)
        if age is None or age > _APART_SECONDS:
            del self._apart[actor_id]
            return False
        return True

    def _report(self, act: Act, error: DatabaseError) -> None:
        """Tell the watch about a command that the database refused although every rule accepted it."""
        self._apart[act.actor_id] = self._clock.boot()
        _log.error("command.constraint", command=act.command.name, detail=str(error))
        try:
            self._reports.report(
                kind="constraint", account=str(act.actor_id), detail=str(error)[:200], clock=self._clock
            )
        except DatabaseError as failure:
            _log.error("report.failed", detail=str(failure))

    def find_keys(self) -> None:
        """Know the last keys that others have given since the books were opened; raises `DatabaseError`."""
        self.keys.find(self._opened(), (*EFFECT_COLUMNS, *NOTED))

    def flush_notes(self) -> None:
        """Write the refusals and rate-limit hits that were noted, in one transaction of their own."""
        if self.notes.empty():
            return
        database = self._opened()
        with database.transaction("write"):
            count_commit(database)
            self.notes.write(database, self.keys)
        self.notes.written(self.keys)

    def admit_reading(self, query: str) -> None:
        """Let a read of people's data pass or raise `Refusal`; also `DatabaseError`, `GateBusy`, `GateUnreadable`."""
        database = self._opened()
        database.begin("write")
        try:
            with self._admission.open(database) as gate:
                admit.check(
                    gate,
                    command=None,
                    classes=frozenset({OperationClass.READ}),
                    touched=[Scope("query", query)],
                )
        except Refused as refused:
            raise Refusal(refused.code, refused.detail) from refused
        finally:
            database.rollback()

    def prove_writing(self) -> None:
        """Commit a transaction of our own on the books that is no act of anybody; raises `DatabaseError`."""
        database = self._opened()
        with database.transaction("write"):
            count_commit(database)

    def probe(self, switch: Switch) -> ProbeResult:
        """Send a command of a class that `switch` stops through the real entrance; it never commits."""
        act = Act(command=PROBES[switch], actor_id=SYSTEM_USER_ID, command_id="probe")
        database = self._opened()
        database.begin("write")
        try:
            with self._admission.open(database) as gate:
                engaged = gate.engaged(switch)
                try:
                    state = load(database, [act], at=self._clock.now())
                    self._admit(act, state, gate)
                except Refusal as refusal:
                    return ProbeResult(engaged, refusal.code)
                return ProbeResult(engaged, None)
        finally:
            database.rollback()

    def probe_features(self) -> ProbeRound:
        """Send every command of every feature through the real entrance, in one transaction that never commits.

        Raises `DatabaseError`, `GateUnreadable` and `GateBusy` as a command's transaction does.
        """
        database = self._opened()
        database.begin("write")
        try:
            with self._admission.open(database) as gate:
                return probing.all_features(database, gate, data=self._data, clock=self._clock)
        finally:
            database.rollback()


@contextmanager
def _defences_down(database: Database, act: Act) -> Iterator[None]:
    """A repair writes where nothing may be changed: the triggers of its tables rest while it does."""
    if not isinstance(act.command, Repair):
        yield
        return
    tables = sorted({table for table, _ in sealed_rows(act.command.sealed_leaf)})
    with database.without_triggers(tables):
        yield
