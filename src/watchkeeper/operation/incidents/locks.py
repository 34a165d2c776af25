"""One worker in the repository at a time, and lock files that a killed process left behind.

The worker holds a lock of the kernel (`flock`), which ends with its process however that ends. Git's own
locks are files, and a file outlives its maker. Such a file is taken away only if all three hold:

- the kernel's lock is ours, so no other worker of ours is in the repository;
- no process on this machine has the file open (Git and dulwich keep theirs open until it is renamed);
- it is older than a bound, or dated that far in the future: the clock was moved, and a person's own `git`
  would not take so long.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Clock

_WORKER_FILE = "one-worker"
_WAIT_STEP_SECONDS = 0.02
#: Git holds a lock for milliseconds.
LOCK_SECONDS_MAX = 10.0


class RepositoryBusy(Exception):
    """Somebody else is at work in the incident repository."""


@contextmanager
def only_worker(control: Path, *, clock: Clock, wait_seconds_max: float) -> Iterator[None]:
    """Be the only worker while the block runs; raises `RepositoryBusy` when the wait is over."""
    descriptor = os.open(control / _WORKER_FILE, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        began = clock.boot()
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = clock.boot().seconds_since(began)
                if waited is None or waited >= wait_seconds_max:
                    raise RepositoryBusy(RepositoryBusy.__doc__) from None
                time.sleep(_WAIT_STEP_SECONDS)
        yield
    finally:
        os.close(descriptor)


def remove_left_lock(lock: Path, *, clock: Clock, seconds_max: float = LOCK_SECONDS_MAX) -> None:
    """Take away a lock file that nobody holds; raises `RepositoryBusy` when somebody may.

    Only the one worker may call it.
    """
    try:
        dated = lock.stat().st_mtime_ns // 1000
    except FileNotFoundError:
        return
    age_seconds = abs(clock.now() - dated) / MICROSECONDS_PER_SECOND
    if age_seconds < seconds_max or _open_somewhere(lock):
        raise RepositoryBusy(f"{RepositoryBusy.__doc__} Its lock: {lock.name}.")
    lock.unlink(missing_ok=True)


def _open_somewhere(lock: Path) -> bool:
    wanted = lock.stat()
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:
            # Gone meanwhile, or another user's, who cannot reach into a folder of mode 0700.
            continue
        for descriptor in descriptors:
            try:
                found = descriptor.stat()
            except OSError:
                continue
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return True
    return False
