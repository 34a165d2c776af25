"""A watch that hangs may hold the control room's store while it does; that it was silent is told all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from watchkeeper.base.database import DatabaseBusy
from watchkeeper.bootstrap import setup
from watchkeeper.bootstrap.worker import Worker
from watchkeeper.boundary.lease import LeaseKeeper, LeaseStore
from watchkeeper.operation.store import open_store, system_id_of


def test_a_silence_during_which_nothing_could_be_written_is_told_when_the_watch_is_back(
    tmp_path: Path,
) -> None:
    clock = TurnableClock()
    data = tmp_path / "data"
    setup.create(data, clock=clock)
    system_id = system_id_of(data)
    lease = LeaseStore(data, system_id=system_id, role="watch")
    watch = LeaseKeeper(lease, clock=clock)
    watch.take()
    watch.renew(watermark=0, withheld="")
    worker = Worker(data, system_id=system_id, clock=clock)
    store = open_store(data)
    worker.turn()
    assert store.query("SELECT title FROM alerts") == []

    # The watch stops within a transaction of its own, and stands still for longer than its silence may last.
    store.begin("write")
    clock.boot_offset_seconds += 31
    with pytest.raises(DatabaseBusy):
        worker.turn()
    # It is ended and started again, and renews its lease before anybody could write.
    store.rollback()
    watch.renew(watermark=0, withheld="")
    worker.turn()
    told = store.query("SELECT title, state FROM alerts WHERE condition = 'monitor silent'")
    assert told == [("The watch is silent", "open")]

    clock.boot_offset_seconds += 2
    worker.turn()
    assert store.query("SELECT state FROM alerts WHERE condition = 'monitor silent'") == [("resolved",)]
    store.close()
    lease.close()
