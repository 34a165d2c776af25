"""Without traders standing in line for their own wallet, 6.2 sees the lock that looked at an exposure of before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from tests.worlds.unguarded import Unguarded
from watchkeeper.base.database import Database
from watchkeeper.market.commands import PayToLock
from watchkeeper.market.load import people
from watchkeeper.market.state import State


def test_a_lock_on_an_exposure_of_before_is_seen(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = people.wallets
    looked_at: dict[int, int] = {}

    def too_early(database: Database, state: State, trader_ids: Collection[int]) -> None:
        load(database, state, trader_ids)
        for trader_id, wallet in state.wallets.items():
            exposure = looked_at.setdefault(trader_id, wallet.exposure_ugx)
            state.wallets[trader_id] = replace(wallet, exposure_ugx=exposure)

    monkeypatch.setattr(people, "wallets", too_early)
    world = unguarded.world
    world.bench.one(PayToLock(unit_id=world.free_units[0]), world.victim)
    assert unguarded.seen() == set()
    second = world.bench.one(PayToLock(unit_id=world.free_units[1]), world.victim)
    # What was written back follows from what was looked at.
    assert unguarded.seen() == {("6.2", "not atomic"), ("1.3", "overwritten")}
    number = world.bench.books.database.one("SELECT id FROM locks WHERE utid = ?", (second.utid,))
    assert number is not None
    assert unguarded.named("6.2") == unguarded.in_a_full_pass("6.2") == {f"locks {int(str(number[0]))}"}
