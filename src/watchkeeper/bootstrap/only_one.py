"""One running system for one data folder: a lock that the kernel gives back when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class AlreadyRunning(Exception):
    """Another run keeps this data folder already."""


def take(data: Path) -> int:
    """Hold the folder until this process ends; the descriptor that holds it. Raises `AlreadyRunning`."""
    folder = data / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunning(AlreadyRunning.__doc__) from error
    return descriptor
