"""Publishing the seals beside the watch, in a thread of its own: its syncs must not delay a pass."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import structlog

from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.base.database import Database, DatabaseError
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import publish
from watchkeeper.operation.store import open_store

_EACH_SECONDS = 1.0
#: A round that has not come to its end in this time does not come to one.
_ROUND_SECONDS_MAX = 30.0
_log = structlog.get_logger()


class Publishing:
    """Publishes both logs each second."""

    def __init__(self, data: Path, *, system_id: str, clock: Clock, database: Database) -> None:
        self._data = data
        self._system_id = system_id
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="seals", daemon=True)
        self._ended: BootTime | None = None
        self._unwritten = ""
        #: Why the seals cannot be signed or are not what was signed, in words; empty when they are. Known before the first
        #: round, so that nothing is said to hold on seals that nobody has looked at.
        self.unsigned = publish.unsigned(data, database, system_id=system_id)

    @property
    def trouble(self) -> str:
        """What keeps it from publishing, in words; empty when nothing does."""
        age = None if self._ended is None else self._clock.boot().seconds_since(self._ended)
        late = age is not None and age > _ROUND_SECONDS_MAX
        return self.unsigned or self._unwritten or ("the seals are not published in time" if late else "")

    def start(self) -> None:
        """Begin."""
        self._ended = self._clock.boot()
        self._thread.start()

    def stop(self) -> None:
        """Publish what is left and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _work(self) -> None:
        last = False
        while not last:
            last = self._stopping.wait(_EACH_SECONDS)
            self.round()

    def round(self) -> None:
        """Publish what is new in both logs, once, and say what keeps from it."""
        try:
            with closing(open_store(self._data, may_write=False, system_id=self._system_id)) as database:
                publisher = publish.Publisher(self._data, system_id=self._system_id)
                for log in logs.LOGS:
                    publisher.publish(database, log)
            self.unsigned = self._unwritten = ""
        except publish.UNSIGNED as error:
            self.unsigned = publish.words(error)
            _log.error("seals.failed", detail=str(error))
        except Exception as error:
            # Whatever it is, seals that nobody publishes are no seals: the lease says so, and the next round tries again.
            self._unwritten = f"the seals cannot be written: {type(error).__name__}"
            log_it = _log.error if isinstance(error, DatabaseError | OSError) else _log.exception
            log_it("seals.failed", error=type(error).__name__, detail=str(error))
        self._ended = self._clock.boot()
