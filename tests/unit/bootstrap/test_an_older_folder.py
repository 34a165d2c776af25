"""A data folder of an earlier version is brought up to date at the start, and the watch takes it for no tampering."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from watchkeeper.base.database import migrations, open_database
from watchkeeper.base.database.places import open_file
from watchkeeper.bootstrap import setup
from watchkeeper.bootstrap.full_pass import FullPasses
from watchkeeper.bootstrap.upgrading import upgrade
from watchkeeper.boundary.features import FEATURE_OF
from watchkeeper.operation import store
from watchkeeper.operation.store import open_store, system_id_of
from watchkeeper.operation.verifier import passes

#: What the first version had.
FIRST = {
    "market": {"20261124-market"},
    "gate": {"20261124-gate"},
    "lease": {"20261124-lease"},
    "operation": {name for name, _ in migrations.available("operation", engine="sqlite")}
    - {"20261124-watched-goods", "20261126-metrics", "20261126-seal-leaves"},
}


@contextmanager
def first_version(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = migrations.available

    def of_then(store: str, *, engine: str) -> list[tuple[str, str]]:
        found = real(store, engine=engine)  # type: ignore[arg-type]
        return [(name, sql) for name, sql in found if name in FIRST.get(store, {name})]

    with monkeypatch.context() as then:
        then.setattr(migrations, "available", of_then)
        yield


def looked(data: Path, clock: TurnableClock) -> list[tuple[object, ...]]:
    """Every finding after a continuous and a full pass."""
    runner = FullPasses(data, system_id=system_id_of(data), clock=clock)
    runner.look()
    room = open_store(data)
    with room.transaction("write"):
        passes.ask(room, reason="the test asks", at=clock.now())
    runner.run_waiting()
    runner.close()
    found: list[tuple[object, ...]] = [
        tuple(row) for row in room.query("SELECT invariant, kind, detail FROM findings")
    ]
    room.close()
    return found


def watched(data: Path) -> None:
    """Leave in the control room what the watch of then left: the mark of the schema that it had looked at."""
    books = open_file(data, "market")
    version = books.one("PRAGMA schema_version")
    books.close()
    room = open_store(data)
    room.execute("INSERT INTO engine_marks (name, value) VALUES ('schema_version', ?)", version or ())
    room.close()


def test_what_is_missing_is_run_once_and_everything_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = TurnableClock()
    data = tmp_path / "data"
    with first_version(monkeypatch):
        setup.create(data, clock=clock)
        watched(data)
        room = open_store(data)
        with room.transaction("write"):
            room.execute("INSERT INTO totals (name, amount_ugx) VALUES ('lots', 5) ON CONFLICT DO NOTHING")
        room.close()
    ran = upgrade(data, clock=clock)
    assert "market 20261124-stored-goods" in ran
    assert "operation 20261124-watched-goods" in ran
    assert upgrade(data, clock=clock) == []
    gate = open_file(data, "gate")
    rows = gate.query("SELECT command, feature, enabled FROM features")
    gate.close()
    assert {(str(command), str(name), on) for command, name, on in rows} == {
        (command, name, 1) for command, name in FEATURE_OF.items()
    }
    room = open_store(data)
    assert room.one("SELECT amount_ugx FROM totals WHERE name = 'goods'") == (5,)
    with room.transaction("write"):
        room.execute("DELETE FROM totals WHERE name IN ('lots', 'goods')")
    room.close()
    assert looked(data, clock) == []


def test_a_schema_that_somebody_else_changed_before_is_still_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = TurnableClock()
    data = tmp_path / "data"
    with first_version(monkeypatch):
        setup.create(data, clock=clock)
        watched(data)
        books = open_file(data, "market")
        books.execute("CREATE TABLE somebodys (a INTEGER)")
        books.execute("DROP TABLE somebodys")
        books.close()
    assert upgrade(data, clock=clock)
    assert [row[:2] for row in looked(data, clock)] == [("1.2", "schema version")]


def test_an_edited_migration_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = TurnableClock()
    data = tmp_path / "data"
    with first_version(monkeypatch):
        setup.create(data, clock=clock)
    books = open_database(data, "market", role="owner")
    books.execute("UPDATE schema_migrations SET digest = 'edited'")
    books.close()
    with pytest.raises(migrations.MigrationChanged):
        upgrade(data, clock=clock)
    assert store.system_id_of(data)
