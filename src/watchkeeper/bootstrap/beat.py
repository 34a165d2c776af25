"""Signs of life from a process to its supervisor, through a pipe.

The supervisor kills a process that has stopped beating; a process whose supervisor is gone ends by
itself, because nobody would be there to restart it or to be told.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

BEAT_SECONDS = 1.0


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
        """Begin to beat each second, as long as `alive` says that the work goes on."""
        if self._descriptor >= 0:
            os.set_blocking(self._descriptor, False)
            self._thread.start()

    def stop(self) -> None:
        """End quietly."""
        self._stopping.set()

    def _work(self) -> None:
        while not self._stopping.wait(BEAT_SECONDS):
            if not self._alive():
                continue
            try:
                os.write(self._descriptor, b".")
            except BlockingIOError:
                # The supervisor is slow to read. It is there, and that is what this end needs to know.
                continue
            except OSError:
                self._on_orphaned()
                return
