"""Turns the wall clock of a real process: Python loads this file at its start when its folder stands in PYTHONPATH.

`WATCHKEEPER_TURNED` names a folder with a file for each process (market, watch, control) that is turned: by so many seconds.
The watch's child for full passes goes by the watch's. Boot time goes on as it does; nobody can turn it.
"""

import os
import sys
import time

_real_ns = time.time_ns
_process = (sys.orig_argv[3:4] or [""])[0].replace("full-pass", "watch")
_file = os.path.join(os.environ.get("WATCHKEEPER_TURNED", ""), _process)


def _turned_ns() -> int:
    try:
        with open(_file, encoding="ascii") as file:
            return _real_ns() + int(file.read()) * 1_000_000_000
    except (OSError, ValueError):
        return _real_ns()


if _process in ("market", "watch", "control"):
    time.time_ns = _turned_ns
    time.time = lambda: _turned_ns() / 1e9
