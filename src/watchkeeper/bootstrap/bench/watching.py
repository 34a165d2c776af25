"""The watch beside a market that is measured: its steps turned by hand, its full pass in the child that it really uses."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Clock
from watchkeeper.bootstrap.bench.books import BenchFailed
from watchkeeper.bootstrap.bench.filling import Filling
from watchkeeper.bootstrap.setup import control_room
from watchkeeper.bootstrap.watch import FullPassChild
from watchkeeper.operation import cycle, store
from watchkeeper.operation.verifier import passes, verdicts
from watchkeeper.operation.verifier.continuous import Continuous, Pass

_IDLE_STEPS = 20
_POLL_SECONDS = 0.05
_SAY_SECONDS = 15.0
_MIB = 1024


class Watching:
    """Belongs to one thread. `clock` is the market's, whose calendar may be turned back."""

    def __init__(self, data: Path, *, system_id: str, clock: Clock) -> None:
        self.data = data
        self.system_id = system_id
        self._clock = clock
        if not (data / store.FILE_NAME).exists():
            control_room(data, system_id=system_id, clock=clock)
        self.database = store.open_store(data, system_id=system_id)
        self._continuous = Continuous(data, system_id=system_id, database=self.database, clock=clock)

    def close(self) -> None:
        """Give the files back."""
        self._continuous.close()
        self.database.close()

    def step(self) -> tuple[Pass, float]:
        """One step as the watch's process makes it, and its seconds; raises `BenchFailed` when it finds anything."""
        begun = self._clock.boot()
        found = self._continuous.look()
        cycle.take_pass(self._continuous, found, self.database, self._continuous.gatefile, clock=self._clock)
        seconds = self._clock.boot().seconds_since(begun) or 0.0
        if found.drafts or found.errors:
            said = [draft.detail for draft in found.drafts] or [*found.errors.values()]
            raise BenchFailed(f"the watch does not find the market sound: {said[0]}")
        return found, seconds

    def catch_up(self) -> tuple[int, list[float]]:
        """Steps until everything is read and sealed: how many journal rows, and the seconds of each step."""
        rows, seconds = 0, []
        while True:
            found, took = self.step()
            rows += len(found.tail.news.journal)
            seconds.append(took)
            if not found.behind:
                return rows, seconds

    def sealed_rows(self) -> int:
        """How many rows are sealed, of all tables; their keys are dense."""
        row = self.database.one("SELECT sum(key) FROM watermarks WHERE table_name <> 'operator_actions'")
        return 0 if row is None else int(str(row[0]))

    def verdicts(self, mode: str) -> dict[str, str]:
        """Every invariant's verdict by this kind of pass, as of now."""
        return {
            view.invariant: view.continuous if mode == verdicts.CONTINUOUS else view.full
            for view in verdicts.current(self.database, clock=self._clock)
        }

    def continuous(self, filling: Filling, *, rounds: int) -> dict[str, object]:
        """What the checks of new rows cost: in each round an hour's business of a few traders, then the watch's steps."""
        per_entry: list[float] = []
        per_row: list[float] = []
        processor: list[float] = []
        steps: list[float] = []
        for _ in range(rounds):
            before = filling.entries()
            filling.hour(1)
            entries = filling.entries() - before
            begun = time.process_time()
            rows, seconds = self.catch_up()
            processor.append((time.process_time() - begun) / entries)
            per_entry.append(sum(seconds) / entries)
            per_row.append(sum(seconds) / rows)
            steps += seconds
        filling.bench.self_test()
        idle = [self.step()[1] for _ in range(_IDLE_STEPS)]
        return {
            "rounds": rounds,
            "us_per_ledger_entry": _microseconds(per_entry),
            "processor_us_per_ledger_entry": _microseconds(processor),
            "us_per_journal_row": _microseconds(per_row),
            "us_per_step": _microseconds(steps),
            "us_per_step_of_nothing": _microseconds(idle),
            "verdicts": self.verdicts(verdicts.CONTINUOUS),
        }

    def full_pass(self, *, clock: Clock, say: Callable[[str], None]) -> dict[str, object]:
        """A full pass by the watch's own child: seconds, the most memory that it held, and all verdicts after it."""
        child = FullPassChild(self.data)
        (self.data / "run").mkdir(mode=0o700, exist_ok=True)
        try:
            with self.database.transaction("write"):
                pass_id = passes.ask(self.database, reason="a measurement", at=clock.now())
            child.wake()
            ended = self._ended(pass_id, child, clock=clock, say=say)
            peak, processor = _peak_kib(child.pid()), _processor_seconds(child.pid())
        finally:
            child.stop()
        seconds = ((ended.ended_at or 0) - (ended.begun_at or 0)) / MICROSECONDS_PER_SECOND
        rows = self.sealed_rows()
        return {
            "seconds": round(seconds, 3),
            "processor_seconds": processor,
            "sealed_rows": rows,
            "sealed_rows_per_second": round(rows / seconds) if seconds else None,
            "peak_resident_mib": None if peak is None else round(peak / _MIB, 1),
            "outcome": ended.outcome,
            "verdicts": self.verdicts(verdicts.FULL),
        }

    def _ended(
        self, pass_id: int, child: FullPassChild, *, clock: Clock, say: Callable[[str], None]
    ) -> passes.FullPass:
        said = clock.boot()
        waiting = threading.Event()
        while True:
            found = passes.get(self.database, pass_id)
            if found is not None and found.ended_at is not None:
                return found
            if found is None or child.pid() is None:
                raise BenchFailed("the full pass has come to no end")
            if (clock.boot().seconds_since(said) or 0.0) > _SAY_SECONDS:
                said = clock.boot()
                say(f"  full pass: {found.words}, {(_peak_kib(child.pid()) or 0) // _MIB} MiB at most")
            waiting.wait(_POLL_SECONDS)


def _peak_kib(pid: int | None) -> int | None:
    """The most memory that a process ever held, in KiB; None where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0]) if found else None


def _processor_seconds(pid: int | None) -> float | None:
    """What a process has used of a processor since it began; None where the system does not say."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return None
    return round((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), 2)


def _microseconds(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * MICROSECONDS_PER_SECOND, 1)
