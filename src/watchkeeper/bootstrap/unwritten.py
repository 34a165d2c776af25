"""That the control room cannot write down what it sees: since when, and with which error."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

from watchkeeper.base.clock import BootTime, Clock, Instant
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.base.words import harmless
from watchkeeper.operation.detectors import thresholds

_LIMIT = "store_unwritable_seconds"
_DETAIL_MAX = 300


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A time in which nothing could be written: its beginning by both clocks, and the last error."""

    since: Instant
    begun: BootTime
    detail: str
    #: Whether the operator was told without the store; then it comes on record, however short it was.
    told: bool = False


class Writing:
    """Whether it can, as the worker's last rounds went; noted by the worker's thread and read by the one that tells of it."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: Unwritten | None = None

    def failed(self, error: Exception) -> None:
        """A round came to no end, because something could not be written."""
        detail = harmless(str(error), _DETAIL_MAX) or type(error).__name__
        with self._lock:
            if self._found is None:
                self._found = Unwritten(self._clock.now(), self._clock.boot(), detail)
            else:
                self._found = replace(self._found, detail=detail)

    def worked(self) -> None:
        """A whole round was written."""
        with self._lock:
            self._found = None

    def to_tell(self, data: Path) -> Unwritten | None:
        """What lasts and has lasted for so long by now that it is told; None when nothing does. It counts as told from here."""
        with self._lock:
            if self._found is None or not self._long(self._found, data):
                return None
            self._found = replace(self._found, told=True)
            return self._found

    def to_record(self, data: Path) -> Unwritten | None:
        """What was told, or has lasted for so long; for a round that is being written."""
        with self._lock:
            found = self._found
            return None if found is None or not (found.told or self._long(found, data)) else found

    def _long(self, found: Unwritten, data: Path) -> bool:
        # In another boot this process would not be here.
        return (self._clock.boot().seconds_since(found.begun) or 0.0) >= _limit_seconds(data)


def _limit_seconds(data: Path) -> int:
    """For how long it may be so before it is told; the default while the settings cannot be read."""
    try:
        return thresholds.read(data)[_LIMIT]
    except (SettingsWrong, OSError):
        return thresholds.DEFAULTS[_LIMIT]
