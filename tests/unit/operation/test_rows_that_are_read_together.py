"""Rows that a check refers to are the same, read together or one by one, however many somebody put in for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import business
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.operation.catalogue import referred
from watchkeeper.operation.catalogue.referred import AsTheyStand


@pytest.fixture
def world(data: Path) -> Iterator[World]:
    found = World(data, clock=TurnedClock(SystemClock()), business=business.whole)
    yield found
    found.close()


@pytest.mark.parametrize(("together", "keys"), [(2000, 500), (2000, 3), (1, 500), (0, 3)])
def test_orders_and_keys_are_the_same_together_and_one_by_one(
    world: World, monkeypatch: pytest.MonkeyPatch, together: int, keys: int
) -> None:
    context = world.continuous.context()
    with context.views.snapshot():
        rows = context.views.database.query("SELECT id FROM watch_lots ORDER BY id")
        # What is not there, and what is no key, is nothing in either way.
        lots: list[Value] = [lot for (lot,) in rows]
        lots += [max(int(str(lot)) for lot in lots) + 1, None]
        singles = AsTheyStand(context)
        orders = {lot: singles.orders(lot) for lot in lots}
        standing = {lot: singles.by_key("lots", lot) for lot in lots}
        monkeypatch.setattr(referred, "_TOGETHER_MAX", together)
        monkeypatch.setattr(referred, "_KEYS_AT_ONCE", keys)
        foreseen = AsTheyStand(context)
        foreseen.foresee("lots", lots)
        foreseen.foresee_orders(lots)
        assert {lot: foreseen.orders(lot) for lot in lots} == orders
        assert {lot: foreseen.by_key("lots", lot) for lot in lots} == standing
    assert any(len(found) > 0 for found in orders.values())
    assert any(end is not None for found in orders.values() for _, end in found)
    assert [standing[lot] for lot in lots[-2:]] == [None, None]
