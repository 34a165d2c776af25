"""The watch's process: continuous passes, seals, the lease, and a child that stands ready for full passes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import structlog

from watchkeeper.base.clock import BootTime, Clock, SystemClock
from watchkeeper.base.database import DatabaseError
from watchkeeper.bootstrap.beat import Beat
from watchkeeper.bootstrap.detecting import Detecting
from watchkeeper.bootstrap.publishing import Publishing
from watchkeeper.bootstrap.sampling import Sampling
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.boundary.lease import PROBE_SECONDS_MAX, LeaseKeeper, LeaseLost, LeaseStore
from watchkeeper.operation import cycle
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.detectors import machine
from watchkeeper.operation.detectors.people import AssignedRoles
from watchkeeper.operation.seals import signing
from watchkeeper.operation.store import open_store, system_id_of
from watchkeeper.operation.verifier import deadlines, passes, unsigned, verdicts
from watchkeeper.operation.verifier.continuous import Continuous, Pass, StoreMoved
from watchkeeper.operation.verifier.rescan import Rescan
from watchkeeper.operation.verifier.tail import TooMuchAtOnce
from watchkeeper.operation.verifier.unread import Unread

_IDLE_SECONDS = 0.25
_RENEW_SECONDS = 1.0
#: What the lease stands for (architecture, The gate).
_PASS_SECONDS_MAX = 5.0
_UNREAD_SECONDS_MAX = 10.0
_ALIVE_SECONDS = 30.0
_HOUR_SECONDS = 3600.0
#: A full pass that failed is asked for again after this long.
_AGAIN_SECONDS = 60.0
#: A full pass that has given no sign of life in this time hangs; it gives one with each slice, of a second or so.
_STUCK_SECONDS = 300.0

_log = structlog.get_logger()


class Watch:
    """One watch. Belongs to one thread; the publisher and the child work beside it."""

    def __init__(self, data: Path, *, system_id: str, clock: Clock) -> None:
        self._clock = clock
        self._database = open_store(data, system_id=system_id)
        self._continuous = Continuous(data, system_id=system_id, database=self._database, clock=clock)
        self._gatefile = open_gate(data, system_id=system_id, role="control")
        self._lease_file = LeaseStore(data, system_id=system_id, role="watch")
        self._keeper = LeaseKeeper(self._lease_file, clock=clock)
        self._data = data
        self._roles = Detecting(
            data,
            system_id=system_id,
            clock=clock,
            detectors=[AssignedRoles()],
            database=self._database,
            gatefile=self._gatefile,
        )
        with self._database.transaction("write"):
            signing.keep_first(data, self._database, system_id=system_id, at=clock.now())
        self._publishing = Publishing(data, system_id=system_id, clock=clock, database=self._database)
        self._unsigned = self._publishing.unsigned
        self._sampling = Sampling(data, system_id=system_id, clock=clock)
        self._child = FullPassChild(data)
        self._turned: BootTime | None = None
        self._renewed: BootTime | None = None
        self._unread = Unread()
        self._rescan = Rescan(clock=clock)
        self._unknown_since: dict[str, BootTime] = {}
        self._full_unknown_since: dict[str, BootTime] = {}
        self._full_asked: BootTime | None = None
        self._left: list[str] = ["no pass yet"]
        self._watermark = 0
        self._keeper.take()

    def alive(self) -> bool:
        """Whether a turn came to an end lately."""
        age = None if self._turned is None else self._clock.boot().seconds_since(self._turned)
        return age is not None and age < _ALIVE_SECONDS

    def run(self, stopping: threading.Event) -> None:
        """Watch until told to stop; raises `LeaseLost` when another watch has taken over."""
        self._publishing.start()
        self._sampling.start()
        try:
            while not stopping.is_set():
                self.turn()
        finally:
            self._sampling.stop()
            self._publishing.stop()
            self.close()

    def close(self) -> None:
        """End the child and give the files back."""
        self._child.stop()
        self._roles.close()
        self._continuous.close()
        self._gatefile.close()
        self._lease_file.close()
        self._database.close()

    def turn(self) -> None:
        """Wait for a commit, look, stop what has to stop, write, and renew the lease when it is due."""
        try:
            self._continuous.engine.wait(_IDLE_SECONDS)
            found = self._continuous.look()
            self._handle(found)
            self._look_again(found)
        except (DatabaseError, GateUnreadable, GateBusy, TooMuchAtOnce, StoreMoved) as error:
            if not isinstance(error, StoreMoved):
                _log.error("pass.failed", error=type(error).__name__, detail=str(error))
            self._left = [f"a pass failed: {error}"]
            self._turned = self._clock.boot()
            self._renew(None)
            if not isinstance(error, StoreMoved):
                self._pause()
            return
        self._turned = self._clock.boot()
        self._renew(found)

    def _pause(self) -> None:
        # What failed once fails again at once; a quarter of a second keeps the log readable.
        threading.Event().wait(_IDLE_SECONDS)

    def _handle(self, found: Pass) -> None:
        self._look_at_seals(found)
        cycle.take_pass(self._continuous, found, self._database, self._gatefile, clock=self._clock)
        self._sampling.passed()
        self._watermark = found.watermark
        self._unread.note(read=found.watermark, last=found.tail.last_number, begun=found.begun)
        if found.wanted:
            self._ask_full("; ".join(found.wanted), committed_at=found.committed_at)
        self._child.keep_alive()
        self._child.end_if_stuck(passes.next_to_end(self._database), clock=self._clock)

    def _look_at_seals(self, found: Pass) -> None:
        """Have nothing said by seals that nobody can sign; when somebody can again, every row is compared anew."""
        before, self._unsigned = self._unsigned, self._publishing.unsigned
        for invariant, why in unsigned.unsaid(self._unsigned).items():
            # One of them stops what has to stop, and is told.
            (found.unsaid if invariant == unsigned.FIRST else found.waiting).setdefault(invariant, why)
        if before and not self._unsigned:
            found.wanted.append("the seals can be signed again")

    def _look_again(self, found: Pass) -> None:
        """A step of the rolling re-scan, unless rows wait to be read."""
        if found.behind or not self._rescan.due():
            return
        piece = self._rescan.step(self._continuous.context())
        unsaid = [*piece.broken_seals, *piece.errors.values()]
        if unsaid and (self._full_asked is None or self._age(self._full_asked) > _AGAIN_SECONDS):
            # What a step cannot say, a full pass says: with the verdict UNKNOWN if it cannot either.
            self._ask_full(unsaid[0])
        cycle.take(
            self._database,
            self._gatefile,
            piece.drafts,
            watermark=found.watermark,
            committed_at=None,
            clock=self._clock,
        )

    def _ask_full(self, reason: str, *, committed_at: int | None = None) -> None:
        with self._database.transaction("write"):
            passes.ask(self._database, reason=reason, at=self._clock.now(), committed_at=committed_at)
        self._full_asked = self._clock.boot()
        self._child.wake()

    def _renew(self, found: Pass | None) -> None:
        if self._renewed is not None and self._age(self._renewed) < _RENEW_SECONDS:
            return
        self._renewed = seen = self._clock.boot()
        try:
            if found is not None:
                self._left = cycle.complete(self._database, self._gatefile, clock=self._clock)
                self._look_at_unknown(found)
                self._roles.turn()
                if self._full_asked is None or self._age(self._full_asked) > self._full_each_seconds():
                    self._ask_full("hourly")
                elif self._age(self._full_asked) > _AGAIN_SECONDS and passes.failed(self._database):
                    self._ask_full("the last one did not come to its end")
                elif passes.waiting(self._database):
                    # Somebody else asked: the operator, or a playbook after its lift.
                    self._child.wake()
            reasons = [*self._left, *self._withheld(found)]
            self._keeper.renew(watermark=self._watermark, withheld="; ".join(reasons)[:500], seen=seen)
        except (DatabaseError, GateBusy, GateUnreadable) as error:
            _log.error("lease.not_renewed", error=type(error).__name__, detail=str(error))

    def _full_each_seconds(self) -> float:
        # Twice within the shortest deadline, or every verdict of a full pass would be UNKNOWN for a while each time.
        return min(_HOUR_SECONDS, deadlines.kept(self._database).shortest(verdicts.FULL) / 2)

    def _age(self, since: BootTime) -> float:
        # Another boot cannot be: this process would not be here.
        return self._clock.boot().seconds_since(since) or 0.0

    def _withheld(self, found: Pass | None) -> list[str]:
        reasons: list[str] = []
        if found is None:
            return reasons
        if self._age(found.begun) > _PASS_SECONDS_MAX:
            reasons.append("the pass took too long")
        waits_since = self._unread.since()
        if waits_since is not None and self._age(waits_since) > _UNREAD_SECONDS_MAX:
            reasons.append("rows wait too long to be read")
        if not found.head_matches:
            reasons.append("the newest sealed row is not what stands in the books")
        for probe in self._lease_file.probes():
            age = self._clock.boot().seconds_since(probe.probed)
            if not probe.bites:
                reasons.append(f"the switch {probe.switch} does not bite")
            elif age is None or age > PROBE_SECONDS_MAX:
                reasons.append(f"the last probe of {probe.switch} is old")
        limits = self._roles.post.thresholds
        reasons.append(
            machine.write_trouble(
                self._lease_file, clock=self._clock, seconds_max=limits["write_probe_seconds"]
            )
        )
        reasons.append(self._disk_trouble(limits["free_mib"]))
        reasons.append(self._publishing.trouble)
        return [reason for reason in reasons if reason]

    def _disk_trouble(self, free_mib: int) -> str:
        try:
            return machine.disk_trouble(self._data, free_mib=free_mib)
        except OSError as error:
            return f"the data folder's disk cannot be asked: {type(error).__name__}"

    def _look_at_unknown(self, found: Pass) -> None:
        now = self._clock.boot()
        for invariant in INVARIANTS:
            if invariant in found.errors or invariant in found.unsaid:
                self._unknown_since.setdefault(invariant, now)
            else:
                self._unknown_since.pop(invariant, None)
        limits = deadlines.kept(self._database)
        overdue = {
            invariant
            for invariant, since in self._unknown_since.items()
            if self._age(since) > limits.of(invariant, verdicts.CONTINUOUS)
        }
        overdue |= self._overdue_full_passes(now)
        cycle.unknown(self._database, self._gatefile, sorted(overdue), clock=self._clock)

    def _overdue_full_passes(self, now: BootTime) -> set[str]:
        """Invariants of which no full pass has said anything within its deadline."""
        overdue: set[str] = set()
        for view in verdicts.current(self._database, clock=self._clock):
            if view.full != verdicts.UNKNOWN:
                self._full_unknown_since.pop(view.invariant, None)
                continue
            since = self._full_unknown_since.setdefault(view.invariant, now)
            limit = view.full_deadline_seconds
            # A verdict that is too old is overdue by its own age; one that was never given, since somebody looks for it.
            if self._age(since) > limit or (view.full_age_seconds or 0.0) > limit:
                overdue.add(view.invariant)
        return overdue


class FullPassChild:
    """The child for full passes, kept warm: it waits for a line and looks into the store what is asked."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: tuple[int, int] | None = None
        self._moved: BootTime | None = None

    def pid(self) -> int | None:
        """The child's process id, None when there is none at work."""
        alive = self._process is not None and self._process.poll() is None
        return self._process.pid if alive and self._process is not None else None

    def keep_alive(self) -> None:
        """Start it when it is not there."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "watchkeeper.bootstrap", "full-pass", "--data", str(self._data)],
                stdin=subprocess.PIPE,
            )

    def end_if_stuck(self, current: tuple[int, int] | None, *, clock: Clock) -> None:
        """End the child when the pass that runs or waits, as (id, last sign of life), is silent for too long; it is begun anew."""
        if current is None or current != self._seen:
            self._seen, self._moved = current, clock.boot()
            return
        still = None if self._moved is None else clock.boot().seconds_since(self._moved)
        if still is not None and still > _STUCK_SECONDS and self._process is not None:
            _log.error("full_pass.hangs", seconds=_STUCK_SECONDS)
            self._process.kill()
            self._process.wait()
            self._seen = None

    def wake(self) -> None:
        """Have it look."""
        self.keep_alive()
        if self._process is not None and self._process.stdin is not None:
            try:
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()
            except OSError:
                # It ended just now; the next turn starts it, and what is asked stands in the store.
                _log.warning("full_pass.child_ended")

    def stop(self) -> None:
        """End it: its input closes."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def run(data: Path, *, beat: int) -> None:
    """Watch until told to stop."""
    clock = SystemClock()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    watch = Watch(data, system_id=system_id_of(data), clock=clock)
    beating = Beat(beat, alive=watch.alive, on_orphaned=stopping.set)
    beating.start()
    try:
        watch.run(stopping)
    except LeaseLost:
        _log.error("lease.lost")
    finally:
        beating.stop()
