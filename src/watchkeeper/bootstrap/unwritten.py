"""That the control room cannot write down what it sees: since when, and with which error."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.clock import BootTime, Clock, Instant
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.base.words import harmless
from watchkeeper.operation.detectors import thresholds

_LIMIT = "store_unwritable_seconds"
_DETAIL_MAX = 300


def limit_seconds(data: Path) -> int:
    """For how long it may be so before it is told; the default while the settings cannot be read."""
    try:
        return thresholds.read(data)[_LIMIT]
    except (SettingsWrong, OSError):
        return thresholds.DEFAULTS[_LIMIT]


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A time in which nothing could be written: its beginning by both clocks, and the last error."""

    since: Instant
    begun: BootTime
    detail: str


class Writing:
    """Whether it can, as the worker's last rounds went; noted by the worker's thread and read by the one that tells of it."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._found: Unwritten | None = None

    def failed(self, error: Exception) -> None:
        """A round came to no end, because something could not be written."""
        with self._lock:
            found = self._found
            since = self._clock.now() if found is None else found.since
            begun = self._clock.boot() if found is None else found.begun
            self._found = Unwritten(since, begun, harmless(str(error), _DETAIL_MAX) or type(error).__name__)

    def worked(self) -> None:
        """A whole round was written."""
        with self._lock:
            self._found = None

    def lasting(self, seconds: float) -> Unwritten | None:
        """What has lasted for so long by now; None when nothing has. A boot in between is long enough."""
        with self._lock:
            found = self._found
        if found is None:
            return None
        age = self._clock.boot().seconds_since(found.begun)
        return found if age is None or age >= seconds else None
