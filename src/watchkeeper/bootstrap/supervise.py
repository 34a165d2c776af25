"""Keeps the processes alive: starts them, restarts what ends with a growing pause, kills what hangs.

By the documented authority (restart): our own processes, nothing else. The listening sockets belong
to the supervisor and are handed down, so an address survives the process behind it.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import structlog

from watchkeeper.base.clock import BootTime, Clock

#: A process that has not beaten for this long hangs. Longer than the watch's silence, which stops money first; not much
#: longer, because a watch that hangs within a transaction keeps the control room's store from writing that it does.
HANG_SECONDS = 40.0
#: Starting takes its time on a slow disk; the first beat may come later than the others.
FIRST_BEAT_SECONDS = 120.0
#: Whoever has not listened for this long cannot say who was silent meanwhile.
_AWAY_SECONDS = 5.0
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
#: A process that lived this long starts again without a pause's growth.
_SETTLED_SECONDS = 60.0
_STOP_SECONDS = 12.0

_log = structlog.get_logger()


@dataclass(slots=True)
class Child:
    """One process of ours: its command, and what is handed down to it."""

    name: str
    arguments: Sequence[str]
    descriptors: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    reader: int = -1
    #: Whether its process id stands in its file; on a full disk it follows when there is room.
    noted: bool = True
    started: BootTime | None = None
    beaten: BootTime | None = None
    beats: int = 0
    failures: int = 0
    not_before: BootTime | None = field(default=None)
    pause_seconds: float = 0.0


class Supervisor:
    """Runs the children until it is told to stop."""

    def __init__(self, data: Path, children: Sequence[Child], *, clock: Clock) -> None:
        self._data = data
        self._children = list(children)
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._stopping = False
        self._listened: BootTime | None = None

    def stop(self) -> None:
        """Have `run` end; safe in a signal handler."""
        self._stopping = True
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_writer, b"!")

    def run(self) -> None:
        """Keep everything alive until `stop`, then end the children in order."""
        try:
            while not self._stopping:
                self.step()
        finally:
            self._end_all()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def started(self) -> bool:
        """Whether every child has beaten at least once since its last start."""
        return all(child.beats > 0 for child in self._children)

    def step(self) -> None:
        """One round of looking after; `run` is many."""
        if self._listened is not None and self._age(self._listened) > _AWAY_SECONDS:
            # This process was stopped, or the machine slept: nobody hangs for that, so everybody's time begins anew.
            for child in self._children:
                child.started = child.beaten = self._clock.boot()
        for child in self._children:
            self._look_after(child)
        self._listen(0.2)

    def _listen(self, seconds: float) -> None:
        self._listened = self._clock.boot()
        for key, _ in self._selector.select(seconds):
            data = os.read(key.fd, 4096)
            child = key.data
            if isinstance(child, Child) and data:
                child.beats += len(data)
                child.beaten = self._clock.boot()
            elif isinstance(child, Child):
                self._selector.unregister(key.fd)

    def _look_after(self, child: Child) -> None:
        if child.process is None:
            if child.not_before is None or self._age(child.not_before) >= child.pause_seconds:
                self._start(child)
            return
        code = child.process.poll()
        if code is not None:
            self._ended(child, code)
            return
        if not child.noted:
            self._note(child, child.process.pid)
        limit = HANG_SECONDS if child.beats else FIRST_BEAT_SECONDS
        if self._silent_for(child) > limit:
            # What it said while this process was busy with another is heard first.
            self._listen(0)
        if self._silent_for(child) > limit:
            _log.error("process.hangs", process=child.name, seconds=limit)
            child.process.kill()

    def _silent_for(self, child: Child) -> float:
        last = child.beaten or child.started
        return 0.0 if last is None else self._age(last)

    def _age(self, since: BootTime) -> float:
        return self._clock.boot().seconds_since(since) or 0.0

    def _start(self, child: Child) -> None:
        try:
            reader, writer = os.pipe()
        except OSError as error:
            self._not_started(child, error)
            return
        command = [sys.executable, "-m", "watchkeeper.bootstrap", *child.arguments, "--beat", str(writer)]
        try:
            with self._errors(child) as errors:
                child.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=errors,
                    stderr=errors,
                    pass_fds=(writer, *child.descriptors),
                    # Ctrl-C in the terminal goes to the supervisor, which ends the others in order.
                    start_new_session=True,
                )
        except OSError as error:
            # What the machine lacks now it may have again; whoever keeps the others alive does not end for it.
            os.close(reader)
            self._not_started(child, error)
            return
        finally:
            os.close(writer)
        self._note(child, child.process.pid)
        child.reader = reader
        child.started = self._clock.boot()
        child.beaten = None
        child.beats = 0
        self._selector.register(reader, selectors.EVENT_READ, child)

    def _not_started(self, child: Child, error: OSError) -> None:
        self._again_later(child)
        _log.error("process.not_started", process=child.name, error=str(error))

    def _errors(self, child: Child) -> BinaryIO:
        """Where a process may write what no log takes; nowhere when there is no room even for an empty file."""
        try:
            return (self._data / "run" / f"{child.name}.err").open("ab")
        except OSError:
            return Path(os.devnull).open("ab")

    def _note(self, child: Child, pid: int) -> None:
        # Whoever reads it while it is written finds the old number or the new one, never half of one.
        pid_file = self._data / "run" / f"{child.name}.pid"
        fresh = pid_file.with_suffix(".pid.new")
        try:
            fresh.write_text(str(pid), encoding="ascii")
            fresh.replace(pid_file)
        except OSError as error:
            if child.noted:
                _log.error("process.not_noted", process=child.name, error=str(error))
            child.noted = False
        else:
            child.noted = True

    def _ended(self, child: Child, code: int) -> None:
        self._forget_pipe(child)
        lived = self._age(child.started) if child.started else 0.0
        if lived > _SETTLED_SECONDS:
            child.failures = -1
        self._again_later(child)
        child.process = None
        _log.warning("process.ended", process=child.name, code=code, again_in_seconds=child.pause_seconds)

    def _again_later(self, child: Child) -> None:
        child.failures += 1
        child.pause_seconds = _PAUSES_SECONDS[min(child.failures, len(_PAUSES_SECONDS) - 1)]
        child.not_before = self._clock.boot()

    def _forget_pipe(self, child: Child) -> None:
        if child.reader >= 0:
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.reader)
            os.close(child.reader)
            child.reader = -1

    def _end_all(self) -> None:
        # The market first: nothing new is accepted while the watch still sees what came before.
        for child in self._children:
            process = child.process
            if process is None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _log.warning("process.killed", process=child.name)
                process.kill()
                process.wait()
            self._forget_pipe(child)
            child.process = None
