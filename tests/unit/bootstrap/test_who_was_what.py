"""What the watch knows of accounts, and flips that are written down by the system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from watchkeeper.base.database import migrations
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.gate import Hold, Switch
from watchkeeper.market.commands import ChangeRole, SuspendUser, UnsuspendUser
from watchkeeper.operation.catalogue.context import News
from watchkeeper.operation.catalogue.people import People, Standing
from watchkeeper.operation.verifier import findings

REASON = "because the test says so and means it"


@pytest.fixture
def world(data: Path) -> Iterator[World]:
    found = World(data, clock=TurnableClock())
    yield found
    found.close()


def found(world: World) -> set[str]:
    world.turn()
    world.full_pass()
    return {finding.invariant for finding in findings.open_findings(world.database)}


def test_an_account_is_what_it_was_before_the_number_that_changed_it(world: World) -> None:
    admin, buyer = world.bench.market.admin.id, world.bench.person("buyer")
    alias = world.alias_of(buyer)
    suspended = world.bench.one(SuspendUser(account=alias, reason=REASON), admin).n
    back = world.bench.one(UnsuspendUser(account=alias, reason=REASON), admin).n
    farmer = world.bench.one(ChangeRole(account=alias, role="farmer", reason=REASON), admin).n
    wanted = {
        1: Standing(None, None),
        suspended: Standing("buyer", "active"),
        back: Standing("buyer", "suspended"),
        farmer: Standing("buyer", "active"),
        farmer + 1: Standing("farmer", "active"),
    }
    news = world.continuous.look().tail.news
    assert {entry.key for entry in news.journal} >= {suspended, back, farmer}
    unsealed = People(world.continuous.context(), news)
    assert {number: unsealed.at(buyer, number) for number in wanted} == wanted
    world.turn()
    sealed = People(world.continuous.context(), News())
    for numbers in (list(wanted), list(reversed(wanted))):
        assert {number: sealed.at(buyer, number) for number in numbers} == wanted


def test_what_was_sealed_before_is_read_from_the_seals(world: World) -> None:
    world.bench.one(
        SuspendUser(account=world.alias_of(world.neighbour), reason=REASON), world.bench.market.admin.id
    )
    world.turn()
    kept = "SELECT table_name, key, user_id, n, value FROM people_steps ORDER BY table_name, key"
    before = world.database.query(kept)
    assert len(before) > 20
    (sql,) = (
        sql for name, sql in migrations.available("operation", engine="sqlite") if name == "20261126-people"
    )
    (backfill,) = (part for part in sql.split(";") if "INSERT INTO" in part)
    with world.database.transaction("write"):
        world.database.execute("DELETE FROM people_steps")
        world.database.execute(backfill)
    assert world.database.query(kept) == before


def test_a_flip_of_somebody_who_cannot_any_more_is_theirs(world: World) -> None:
    world.pilot_mode("engage")
    admin = world.bench.market.admin
    world.bench.one(SuspendUser(account=admin.alias, reason=REASON), world.bench.market.operator.id)
    world.tick()
    row = world.bench.books.database.one(
        "SELECT role FROM journal WHERE command = 'record_flip' ORDER BY n DESC"
    )
    assert row == ("system",)
    assert found(world) == set()


def test_a_switch_that_releases_itself_is_found(world: World) -> None:
    world.pilot_mode("engage")
    world.tick()
    assert found(world) == set()
    world.switching._flip(
        Switch.PILOT_MODE,
        Hold.ADMIN,
        "release",
        alias="system",
        role="system",
        reason="nobody said that it should",
        check=lambda _: None,
    )
    world.tick()
    assert found(world) == {"10.1", "10.2"}


def test_the_stop_file_is_obeyed_by_the_documented_authority(world: World) -> None:
    world.switching.engage_for_stop_file()
    world.tick()
    assert found(world) == set()
