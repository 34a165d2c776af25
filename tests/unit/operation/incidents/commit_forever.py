"""Commits what is due until it is killed: `commit_forever.py DATA`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.unit.operation.incidents.checkpoint import checkpoint
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import DatabaseBusy
from watchkeeper.operation import store
from watchkeeper.operation.incidents import checkpoints, due, locks, repository

data = Path(sys.argv[1])
clock = SystemClock()
database = store.open_store(data)
print("ready", flush=True)
while True:
    newest = due.newest_anchor(database, "main")
    size = 1 if newest is None else newest.size + 1
    try:
        repository.commit_due(
            data,
            database,
            clock=clock,
            limit=7,
            newest_checkpoints={"main": checkpoint(size)},
            lock_seconds_max=0.0,
        )
    except (locks.RepositoryBusy, DatabaseBusy, checkpoints.CheckpointWentBack):
        # Another worker is at work, or was ahead with a larger checkpoint.
        continue
