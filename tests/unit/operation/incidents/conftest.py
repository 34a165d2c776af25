"""A data folder with a control room's store and an incident repository, all real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.operation.incidents.room import Room
from watchkeeper.base.clock import SystemClock
from watchkeeper.operation import store
from watchkeeper.operation.incidents import repository


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    clock = SystemClock()
    store.create(data, system_id="sys_k4n8", clock=clock)
    repository.create(data, system_id="sys_k4n8", clock=clock)
    database = store.open_store(data)
    yield Room(data, database, clock)
    database.close()
