"""A watch that stands still between looking and writing has said nothing about the time after it looked."""

from __future__ import annotations

import pytest

from tests.worlds.watched import Room
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, BootTime
from watchkeeper.boundary.lease import LeaseReader, LeaseRow, LeaseStore
from watchkeeper.operation.catalogue import INVARIANTS, blame
from watchkeeper.operation.verifier import findings, history, standing, verdicts
from watchkeeper.operation.verifier.continuous import Continuous

_HOUR_SECONDS = 3600


def stand_still(room: Room) -> None:
    room.clock.boot_offset_seconds += _HOUR_SECONDS
    room.clock.instant_offset += _HOUR_SECONDS * MICROSECONDS_PER_SECOND


def test_a_verdict_that_was_written_an_hour_late_is_an_hour_old(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.full_pass()
    room.turn()
    looked = room.clock.now()
    look = Continuous.look

    def frozen_afterwards(continuous: Continuous) -> object:
        found = look(continuous)
        stand_still(room)
        return found

    with monkeypatch.context() as freeze:
        freeze.setattr(Continuous, "look", frozen_afterwards)
        room.turn()
    assert {room.words(invariant)[0] for invariant in INVARIANTS} == {"UNKNOWN"}
    assert room.lease.row().withheld == "the pass took too long"
    thawed = room.clock.now()
    room.turn()
    assert {room.words(invariant)[0] for invariant in INVARIANTS} == {"HOLDS"}
    blind = [c for c in history.latest(room.database, invariant="1.2") if c.mode == verdicts.CONTINUOUS][:2]
    assert [change.after for change in blind] == ["HOLDS", "UNKNOWN"]
    assert looked < blind[1].at < looked + 60 * MICROSECONDS_PER_SECOND
    assert blind[0].at >= thawed


def test_a_lease_that_was_written_an_hour_late_is_not_heard(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.turn()
    room.market.lease.poll()
    assert not room.market.lease.silent()
    before = room.lease.row().counter

    def frozen_meanwhile(*_: object, **__: object) -> str:
        stand_still(room)
        return ""

    with monkeypatch.context() as freeze:
        freeze.setattr("watchkeeper.operation.detectors.machine.disk_trouble", frozen_meanwhile)
        room.turn()
    assert room.lease.row().counter == before + 1
    room.market.lease.poll()
    assert room.market.lease.silent()
    room.turn()
    room.market.lease.poll()
    assert not room.market.lease.silent()


@pytest.mark.parametrize("ahead", ["of another boot", "of a time to come"])
def test_a_lease_of_another_machine_is_as_old_as_the_look_at_it(
    room: Room, monkeypatch: pytest.MonkeyPatch, ahead: str
) -> None:
    row = LeaseStore.row
    boot = room.clock.boot()
    written = (
        BootTime("another", 1)
        if ahead == "of another boot"
        else BootTime(boot.boot_id, boot.nanoseconds + 10**15)
    )

    def elsewhere(store: LeaseStore) -> LeaseRow:
        found = row(store)
        return LeaseRow(found.epoch, found.counter, found.watermark, found.withheld, written, found.at)

    reader = LeaseReader(room.lease, clock=room.clock)
    monkeypatch.setattr(LeaseStore, "row", elsewhere)
    reader.poll()
    room.turn()
    reader.poll()
    assert not reader.silent()
    room.clock.boot_offset_seconds += 31
    reader.poll()
    assert reader.silent()


def test_no_verdict_and_no_lease_of_another_boot_says_anything(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.full_pass()
    room.turn()
    assert {room.words(invariant) for invariant in INVARIANTS} == {("HOLDS", "HOLDS")}
    room.market.lease.poll()
    boot = room.clock.boot()
    monkeypatch.setattr(room.clock, "boot", lambda: BootTime("the next boot", boot.nanoseconds))
    assert {room.words(invariant) for invariant in INVARIANTS} == {("UNKNOWN", "UNKNOWN")}
    assert room.market.lease.silent()
    fresh = LeaseReader(room.lease, clock=room.clock)
    fresh.poll()
    assert fresh.silent()
    room.restart()
    monkeypatch.setattr(
        room.clock, "boot", lambda: BootTime("the next boot", boot.nanoseconds + 2_000_000_000)
    )
    room.market.self_test()
    room.watch.turn()
    # What the full pass of the boot before said is not carried across; the continuous one has really looked again.
    assert {room.words(invariant) for invariant in INVARIANTS} == {("HOLDS", "UNKNOWN")}
    fresh.poll()
    assert not fresh.silent()
    room.full_pass()
    assert {room.words(invariant) for invariant in INVARIANTS} == {("HOLDS", "HOLDS")}


def test_a_full_pass_of_before_cures_nothing_of_after_though_a_clock_that_jumped_dates_it_later(
    room: Room,
) -> None:
    room.clock.instant_offset += 24 * _HOUR_SECONDS * MICROSECONDS_PER_SECOND
    room.full_pass()
    room.clock.instant_offset = 0
    draft = blame.counted("ledger_entries", changed=1, total=1)
    with room.database.transaction("write"):
        finding = findings.note(
            room.database, draft, watermark=1, committed_at=None, seen_at=room.clock.now()
        )
    assert finding is not None
    context = room.watch._continuous.context()
    assert standing.of(context, finding).stands
    room.full_pass()
    assert standing.of(context, finding).how == "cured"
