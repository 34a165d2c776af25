"""Waiting for what happens by itself: a condition and a deadline, never a guess at how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_POLL_SECONDS = 0.01


def until(condition: Callable[[], T | None], *, seconds: float = 60.0, what: str = "") -> T:
    """The condition's first true value; an `AssertionError` that says `what` when it does not come in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() >= deadline:
            raise AssertionError(f"did not happen within {seconds:.0f} s: {what or condition}")
        pause.wait(_POLL_SECONDS)
