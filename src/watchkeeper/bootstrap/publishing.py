"""Publishing the seals beside the watch, in a thread of its own: its syncs must not delay a pass."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import DatabaseError
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals.log import NodeMissing
from watchkeeper.operation.seals.note import NoteNotSigned, NoteUnreadable
from watchkeeper.operation.seals.publish import KeyMissing, LogForked, Publisher
from watchkeeper.operation.store import open_store

_EACH_SECONDS = 1.0

_log = structlog.get_logger()


class Publishing:
    """Publishes both logs each second. `trouble` says what keeps it from that, empty when nothing does."""

    def __init__(self, data: Path, *, system_id: str, clock: Clock) -> None:
        self._data = data
        self._system_id = system_id
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="seals", daemon=True)
        self.trouble = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Publish what is left and end."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        database = open_store(self._data, may_write=False, system_id=self._system_id)
        publisher = Publisher(self._data, system_id=self._system_id)
        last = False
        while not last:
            last = self._stopping.wait(_EACH_SECONDS)
            try:
                for log in logs.LOGS:
                    publisher.publish(database, log)
                self.trouble = ""
            except (KeyMissing, LogForked, NodeMissing, NoteNotSigned, NoteUnreadable) as error:
                self.trouble = f"the seals cannot be published: {error}"
                _log.error("seals.failed", detail=str(error))
            except (DatabaseError, OSError) as error:
                self.trouble = f"the seals cannot be written: {type(error).__name__}"
                _log.error("seals.failed", detail=str(error))
        database.close()
