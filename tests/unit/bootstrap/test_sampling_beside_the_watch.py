"""Sampling goes on beside the watch, and whatever happens to it the watch does not notice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.waiting import until
from tests.worlds.watched import Room
from watchkeeper.bootstrap.addresses import Addresses, listen, url, write
from watchkeeper.bootstrap.sampling import Sampling
from watchkeeper.operation.metrics import store
from watchkeeper.operation.metrics.store import Now


@pytest.fixture
def sampling(room: Room) -> Iterator[Sampling]:
    found = Sampling(room.data, system_id=room.system_id, clock=room.clock)
    found.start()
    yield found
    found.stop()


def now(room: Room) -> Now:
    return store.now(room.database, clock=room.clock)


def test_what_a_pass_read_is_sampled_at_once_and_tiers_that_do_not_answer_are_down(
    room: Room, sampling: Sampling
) -> None:
    until(lambda: ("database_up", ()) in now(room).values, what="the first sample")
    entries = ("ledger_entries", ("wallet_ledger",))
    before = now(room).values[entries]
    room.business("S1")
    room.turn()
    sampling.passed()
    until(lambda: now(room).values.get(entries) == before + 1, what="the entry is counted")
    until(
        lambda: now(room).of("tier_up") == {("books",): 1},
        what="no address is known, so nothing else is probed",
    )
    with listen(0, exactly=True) as taken:
        free = url(taken)
    # Nobody listens there any more.
    write(room.data, Addresses(market=free, control=free))
    room.clock.boot_offset_seconds += 61
    down = {("books",): 1, ("market",): 0, ("commands",): 0, ("control",): 0}
    until(lambda: now(room).of("tier_up") == down, what="the tiers are down")


def test_a_sampler_that_cannot_write_stops_nothing_and_goes_on_when_it_can(
    room: Room, sampling: Sampling
) -> None:
    until(lambda: ("database_up", ()) in now(room).values, what="the first sample")
    room.database.execute("ALTER TABLE metric_rounds RENAME TO metric_rounds_gone")
    sampling.passed()
    for number in range(3):
        room.business(f"T{number}")
        room.turn()
    assert room.words("1.1")[0] == "HOLDS"
    room.clock.boot_offset_seconds += 40
    room.database.execute("ALTER TABLE metric_rounds_gone RENAME TO metric_rounds")
    until(lambda: not now(room).unknown.get("ledger_entries"), seconds=30, what="it samples again")


def test_the_watch_waits_for_no_sampler(room: Room) -> None:
    """The watch tells its own sampler of each pass without waiting; here nothing listens, and it does not mind."""
    room.turn()
    room.business("U1")
    room.turn()
    assert room.words("1.1")[0] == "HOLDS"
    assert "not sampled since the machine started" in now(room).unknown["ledger_entries"]
