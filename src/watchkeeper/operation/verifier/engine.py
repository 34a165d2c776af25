"""The engine's own marks: has anything been committed, and has somebody committed who does not own up to it?

SQLite keeps a counter of commits in the WAL index, the `-shm` file. Each of our own transactions raises a
counter in the books. When the two grow by different amounts, a stranger wrote.

A trap: closing *any* descriptor of these files in this process drops the locks that SQLite holds on
them. So the descriptor of the index is opened once for each file and never closed.
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.boundary.views import BOOKS_FILE, Views

_POLL_SECONDS = 0.002
#: Offset and form of the change counter in the WAL index header, which stands there twice.
_HEADER_BYTES = 48
_COUNTER_OFFSET = 8
_INITIALISED_OFFSET = 12
_TRIES = 60
#: A file that is replaced more often than this is not ours to read any more.
_DESCRIPTORS_MAX = 16


@dataclass(frozen=True, slots=True)
class Marks:
    """The engine's count of commits and our own, as of one snapshot; None where the engine's could not be read."""

    engine: int | None
    own: int
    schema_version: int


class Engine:
    """Belongs to the thread that looks."""

    def __init__(self, data: Path, views: Views) -> None:
        self._index = data / f"{BOOKS_FILE}-shm"
        self._log = data / f"{BOOKS_FILE}-wal"
        self._views = views
        self._descriptors: dict[tuple[int, int], int] = {}
        self._version = -1

    def wait(self, seconds: float) -> bool:
        """Wait for a commit by anybody, at most that long; whether there was one."""
        # A stopwatch for a wait, never stored.
        until = time.monotonic() + seconds
        while True:
            version = self._views.database.data_version()
            if version != self._version:
                self._version = version
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_SECONDS)

    def marks(self) -> Marks:
        """The marks of the current snapshot's moment; call it right after the snapshot began.

        The engine's counter is read before and after the books are; only when it stood still do the two belong together.
        """
        own = self._views.number("SELECT commits FROM watch_commit_count")
        row = self._views.database.one("PRAGMA schema_version")
        return Marks(None, own, int(str(row[0])) if row else 0)

    def snapshot_marks(self) -> Marks | None:
        """The marks of a moment of their own, outside any snapshot; None when no quiet moment was found."""
        for _ in range(_TRIES):
            before = self.engine_commits()
            if before is None:
                return None
            with self._views.snapshot():
                marks = self.marks()
            if self.engine_commits() == before:
                return Marks(before, marks.own, marks.schema_version)
        return None

    def engine_commits(self) -> int | None:
        """The engine's counter, or None where it cannot be read."""
        descriptor = self._descriptor()
        if descriptor is None:
            return None
        header = os.pread(descriptor, 2 * _HEADER_BYTES, 0)
        if len(header) < 2 * _HEADER_BYTES or header[:_HEADER_BYTES] != header[_HEADER_BYTES:]:
            return None
        if header[_INITIALISED_OFFSET] != 1:
            return None
        (counter,) = struct.unpack_from("=I", header, _COUNTER_OFFSET)
        return int(counter)

    def generation(self) -> tuple[int, int] | None:
        """Which index file the counter is read from; another one means a new base."""
        try:
            status = os.stat(self._index)
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _descriptor(self) -> int | None:
        identity = self.generation()
        if identity is None:
            return None
        if identity not in self._descriptors:
            if len(self._descriptors) >= _DESCRIPTORS_MAX:
                return None
            self._descriptors[identity] = os.open(self._index, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptors[identity]

    def committed_at(self) -> int | None:
        """About when the last commit was written: the log file's own time, in microseconds."""
        try:
            return os.stat(self._log).st_mtime_ns // 1000
        except FileNotFoundError:
            return None
