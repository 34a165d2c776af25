"""The child for full passes: waits for a line, runs what is asked for, stops what has to stop as it finds it."""

from __future__ import annotations

import sys
from pathlib import Path

import structlog

from watchkeeper.base.clock import BootTime, Clock, SystemClock, when
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.boundary.gates import open_gate
from watchkeeper.operation import cycle
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.seals import leaf as leaves
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import publish
from watchkeeper.operation.store import open_store, system_id_of
from watchkeeper.operation.verifier import full, passes, unsigned, verdicts
from watchkeeper.operation.verifier.continuous import Continuous, seal_places
from watchkeeper.operation.verifier.full import Slice
from watchkeeper.operation.verifier.passes import FullPass

_log = structlog.get_logger()


class FullPasses:
    """Runs full passes over one data folder. Belongs to one thread."""

    def __init__(self, data: Path, *, system_id: str, clock: Clock) -> None:
        self._clock = clock
        self._data = data
        self._system_id = system_id
        self._database: SqliteDatabase = open_store(data, system_id=system_id)
        self._gatefile = open_gate(data, system_id=system_id, role="control")
        self._continuous = Continuous(data, system_id=system_id, database=self._database, clock=clock)

    def close(self) -> None:
        """Give the files back."""
        self._continuous.close()
        self._gatefile.close()
        self._database.close()

    def look(self) -> None:
        """One continuous pass, where no watch runs: what is new is read, sealed and judged."""
        while True:
            found = self._continuous.look()
            cycle.take_pass(self._continuous, found, self._database, self._gatefile, clock=self._clock)
            if found.behind == 0 or not found.judged:
                return

    def run_waiting(self) -> int:
        """Run every pass that waits; how many."""
        ran = 0
        while True:
            with self._database.transaction("write"):
                waiting = passes.claim(self._database, boot=self._clock.boot(), at=self._clock.now())
            if waiting is None:
                return ran
            self._run(waiting)
            ran += 1

    def _run(self, waiting: FullPass) -> None:
        begun = self._clock.boot()
        errors: dict[str, str] = {}
        found = 0
        upto = 0
        whole = broken = False
        try:
            context = self._continuous.context()
            for piece in full.slices(context):
                found += self._handle(waiting, piece)
                upto = piece.upto
                errors.update(piece.errors)
                for problem in piece.broken_seals:
                    errors.update(dict.fromkeys(INVARIANTS, problem))
                broken = broken or bool(piece.broken_seals)
            whole = not broken
        except Exception as error:
            # Whatever it was, nobody knows now what a full pass would have said; the verdicts say so.
            _log.exception("full_pass.failed")
            errors.update(dict.fromkeys(INVARIANTS, f"the pass failed: {type(error).__name__}"))
        nobody_signs = publish.unsigned(self._data, self._database, system_id=self._system_id)
        errors.update(unsigned.unsaid(nobody_signs))
        self._end(waiting.id, errors, found, upto=upto, begun=begun, whole=whole and not nobody_signs)

    def _handle(self, waiting: FullPass, piece: Slice) -> int:
        noted = cycle.take(
            self._database,
            self._gatefile,
            piece.drafts,
            watermark=logs.size(self._database, logs.MAIN),
            committed_at=waiting.committed_at,
            clock=self._clock,
            beside=lambda: self._goes_on(waiting, piece),
        )
        return len(noted)

    def _goes_on(self, waiting: FullPass, piece: Slice) -> None:
        """Seal each row that nobody owns as what it is, so that the next change of it is seen; and note how far the pass is."""
        first = logs.size(self._database, logs.SIDE)
        logs.append(
            self._database,
            log=logs.SIDE,
            leaves=[leaves.row_leaf(found.table, found.row) for found in piece.strangers],
        )
        seal_places(
            self._database,
            {
                (found.table, found.key): (logs.SIDE, first + offset)
                for offset, found in enumerate(piece.strangers)
            },
        )
        passes.advance(self._database, waiting.id, done=piece.done, upto=piece.upto, boot=self._clock.boot())

    def _end(
        self, pass_id: int, errors: dict[str, str], found: int, *, upto: int, begun: BootTime, whole: bool
    ) -> None:
        with self._database.transaction("write"):
            written = verdicts.store(
                self._database,
                mode=verdicts.FULL,
                errors=errors,
                numbers=upto,
                boot=begun,
                at=when(begun, clock=self._clock),
            )
            worst = next(
                (word for word in (verdicts.BROKEN, verdicts.UNKNOWN) if word in written.values()),
                verdicts.HOLDS,
            )
            passes.end(
                self._database,
                pass_id,
                outcome=f"{worst}, {found} new findings{'' if whole else ', not whole'}",
                whole=whole,
                at=self._clock.now(),
            )


def run(data: Path) -> None:
    """Serve the watch until its end of the pipe closes."""
    clock = SystemClock()
    runner = FullPasses(data, system_id=system_id_of(data), clock=clock)
    try:
        runner.run_waiting()
        while sys.stdin.buffer.readline():
            runner.run_waiting()
    finally:
        runner.close()
