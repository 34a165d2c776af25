"""Walks over more than is held at once leave nothing out, and a state that stands apart from the replay is counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import business
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.views import JOURNAL, STATES
from watchkeeper.operation.catalogue import accounts, paging
from watchkeeper.operation.catalogue.accounts import Accounts
from watchkeeper.operation.catalogue.context import Found, News
from watchkeeper.operation.catalogue.invariants.i1_3_overwrites import apart_from_the_replay

TRADER_STATE = STATES["trader_state"]
EXPOSED = "UPDATE trader_state SET exposure_ugx = exposure_ugx + 7 WHERE trader_id = {trader}"


@pytest.fixture
def world(data: Path) -> Iterator[World]:
    """A market with business of every kind, all of it read."""
    found = World(data, clock=TurnedClock(SystemClock()), business=business.whole)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("size", "expected"), [(1, [[1], [2], [3]]), (2, [[1, 2], [3]]), (3, [[1, 2, 3]]), (4, [[1, 2, 3]])]
)
def test_pieces_are_as_large_as_asked_and_hold_everything(size: int, expected: list[list[int]]) -> None:
    assert list(paging.pieces([1, 2, 3], size)) == expected
    assert list(paging.pieces([], size)) == []


def test_lists_are_joined_and_what_is_left_over_comes_last() -> None:
    assert list(paging.joined([[1], [], [2, 3], [4], [5]], 2)) == [[1], [2, 3, 4], [5]]
    assert list(paging.joined([[1], [2]], 2)) == [[1, 2], []]
    assert list(paging.joined([[]], 2)) == [[]]


def test_a_walk_goes_on_where_the_last_page_ended() -> None:
    asked: list[int] = []

    def beyond(after: int) -> list[int]:
        asked.append(after)
        return [thing for thing in (2, 3, 5, 8, 13) if thing > after][:2]

    assert list(paging.walked(beyond, lambda thing: thing, 0)) == [[2, 3], [5, 8], [13]]
    assert asked == [0, 3, 8, 13]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_keys_of_several_tables_come_once_and_in_order(world: World, size: int) -> None:
    database = world.continuous.views.database
    columns = (("watch_unit_steps", "unit_id"), ("watch_locks", "unit_id"))
    every = {key for view, column in columns for (key,) in database.query(f"SELECT {column} FROM {view}", ())}
    pages = list(paging.keys(database, columns, size))
    assert [key for page in pages for key in page] == sorted(every, key=lambda key: int(str(key)))
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)


def test_all_accounts_are_walked_over_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.turn()
    whole = [account for page in accounts.pages(world.database) for account in page]
    assert len(whole) == len(world.database.query("SELECT 1 FROM account_state", ())) > 2
    monkeypatch.setattr(paging, "PAGE", 2)
    pages = list(accounts.pages(world.database))
    assert [account for page in pages for account in page] == whole
    assert {len(page) for page in pages[:-1]} == {2}


def apart_now(world: World, news: News | None = None, table: str = "trader_state") -> list[int]:
    """Whom of all people the next look would have to count."""
    context = world.continuous.context()
    with context.views.snapshot():
        people = [int(str(key)) for (key,) in context.views.database.query("SELECT id FROM watch_users", ())]
        return list(apart_from_the_replay(context, table, sorted(people), Accounts(context.database), news))


def test_nobody_stands_apart_whose_state_the_replay_has(world: World) -> None:
    world.turn()
    assert apart_now(world) == []
    # Of other states no replay runs, so all of them are counted.
    assert len(apart_now(world, table="user_state")) > 10


@pytest.mark.parametrize(
    "statement",
    [
        EXPOSED,
        "UPDATE trader_state SET last_number = last_number + 1 WHERE trader_id = {trader}",
        "DELETE FROM trader_state WHERE trader_id = {trader}",
    ],
)
def test_a_state_that_says_something_else_stands_apart(world: World, statement: str) -> None:
    world.turn()
    world.inject((statement,))
    assert apart_now(world) == [world.victim]


def test_who_has_entries_that_are_not_read_yet_waits_for_the_pass_that_reads_them(world: World) -> None:
    world.turn()
    assert world.can_deposit(world.neighbour) == "accepted"
    assert apart_now(world) == []
    world.inject((EXPOSED,))
    # Somebody else's unread entries excuse nobody.
    assert apart_now(world) == [world.victim]
    assert world.can_deposit(world.victim) == "accepted"
    assert apart_now(world) == []


def test_what_this_pass_has_read_is_read(world: World) -> None:
    world.turn()
    assert world.can_deposit(world.neighbour) == "accepted"
    context = world.continuous.context()
    last = context.views.last(JOURNAL)
    assert apart_now(world, News(journal=[Found("journal", last - 1, {})])) == []
    assert apart_now(world, News(journal=[Found("journal", last, {})])) == [world.neighbour]
    assert apart_now(world, News()) == []
