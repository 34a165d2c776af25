"""SQLite's own marks: has anything been committed, and has somebody committed who does not own up to it?

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

from watchkeeper.base.database import file_of
from watchkeeper.boundary.views import Views
from watchkeeper.operation.verifier.engine import Suspicion

_POLL_SECONDS = 0.002
#: Offset and form of the change counter in the WAL index header, which stands there twice.
_HEADER_BYTES = 48
_COUNTER_OFFSET = 8
_INITIALISED_OFFSET = 12
_TRIES = 60
#: A file that is replaced more often than this is not ours to read any more.
_DESCRIPTORS_MAX = 16


@dataclass(frozen=True, slots=True)
class _Marks:
    """The engine's count of commits and our own, as of one moment."""

    engine: int
    own: int


class SqliteEngine:
    """See `engine.Engine`."""

    def __init__(self, data: Path, views: Views) -> None:
        books = file_of(data, "market")
        self._index = books.with_name(f"{books.name}-shm")
        self._log = books.with_name(f"{books.name}-wal")
        self._views = views
        self._descriptors: dict[tuple[int, int], int] = {}
        self._version = -1
        self._marks: _Marks | None = None
        self._index_read: tuple[int, int] | None = None

    def wait(self, seconds: float) -> bool:
        # A stopwatch for a wait, never stored.
        until = time.monotonic() + seconds
        while True:
            version = self._version_now()
            if version != self._version:
                self._version = version
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL_SECONDS)

    @property
    def counts_schema_changes(self) -> bool:
        return True

    def _version_now(self) -> int:
        row = self._views.database.one("PRAGMA data_version")
        return int(str(row[0])) if row else 0

    def schema_mark(self) -> int:
        row = self._views.database.one("PRAGMA schema_version")
        return int(str(row[0])) if row else 0

    def look(self) -> Suspicion:
        index = self._generation()
        marks = self._marks_now()
        if marks is None:
            return Suspicion()
        before, self._marks = self._marks, marks
        if index != self._index_read or before is None:
            self._index_read = index
            return Suspicion(("the watch has just begun to read this file",))
        # The counters have 32 bits and go round.
        engine = (marks.engine - before.engine) % 2**32
        own = marks.own - before.own
        return Suspicion() if engine == own else Suspicion((f"{engine} commits of which {own} are ours",))

    def _marks_now(self) -> _Marks | None:
        """The marks of a moment of their own, outside any snapshot; None when no quiet moment was found.

        The engine's counter is read before and after the books are; only when it stood still do the two belong together.
        """
        for _ in range(_TRIES):
            before = self._engine_commits()
            if before is None:
                return None
            own = self._views.number("SELECT commits FROM watch_commit_count")
            if self._engine_commits() == before:
                return _Marks(before, own)
        return None

    def _engine_commits(self) -> int | None:
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

    def _generation(self) -> tuple[int, int] | None:
        """Which index file the counter is read from; another one means a new base."""
        try:
            status = os.stat(self._index)
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    def _descriptor(self) -> int | None:
        identity = self._generation()
        if identity is None:
            return None
        if identity not in self._descriptors:
            if len(self._descriptors) >= _DESCRIPTORS_MAX:
                return None
            self._descriptors[identity] = os.open(self._index, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptors[identity]

    def committed_at(self) -> int | None:
        # The log file's own time.
        try:
            return os.stat(self._log).st_mtime_ns // 1000
        except FileNotFoundError:
            return None
