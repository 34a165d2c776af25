"""The store of leaves: how much of it is leaves, and that those of an earlier version come over as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import ConstraintViolated, DatabaseError, migrations
from watchkeeper.operation import store
from watchkeeper.operation.seals import log

_MIGRATION = "20261126-seal-leaves"
#: As long as the leaf of an ordinary act.
_LEAVES = [f"{number:06d}".encode() * 240 for number in range(400)]


def test_leaves_take_little_more_room_than_their_bytes(tmp_path: Path) -> None:
    store.create(tmp_path, system_id="t", clock=SystemClock())
    database = store.open_store(tmp_path)
    with database.transaction("write"):
        log.append(database, log=log.MAIN, leaves=_LEAVES)
    row = database.one("SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%seal_leaves%'")
    database.close()
    assert row is not None
    taken = int(str(row[0]))
    assert sum(map(len, _LEAVES)) < taken < 1.5 * sum(map(len, _LEAVES))


def test_the_leaves_of_an_earlier_version_come_over_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SystemClock()
    real = migrations.available
    with monkeypatch.context() as then:
        then.setattr(
            migrations,
            "available",
            lambda name, *, engine: [found for found in real(name, engine=engine) if found[0] != _MIGRATION],
        )
        store.create(tmp_path, system_id="t", clock=clock)
        database = store.open_store(tmp_path)
        with database.transaction("write"):
            log.append(database, log=log.MAIN, leaves=_LEAVES)
            log.append(database, log=log.SIDE, leaves=_LEAVES[:7])
        roots = [log.root(database, name) for name in log.LOGS]
        database.close()
    assert store.upgrade(tmp_path, clock=clock) == [_MIGRATION]
    database = store.open_store(tmp_path)
    assert log.leaves(database, log.MAIN, begin=0, end=1000) == _LEAVES
    assert log.leaves(database, log.SIDE, begin=0, end=1000) == _LEAVES[:7]
    with database.transaction("write"):
        assert log.append(database, log=log.MAIN, leaves=[b"next"]) == len(_LEAVES) + 1
    assert [log.root(database, log.MAIN, at_size=len(_LEAVES)), log.root(database, log.SIDE)] == roots
    for change in (
        "DELETE FROM seal_leaves WHERE idx = 3",
        "UPDATE seal_leaves SET bytes = x'00' WHERE idx = 3",
    ):
        with pytest.raises(DatabaseError, match="append-only"):
            database.execute(change)
    with pytest.raises(ConstraintViolated):
        database.execute("INSERT INTO seal_leaves (log, idx, bytes) VALUES ('main', 3, x'00')")
    database.close()
