"""A check that does not come to its end has said nothing: what it should have judged is judged later, never passed over."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Never

import pytest

from tests.worlds.watched import Room
from watchkeeper.boundary.gate import EVERYTHING
from watchkeeper.operation.catalogue import INVARIANTS, books
from watchkeeper.operation.catalogue.invariants import i1_1_balance, i2_3_way_round
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.containment.imposing import Stop
from watchkeeper.operation.verifier import full, passes
from watchkeeper.operation.verifier.tail import watermarks


def raising(*_: object) -> Never:
    raise ZeroDivisionError("a check with a fault in it")


def broken(fault: pytest.MonkeyPatch, invariant: str, part: Literal["rows", "running", "full"]) -> None:
    """Put a fault into one part of a check."""
    whole = INVARIANTS[invariant]
    match part:
        case "rows":
            faulty = replace(whole, rows=raising)
        case "running":
            faulty = replace(whole, running=raising)
        case "full":
            faulty = replace(whole, full=raising)
    fault.setitem(INVARIANTS, invariant, faulty)


def test_what_a_check_raised_on_is_judged_by_the_next_pass(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = watermarks(room.database)
    room.forge()
    with monkeypatch.context() as fault:
        broken(fault, "2.3", "rows")
        room.turn()
        assert room.words("2.3")[0] == "UNKNOWN"
        assert watermarks(room.database) == read
        assert ("2.3", "effects") not in room.findings()
    room.turn()
    assert ("2.3", "effects") in room.findings()
    assert ("2.3", "BROKEN") in room.stops()
    assert room.words("2.3")[0] == "BROKEN"


def test_a_replay_that_raised_midway_leaves_no_half_of_itself(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.business("HALF-1")
    room.business("HALF-2")
    before = room.database.query("SELECT * FROM account_state ORDER BY account_id, ledger")
    with monkeypatch.context() as fault:
        fault.setattr(i1_1_balance, "conservation", raising)
        room.turn()
        assert {room.words("1.1")[0], room.words("6.1")[0]} == {"UNKNOWN"}
        assert room.words("7.1")[0] == "HOLDS"
        assert room.database.query("SELECT * FROM account_state ORDER BY account_id, ledger") == before
    room.turn()
    room.full_pass()
    assert {room.words(invariant) for invariant in ("1.1", "2.3", "6.1")} == {("HOLDS", "HOLDS")}
    assert room.findings() == set()


def test_a_check_that_goes_on_raising_stops_money_until_it_holds_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.full_pass()
    room.business("UNREAD")
    with monkeypatch.context() as fault:
        broken(fault, "2.3", "rows")
        room.turn()
        assert room.stops() == set()
        room.clock.boot_offset_seconds += 31
        room.turn()
        assert room.stops() == {("2.3", "UNKNOWN")}
        assert "wait too long to be read" in room.lease.row().withheld
    room.turn()
    room.turn()
    assert room.stops() == set()
    assert room.words("2.3") == ("HOLDS", "HOLDS")


def test_rows_that_were_sealed_unjudged_are_found_by_a_full_pass(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.forge()
    with monkeypatch.context() as fault:
        # As a check that is blind would have let it through.
        fault.setattr(i2_3_way_round, "effects", lambda *_: [])
        room.turn()
    assert ("2.3", "effects") not in room.findings()
    room.full_pass()
    assert ("2.3", "effects") in room.findings()
    assert ("2.3", "BROKEN") in room.stops()


def test_a_full_pass_that_raises_says_unknown_and_is_asked_for_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fault:
        fault.setattr(full, "slices", raising)
        room.full_pass()
    assert room.words("1.2")[1] == "UNKNOWN"
    assert passes.failed(room.database)
    asked = passes.latest(room.database)
    room.clock.boot_offset_seconds += 61
    room.turn()
    again = passes.latest(room.database)
    assert asked is not None
    assert again is not None
    assert again.id > asked.id


def test_a_full_pass_that_raised_beside_an_open_finding_has_not_read_everything(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.forge()
    room.turn()
    before = passes.newest_begun(room.database)
    with monkeypatch.context() as fault:
        fault.setattr(full, "slices", raising)
        room.full_pass()
    assert room.words("2.3")[1] == "BROKEN"
    assert not passes.came_to_an_end_after(room.database, before)
    assert passes.failed(room.database)
    room.full_pass()
    assert passes.came_to_an_end_after(room.database, before)
    assert not passes.failed(room.database)


def test_full_passes_that_say_nothing_for_two_hours_stop_money(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.full_pass()
    room.turn()
    assert room.stops() == set()
    with monkeypatch.context() as fault:
        # The child would run what is asked for; here it never gets to.
        fault.setattr("watchkeeper.bootstrap.watch.FullPassChild.wake", lambda _: None)
        room.clock.boot_offset_seconds += 7201
        room.turn()
        assert ("1.2", "UNKNOWN") in room.stops()
    room.full_pass()
    room.turn()
    assert room.stops() == set()


def test_a_check_that_raises_leaves_the_evidence_of_a_finding_that_stops_as_much_where_it_was(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    imposing.impose(room.gate, Stop("2.3", EVERYTHING, books.MONEY, "a number is missing"), clock=room.clock)
    with monkeypatch.context() as fault:
        broken(fault, "2.3", "rows")
        for _ in range(3):
            room.clock.boot_offset_seconds += 31
            room.turn()
    # Raised each second, it could be lifted by nobody.
    assert [r.evidence_seq for r in imposing.active(room.gate)] == [1]


def test_what_other_checks_find_in_such_a_pass_is_stopped_at_once_and_found_once(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.forge()
    with monkeypatch.context() as fault:
        broken(fault, "1.1", "running")
        for _ in range(3):
            room.turn()
            assert ("2.3", "BROKEN") in room.stops()
    for _ in range(2):
        room.turn()
    found = "SELECT count(*), min(detail) FROM findings WHERE invariant = '2.3' AND kind = 'effects'"
    assert (room.database.one(found) or ())[0] == 1
    assert room.database.one("SELECT count(*) FROM containments WHERE rule = '2.3'") == (1,)
    assert [r.evidence_seq for r in imposing.active(room.gate) if r.rule == "2.3"] == [1]


def test_a_check_that_raises_in_a_full_pass_is_unknown_and_the_others_are_not(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fault:
        broken(fault, "6.1", "full")
        broken(fault, "5.2", "rows")
        room.full_pass()
    assert {i for i in INVARIANTS if room.words(i)[1] == "UNKNOWN"} == {"6.1", "5.2"}
    room.full_pass()
    assert {room.words(i)[1] for i in INVARIANTS} == {"HOLDS"}
