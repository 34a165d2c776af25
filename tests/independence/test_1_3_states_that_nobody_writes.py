"""Without the writing of state rows beside what they follow from, 1.3 sees each that stayed behind."""

from __future__ import annotations

import pytest

from tests.worlds.unguarded import Unguarded
from watchkeeper.base.database import Database
from watchkeeper.market import append
from watchkeeper.market.commands import MakeOffer, PayToLock, SuspendUser
from watchkeeper.market.state import State, User


def test_states_that_stay_behind_are_seen(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append, "project", lambda *_: None)
    world = unguarded.world
    unit, other = world.free_units[:2]
    world.bench.one(PayToLock(unit_id=unit), world.victim)
    world.bench.one(MakeOffer(unit_id=other, price_ugx_per_kg=90), world.neighbour)
    world.bench.one(
        SuspendUser(account=world.alias_of(world.farmer), reason="suspended, says the test"),
        world.bench.market.admin.id,
    )
    assert unguarded.seen() == {("1.3", "overwritten")}
    assert unguarded.named("1.3") == unguarded.in_a_full_pass("1.3")
    assert unguarded.named("1.3") == {
        f"trader_state {world.victim}",
        f"unit_state {unit}",
        f"user_state {world.farmer}",
        "offer_state 1",
    }


def test_one_column_that_is_not_written_is_seen(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = append.project

    def sessions_live_on(database: Database, state: State) -> None:
        for user_id in state.dirty_users:
            user = state.users[user_id]
            state.users[user_id] = User(user.id, user.alias, user.role, user.status, 1)
        write(database, state)

    monkeypatch.setattr(append, "project", sessions_live_on)
    world = unguarded.world
    world.bench.one(
        SuspendUser(account=world.alias_of(world.farmer), reason="suspended, says the test"),
        world.bench.market.admin.id,
    )
    assert unguarded.seen() == {("1.3", "overwritten")}
    assert unguarded.named("1.3") == unguarded.in_a_full_pass("1.3") == {f"user_state {world.farmer}"}
