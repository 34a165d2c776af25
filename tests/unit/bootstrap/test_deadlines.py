"""For how long a verdict counts is a setting, for each check where one wants it; a change is on record, a mistake is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.worlds.watched import Room
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.metrics import Measured
from watchkeeper.operation.metrics import own
from watchkeeper.operation.verifier import deadlines, verdicts
from watchkeeper.operation.verifier.deadlines import CONTINUOUS, FULL, KNOWN


def write(data: Path, text: str) -> None:
    (data / "settings.toml").write_text(text)


def on_record(room: Room) -> list[tuple[str, object, object]]:
    rows = room.database.query(
        "SELECT subject, detail FROM operator_actions WHERE action = 'change deadline' ORDER BY id"
    )
    found = [(str(subject), json.loads(str(detail))) for subject, detail in rows]
    return [(subject, detail["old"], detail["new"]) for subject, detail in found]


def test_the_defaults_are_the_catalogues(tmp_path: Path) -> None:
    found = deadlines.read(tmp_path)
    for invariant in INVARIANTS:
        assert (found.of(invariant, CONTINUOUS), found.of(invariant, FULL)) == (30, 7200)
    assert found.words() == "continuous 30 s, full 7200 s"
    for known in KNOWN.values():
        assert known.least <= known.default <= known.most


def test_one_for_all_and_one_for_a_single_check(tmp_path: Path) -> None:
    write(tmp_path, '[deadlines]\nfull_seconds = 3600\n[deadlines."6.1"]\ncontinuous_seconds = 60\n')
    found = deadlines.read(tmp_path)
    assert (found.of("6.1", CONTINUOUS), found.of("6.1", FULL)) == (60, 3600)
    assert (found.of("1.1", CONTINUOUS), found.of("1.1", FULL)) == (30, 3600)
    assert (found.shortest(CONTINUOUS), found.shortest(FULL)) == (30, 3600)
    assert found.document() == {
        "continuous": 30,
        "full": 3600,
        "own": {"6.1": {"continuous": 60}},
    }


@pytest.mark.parametrize(
    "text",
    [
        "[deadlines]\ncontinuous_seconds = 9",
        "[deadlines]\ncontinuous_seconds = 301",
        "[deadlines]\nfull_seconds = 599",
        "[deadlines]\nfull_seconds = 86401",
        "[deadlines]\nfull_seconds = true",
        "[deadlines]\nfull_seconds = 3600.0",
        "[deadlines]\nfull = 3600",
        '[deadlines."6.3"]\nfull_seconds = 3600',
        "[deadlines.6.1]\nfull_seconds = 3600",
        '[deadlines."6.1"]\nfull_second = 3600',
        '[deadlines."6.1"]\nfull_seconds = 1',
        "deadlines = 30",
    ],
)
def test_a_deadline_that_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    with pytest.raises(SettingsWrong):
        deadlines.read(tmp_path)


def test_a_changed_deadline_is_in_force_for_every_reader_and_on_record_once(room: Room) -> None:
    room.full_pass()
    room.turn()
    assert on_record(room) == []
    write(
        room.data,
        '[deadlines]\ncontinuous_seconds = 10\n[deadlines."6.1"]\ncontinuous_seconds = 60\nfull_seconds = 600\n',
    )
    room.turn()
    room.turn()
    assert on_record(room) == [
        ("every check continuous", 30, 10),
        ("6.1 continuous", 30, 60),
        ("6.1 full", 7200, 600),
    ]
    assert room.words("6.1") == room.words("1.1") == ("HOLDS", "HOLDS")
    room.clock.boot_offset_seconds += 20
    assert room.words("6.1") == ("HOLDS", "HOLDS")
    assert room.words("1.1") == ("UNKNOWN", "HOLDS")
    standings = verdicts.current(room.database, clock=room.clock)
    assert own.judged(standings) == {"6.1"}
    measured = Measured()
    lease = LeaseStore(room.data, system_id=room.system_id, role="control")
    own.live(measured, room.database, lease, clock=room.clock)
    lease.close()
    held = {labels for name, labels in measured.readings if name == "verdict_holds"}
    assert {labels for labels in held if CONTINUOUS in labels} == {("6.1", CONTINUOUS)}
    room.clock.boot_offset_seconds += 600
    assert room.words("6.1") == ("UNKNOWN", "UNKNOWN")
    write(room.data, "")
    room.turn()
    assert on_record(room)[3:] == [
        ("every check continuous", 10, 30),
        ("6.1 continuous", 60, 30),
        ("6.1 full", 600, 7200),
    ]


def test_a_mistake_is_told_once_and_the_last_good_ones_stay_also_after_a_restart(room: Room) -> None:
    write(room.data, "[deadlines]\ncontinuous_seconds = 20\n")
    room.turn()
    write(room.data, "[deadlines]\ncontinuous_seconds = 2\n")
    room.turn()
    room.turn()
    room.restart()
    room.turn()
    told = "SELECT scope, state FROM alerts WHERE condition = 'settings wrong'"
    assert room.database.query(told) == [("thresholds", "open")]
    assert deadlines.kept(room.database).of("1.1", CONTINUOUS) == 20
    write(room.data, "[deadlines]\ncontinuous_seconds = 25\n")
    room.turn()
    assert room.database.query(told) == [("thresholds", "resolved")]
    assert [new for _, _, new in on_record(room)] == [20, 25]


def test_a_check_past_its_own_deadline_stops_money_and_one_with_a_longer_does_not_yet(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(room.data, '[deadlines]\nfull_seconds = 3600\n[deadlines."6.1"]\nfull_seconds = 7200\n')
    room.full_pass()
    room.turn()
    # The child would run what is asked for; here it never gets to.
    monkeypatch.setattr("watchkeeper.bootstrap.watch.FullPassChild.wake", lambda _: None)
    room.clock.boot_offset_seconds += 3601
    room.turn()
    stopped = {rule for rule, cause in room.stops() if cause == "UNKNOWN"}
    assert stopped == set(INVARIANTS) - {"6.1"}
    room.full_pass()
    room.turn()
    room.turn()
    assert room.stops() == set()


def test_full_passes_come_twice_within_the_shortest_deadline(room: Room) -> None:
    def asked() -> int:
        # Whether one waits still is no matter: the child takes it when it comes to it.
        rows = room.database.query("SELECT id FROM full_passes WHERE reason = 'hourly'")
        return len(rows)

    write(room.data, '[deadlines."6.1"]\nfull_seconds = 600\n')
    room.turn()
    before = asked()
    room.clock.boot_offset_seconds += 200
    room.turn()
    assert asked() == before
    room.clock.boot_offset_seconds += 110
    room.turn()
    assert asked() == before + 1
