"""Buttons that are pressed twice, where no row of the books knows it: the second press gets the first one's answer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from watchkeeper.base.clock import Clock, Instant

_KEPT_MAX = 500
_KEPT_SECONDS = 60


@dataclass(slots=True)
class _Press:
    at: Instant
    lock: threading.Lock = field(default_factory=threading.Lock)
    answer: str | None = None


class Presses:
    """The presses of the last minute. What is refused is not kept: it may be tried again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._presses: OrderedDict[str, _Press] = OrderedDict()

    def once(self, key: str, act: Callable[[], str]) -> str:
        """What `act` gives, or gave for this key a moment ago."""
        now = self._clock.now()
        with self._lock:
            while self._presses:
                oldest = next(iter(self._presses.values()))
                if len(self._presses) < _KEPT_MAX and now - oldest.at < _KEPT_SECONDS * 1_000_000:
                    break
                self._presses.popitem(last=False)
            press = self._presses.setdefault(key, _Press(now))
        with press.lock:
            if press.answer is None:
                press.answer = act()
            return press.answer
