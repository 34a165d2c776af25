"""A watch whose clock jumps, or that is slow, or that does not find what it sealed: no HOLDS without evidence, no money on trust."""

from __future__ import annotations

import pytest

from tests.worlds.watching import Room
from watchkeeper.base.database import open_database
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.invariants import i7_1_pilot_mode
from watchkeeper.operation.catalogue.model import Draft

YEAR = 365 * 86_400 * 1_000_000


def all_hold(room: Room) -> bool:
    return {room.words(invariant) for invariant in INVARIANTS} == {("HOLDS", "HOLDS")}


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
def test_a_clock_that_jumps_a_year_neither_stops_money_nor_keeps_a_verdict_alive(
    room: Room, jump: int
) -> None:
    room.full_pass()
    room.business("BEFORE")
    room.turn()
    assert all_hold(room)
    room.clock.instant_offset += jump
    room.turn()
    assert room.lease.row().withheld == ""
    room.business("AFTER")
    room.turn()
    assert all_hold(room)
    assert room.stops() == set()
    # What nobody looks at grows old by boot time, whatever the clock says.
    room.clock.boot_offset_seconds += 31
    assert {room.words(invariant)[0] for invariant in INVARIANTS} == {"UNKNOWN"}
    assert room.market.lease.silent()


def test_a_pass_that_takes_too_long_renews_no_lease_and_the_next_one_does(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = i7_1_pilot_mode.new

    def slow(*arguments: object) -> list[Draft]:
        room.clock.boot_offset_seconds += 6
        return real(*arguments)  # type: ignore[arg-type]

    counter = room.lease.row().counter
    with monkeypatch.context() as fault:
        fault.setattr(i7_1_pilot_mode, "new", slow)
        room.turn()
    assert "took too long" in room.lease.row().withheld
    assert room.lease.row().counter == counter
    room.turn()
    assert room.lease.row().withheld == ""
    assert room.lease.row().counter == counter + 1


def test_a_newest_row_that_is_not_as_it_was_sealed_withholds_the_lease(room: Room) -> None:
    room.business("NEWEST")
    room.turn()
    owner = open_database(room.data, "market", role="owner")
    with owner.without_triggers(["journal"]), owner.transaction("write"):
        owner.execute("UPDATE journal SET answer = '{}' WHERE n = (SELECT max(n) FROM journal)")
    owner.close()
    room.turn()
    assert "newest sealed row" in room.lease.row().withheld


def test_a_switch_that_does_not_bite_withholds_the_lease_until_a_probe_says_that_it_does(room: Room) -> None:
    prober = LeaseStore(room.data, system_id=room.system_id, role="market")
    for bites, withheld in ((False, True), (True, False)):
        prober.record_probe(
            switch="pilot_mode", engaged=True, bites=bites, detail="by the test", clock=room.clock
        )
        room.turn()
        assert ("does not bite" in room.lease.row().withheld) is withheld
    prober.close()


def test_load_alone_is_no_reason_to_withhold_or_to_say_unknown(room: Room) -> None:
    room.full_pass()
    for number in range(60):
        for each in range(5):
            room.work(f"LOAD-{number}-{each}")
        room.turn()
        assert room.lease.row().withheld == ""
    assert all_hold(room)
    assert room.stops() == set()
