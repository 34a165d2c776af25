"""Signs of life from a process to its supervisor, through a pipe.

The supervisor kills a process that has stopped beating; a process whose supervisor is gone ends by
itself, because nobody would be there to restart it or to be told.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

BEAT_SECONDS = 1.0
#: How often a process that has not beaten yet asks whether it can. The supervisor waits for two minutes for a first beat
#: and for forty seconds for the next, so a process that hangs soon after its first look must have beaten before.
_BEGINNING_SECONDS = 0.02


class Beat:
    """One end of the pipe, held by the process that beats. Descriptor -1 means: run by hand, nobody listens."""

    def __init__(
        self, descriptor: int, *, alive: Callable[[], bool], on_orphaned: Callable[[], None]
    ) -> None:
        self._descriptor = descriptor
        self._alive = alive
        self._on_orphaned = on_orphaned
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="beat", daemon=True)

    def start(self) -> None:
        """Beat as soon as `alive` says that the work goes on, and each second for as long as it does."""
        if self._descriptor >= 0:
            os.set_blocking(self._descriptor, False)
            self._thread.start()

    def stop(self) -> None:
        """End quietly."""
        self._stopping.set()

    def _work(self) -> None:
        pause = _BEGINNING_SECONDS
        while not self._stopping.wait(pause):
            if not self._alive():
                continue
            pause = BEAT_SECONDS
            try:
                os.write(self._descriptor, b".")
            except BlockingIOError:
                # The supervisor is slow to read. It is there, and that is what this end needs to know.
                continue
            except OSError:
                self._on_orphaned()
                return
