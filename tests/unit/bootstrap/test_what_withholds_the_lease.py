"""The lease stands for more than a living watch: each thing that it stands for withholds it, and nothing else does."""

from __future__ import annotations

import pytest

from tests.worlds.watched import Room
from watchkeeper.base.database import engine_of, open_database
from watchkeeper.bootstrap.drills.faults.model import WITHOUT, spoken
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.boundary.views import Row, View, Views
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.verifier import passes, tail

_YEAR_MICROSECONDS = 365 * 86_400 * 1_000_000


def withheld(room: Room) -> str:
    """Why the lease is withheld after one more turn."""
    room.turn()
    return room.lease.row().withheld


def continuous(room: Room) -> set[str]:
    return {room.words(invariant)[0] for invariant in INVARIANTS}


def test_a_pass_over_slow_views_withholds_it_and_its_verdicts_stand(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert withheld(room) == ""
    quick = Views.after

    def slow(views: Views, view: View, key: int, *, limit: int) -> list[Row]:
        room.clock.boot_offset_seconds += 0.5
        return quick(views, view, key, limit=limit)

    before = room.lease.row().counter
    with monkeypatch.context() as load:
        load.setattr(Views, "after", slow)
        assert withheld(room) == "the pass took too long"
        assert room.lease.row().counter == before
        assert continuous(room) == {"HOLDS"}
    assert withheld(room) == ""
    assert room.lease.row().counter == before + 1
    assert room.stops() == set()


def test_rows_that_wait_longer_than_ten_seconds_withhold_it_until_they_are_read(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as load:
        load.setattr(tail, "NUMBERS_MAX", 1)
        for number in range(12):
            room.business(f"WAITS-{number}")
        seen = [withheld(room) for _ in range(10)]
        assert seen[0] == ""
        assert seen[-1] == "rows wait too long to be read"
        assert continuous(room) == {"HOLDS"}
    assert withheld(room) == ""
    assert room.stops() == set()


def test_a_watch_that_is_never_quite_done_but_reads_every_row_in_time_keeps_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.business("FIRST")
    room.business("SECOND")
    with monkeypatch.context() as load:
        load.setattr(tail, "NUMBERS_MAX", 1)
        for number in range(12):
            assert withheld(room) == ""
            assert room.lease.row().watermark < room.last_number()
            assert continuous(room) == {"HOLDS"}
            room.business(f"NEXT-{number}")


def test_a_head_that_is_not_as_it_was_sealed_withholds_it(room: Room) -> None:
    room.business("HEAD")
    assert withheld(room) == ""
    owner = open_database(room.data, "market", role="owner")
    engine = engine_of(room.data)
    for statement in (
        f"{WITHOUT}journal_refuses_update",
        "UPDATE journal SET reason = 'edited' WHERE n = (SELECT max(n) FROM journal)",
    ):
        owner.execute(spoken(statement, engine))
    owner.close()
    before = room.lease.row().counter
    assert "the newest sealed row is not what stands in the books" in withheld(room)
    assert room.lease.row().counter == before
    asked = passes.latest(room.database)
    assert asked is not None
    assert "the newest sealed row" in asked.reason


def test_a_switch_that_does_not_bite_and_a_probe_that_is_old_withhold_it(room: Room) -> None:
    market = LeaseStore(room.data, system_id=room.system_id, role="market")
    for bites in (True, False):
        market.record_probe(switch="shutdown", engaged=True, bites=bites, detail="", clock=room.clock)
        assert withheld(room) == ("" if bites else "the switch shutdown does not bite")
    market.record_probe(switch="shutdown", engaged=True, bites=True, detail="", clock=room.clock)
    assert withheld(room) == ""
    room.clock.boot_offset_seconds += 121
    assert withheld(room) == "the last probe of shutdown is old"
    market.close()


@pytest.mark.parametrize("jump", [_YEAR_MICROSECONDS, -_YEAR_MICROSECONDS])
def test_a_clock_that_jumps_a_year_changes_nothing_of_what_the_watch_says(room: Room, jump: int) -> None:
    room.full_pass()
    assert withheld(room) == ""
    before = room.lease.row().counter
    for step in (jump, -jump):
        room.clock.instant_offset += step
        room.business(f"JUMP-{step}")
        assert withheld(room) == ""
        assert {room.words(invariant) for invariant in INVARIANTS} == {("HOLDS", "HOLDS")}
    assert room.lease.row().counter == before + 2
    assert room.stops() == set()
    assert room.findings() == set()
