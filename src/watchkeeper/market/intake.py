"""The one thread that writes the books: gathers what waits, runs it as a batch, answers.

Beside that it keeps the executor's house: looks at the lease each second, writes the notes in
groups, probes the switches, and drives again what a crash left between the gate and the journal.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.base.database import DatabaseError
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.boundary.lease import LeaseReader
from watchkeeper.market.commands import Act, Answer
from watchkeeper.market.execute import BATCH_MAX, Executor
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.pace import Limit, PaceExceeded
from watchkeeper.market.refusals import Refusal

WAITING_MAX = 1000
#: Refusals and rate-limit hits wait this long for company before they are written.
_NOTES_SECONDS = 0.25
_TICK_SECONDS = 1.0
_PROBE_SECONDS = 30.0
#: A round waits for the books at most a few seconds; this is many times that.
_ALIVE_SECONDS = 20.0
#: Past this lag of the watch, work is taken in small bites (architecture, The gate).
LAG_SECONDS_MAX = 5.0
_SLOW_BATCH = 5
_SLOW_PAUSE_SECONDS = 0.1
#: More refusals at the door within one group of notes than this are not counted one by one.
_DENIED_MAX = 10_000

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Command:
    act: Act
    answer: Future[Answer]


@dataclass(frozen=True, slots=True)
class _Attempt:
    account: str
    address: str
    kind: str
    outcome: str
    noted: Future[None]


@dataclass(frozen=True, slots=True)
class _Query:
    actor: str
    query: str
    fields: str
    subjects: str
    restrictable: bool
    noted: Future[None]


@dataclass(frozen=True, slots=True)
class _Flips:
    done: Future[None]


_Item: TypeAlias = _Command | _Attempt | _Query | _Flips


class Intake:
    """Takes acts from any thread and answers each through a future."""

    def __init__(
        self, executor: Executor, *, lease: LeaseReader, housekeeping: Housekeeping, clock: Clock
    ) -> None:
        self._executor = executor
        self._lease = lease
        self._housekeeping = housekeeping
        self._clock = clock
        self._waiting: queue.Queue[_Item] = queue.Queue(WAITING_MAX)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="books", daemon=True)
        self._ticked: BootTime | None = None
        self._noted: BootTime | None = None
        self._probed: BootTime | None = None
        #: Refused at the door, before any command was made; counted by the thread that writes.
        self._denied: deque[tuple[str, str, Limit | None]] = deque(maxlen=_DENIED_MAX)
        #: What was committed when, to tell how long ago the watch's watermark was the newest row.
        self._commits: deque[tuple[BootTime, int]] = deque(maxlen=600)

    def start(self) -> None:
        """Begin to take commands."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what has begun, refuse what waits, and give the files back."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def submit(self, act: Act) -> Future[Answer]:
        """Hand a command in. The future gives its answer or raises its `Refusal`."""
        answer: Future[Answer] = Future()
        try:
            if self._stopping.is_set():
                raise queue.Full
            self._waiting.put_nowait(_Command(act, answer))
        except queue.Full:
            answer.set_exception(_busy())
        return answer

    def note_attempt(self, *, account: str, address: str, kind: str, outcome: str) -> Future[None]:
        """Append an attempt to sign in; durable when the future is done."""
        noted: Future[None] = Future()
        try:
            self._waiting.put_nowait(_Attempt(account, address, kind, outcome, noted))
        except queue.Full:
            noted.set_exception(_busy())
        return noted

    def note_query(
        self, *, actor: str, query: str, fields: str, subjects: str, restrictable: bool
    ) -> Future[None]:
        """Append who reads which fields of whom; durable when the future is done, and only then may they be read.

        `restrictable`: whether a restriction of this query holds for who asks; the operator's reads are never stopped.
        """
        noted: Future[None] = Future()
        try:
            if self._stopping.is_set():
                raise queue.Full
            self._waiting.put_nowait(_Query(actor, query, fields, subjects, restrictable, noted))
        except queue.Full:
            noted.set_exception(_busy())
        return noted

    def note_denied(self, *, actor: str, refusal: Refusal) -> None:
        """Count what somebody was refused at the door, once, and the hit of its limit; from any thread."""
        if refusal.counted:
            return
        refusal.counted = True
        limit = refusal.limit if isinstance(refusal, PaceExceeded) else None
        self._denied.append((actor, refusal.code, limit))

    def record_flips(self) -> Future[None]:
        """Have the flips of the gate written into the journal now, and every switch probed."""
        done: Future[None] = Future()
        try:
            self._waiting.put_nowait(_Flips(done))
        except queue.Full:
            done.set_exception(_busy())
        return done

    def alive(self) -> bool:
        """Whether the writing thread has been round lately; a supervisor asks."""
        if not self._thread.is_alive() or self._ticked is None:
            return False
        age = self._clock.boot().seconds_since(self._ticked)
        return age is not None and age < _ALIVE_SECONDS

    def lag_seconds(self) -> float:
        """How long ago the oldest row was committed that the watch has not read; 0 when it has read all."""
        watermark = self._lease.watermark
        while self._commits and self._commits[0][1] <= watermark:
            self._commits.popleft()
        if not self._commits:
            return 0.0
        return self._clock.boot().seconds_since(self._commits[0][0]) or 0.0

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._once()
            except Exception:
                # The thread is the market's only writer: whatever went wrong is logged and the next batch is tried.
                _log.exception("books.failed")
        while True:
            try:
                item = self._waiting.get_nowait()
            except queue.Empty:
                break
            _fail(item, _busy())
        self._executor.close()

    def _once(self) -> None:
        slow = not self._lease.silent() and self.lag_seconds() > LAG_SECONDS_MAX
        items = self._gather(_SLOW_BATCH if slow else BATCH_MAX)
        try:
            self._answer(items)
        finally:
            for item in items:
                # Whatever went wrong, nobody is left waiting.
                _fail(item, _busy())
        self._tick()
        if slow:
            self._stopping.wait(_SLOW_PAUSE_SECONDS)

    def _gather(self, most: int) -> list[_Item]:
        try:
            items = [self._waiting.get(timeout=0.05)]
        except queue.Empty:
            return []
        while len(items) < most:
            try:
                items.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return items

    def _answer(self, items: list[_Item]) -> None:
        commands = [item for item in items if isinstance(item, _Command)]
        if commands:
            outcomes = self._executor.run([item.act for item in commands])
            last_n = 0
            for item, outcome in zip(commands, outcomes, strict=True):
                if isinstance(outcome, Refusal):
                    item.answer.set_exception(outcome)
                else:
                    last_n = max(last_n, outcome.n)
                    item.answer.set_result(outcome)
            if last_n:
                self._commits.append((self._clock.boot(), last_n))
        attempts = [item for item in items if isinstance(item, _Attempt)]
        for attempt in attempts:
            self._executor.notes.attempt(
                account=attempt.account, address=attempt.address, kind=attempt.kind, outcome=attempt.outcome
            )
        queries = self._admitted([item for item in items if isinstance(item, _Query)])
        for query in queries:
            self._executor.notes.query(
                actor=query.actor, query=query.query, fields=query.fields, subjects=query.subjects
            )
        if attempts or queries:
            try:
                self._executor.flush_notes()
            except DatabaseError as error:
                _log.error("notes.failed", detail=str(error))
            else:
                for noted in (*(one.noted for one in attempts), *(one.noted for one in queries)):
                    noted.set_result(None)
        for flips in (item for item in items if isinstance(item, _Flips)):
            self._housekeeping.tick(self._executor)
            flips.done.set_result(None)

    def _admitted(self, queries: list[_Query]) -> list[_Query]:
        """Those that may be read; the gate is asked once for each name. The others are answered."""
        refused = {
            name: self._refused(name) for name in {query.query for query in queries if query.restrictable}
        }
        admitted: list[_Query] = []
        for query in queries:
            refusal = refused[query.query] if query.restrictable else None
            if refusal is None:
                admitted.append(query)
            else:
                query.noted.set_exception(refusal)
        return admitted

    def _refused(self, query: str) -> Refusal | None:
        try:
            self._executor.admit_reading(query)
        except Refusal as refusal:
            return refusal
        except (DatabaseError, GateBusy, GateUnreadable) as error:
            _log.error("reading.failed", detail=str(error))
            return _busy()
        return None

    def _tick(self) -> None:
        if self._due(self._noted, _NOTES_SECONDS):
            self._noted = self._clock.boot()
            while self._denied:
                actor, code, limit = self._denied.popleft()
                self._executor.notes.refused(actor=actor, code=code)
                if limit is not None:
                    self._executor.notes.hit(actor=actor, limit=limit)
            try:
                self._executor.flush_notes()
            except DatabaseError as error:
                _log.error("notes.failed", detail=str(error))
        if self._due(self._ticked, _TICK_SECONDS):
            self._ticked = self._clock.boot()
            self._lease.poll()
            try:
                self._executor.find_keys()
            except DatabaseError as error:
                _log.error("keys.unread", detail=str(error))
            self._housekeeping.tick(self._executor)
        if self._due(self._probed, _PROBE_SECONDS):
            self._probed = self._clock.boot()
            self._housekeeping.probe(self._executor)

    def _due(self, last: BootTime | None, seconds: float) -> bool:
        if last is None:
            return True
        age = self._clock.boot().seconds_since(last)
        return age is None or age >= seconds


def _busy() -> Refusal:
    return Refusal("busy", "The market is busy. Try again in a moment.", retry_after_seconds=1)


def _fail(item: _Item, refusal: Refusal) -> None:
    future = (
        item.answer if isinstance(item, _Command) else item.done if isinstance(item, _Flips) else item.noted
    )
    if not future.done():
        future.set_exception(refusal)
