"""What of the catalogue is proven: which proof counts, what a stale one does, and how long nothing was known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import StandingClock
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.operation import store
from watchkeeper.operation.alerts import life
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.console import proven as console
from watchkeeper.operation.coverage import proofs, rows, stale
from watchkeeper.operation.coverage.proofs import Proof
from watchkeeper.operation.coverage.rows import INDEXES, Row
from watchkeeper.operation.coverage.version import version
from watchkeeper.operation.verifier import history, verdicts

DAY = 24 * 3600 * MICROSECONDS_PER_SECOND


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def database(tmp_path: Path, clock: StandingClock) -> Iterator[SqliteDatabase]:
    store.create(tmp_path, system_id="t", clock=clock)
    found = store.open_store(tmp_path)
    yield found
    found.close()


def proven(
    database: SqliteDatabase,
    at: Instant,
    *,
    kind: str = "invariant",
    of: str = "1.2",
    holds: bool = True,
    against: str = "",
) -> None:
    with database.transaction("write"):
        proofs.record(
            database,
            Proof(
                kind,
                of,
                "sqlite",
                holds,
                4,
                1_500,
                2_500 if holds else None,
                against or version(),
                "" if holds else "edited amount: not seen",
                at,
            ),
        )


def everything_proven(database: SqliteDatabase, at: Instant) -> None:
    for watched in (watched for index in INDEXES for watched in index()):
        proven(database, at, kind=watched.kind, of=watched.id)


def row(database: SqliteDatabase, clock: StandingClock) -> Row:
    return next(
        one
        for one in rows.rows(database, engine="sqlite", clock=clock)
        if (one.kind, one.id) == ("invariant", "1.2")
    )


def passed(database: SqliteDatabase, clock: StandingClock, **errors: str) -> None:
    with database.transaction("write"):
        for mode in (verdicts.CONTINUOUS, verdicts.FULL):
            verdicts.store(database, mode=mode, errors=errors, numbers=1, boot=clock.boot(), at=clock.now())


def told(database: SqliteDatabase) -> list[life.Alert]:
    return [alert for alert in life.listed(database) if alert.state != "resolved"]


def test_every_row_is_there_and_unknown_until_a_drill_has_proven_it(
    database: SqliteDatabase, clock: StandingClock
) -> None:
    found = rows.rows(database, engine="sqlite", clock=clock)
    assert {one.id for one in found if one.kind == "invariant"} == set(INVARIANTS)
    assert {one.state for one in found} == {"UNKNOWN"}
    assert all(one.why for one in found)
    proven(database, clock.now())
    one = row(database, clock)
    assert (one.state, one.detect_ms, one.contain_ms, one.faults) == ("PROVEN", 1.5, 2.5, 4)


def test_a_proof_counts_for_thirty_days_and_for_the_engine_it_is_of(
    database: SqliteDatabase, clock: StandingClock
) -> None:
    proven(database, clock.now())
    assert {one.state for one in rows.rows(database, engine="postgresql", clock=clock)} == {"UNKNOWN"}
    clock.instant_offset += 30 * DAY
    assert row(database, clock).state == "PROVEN"
    clock.instant_offset += 1
    assert (row(database, clock).state, row(database, clock).why) == (
        "UNKNOWN",
        "its proof is older than 30 days",
    )
    assert rows.rows(database, engine="sqlite", clock=clock, days_max=31)[1].state == "PROVEN"


def test_a_proof_of_other_checks_or_of_the_future_counts_for_nothing(
    database: SqliteDatabase, clock: StandingClock
) -> None:
    proven(database, clock.now(), against="0123456789ab")
    assert row(database, clock).state == "UNKNOWN"
    assert "other checks" in row(database, clock).why
    proven(database, Instant(clock.now() + DAY))
    assert row(database, clock).state == "UNKNOWN"
    assert "not come" in row(database, clock).why


def test_a_drill_that_failed_is_broken_and_says_why_until_it_is_proven_again(
    database: SqliteDatabase, clock: StandingClock
) -> None:
    proven(database, clock.now())
    proven(database, clock.now(), holds=False)
    one = row(database, clock)
    assert (one.state, one.why, one.contain_ms) == ("BROKEN", "edited amount: not seen", None)
    proven(database, clock.now())
    assert row(database, clock).state == "PROVEN"


def test_a_row_that_others_prove_is_as_good_as_the_worst_of_them(
    database: SqliteDatabase, clock: StandingClock
) -> None:
    def threat() -> tuple[str, float | None]:
        one = next(
            one
            for one in rows.rows(database, engine="sqlite", clock=clock)
            if (one.kind, one.id) == ("threat", "2.3")
        )
        return one.state, one.detect_ms

    proven(database, clock.now(), of="1.1")
    assert threat() == ("UNKNOWN", None)
    proven(database, clock.now(), of="6.2")
    assert threat() == ("PROVEN", 1.5)
    proven(database, clock.now(), of="6.2", holds=False)
    assert threat()[0] == "BROKEN"


def test_a_stale_proof_is_one_medium_alert_and_ends_with_the_proofs(
    database: SqliteDatabase, clock: StandingClock, tmp_path: Path
) -> None:
    everything_proven(database, clock.now())
    stale.tell(tmp_path, database, clock=clock)
    assert told(database) == []
    clock.instant_offset += 31 * DAY
    stale.tell(tmp_path, database, clock=clock)
    stale.tell(tmp_path, database, clock=clock)
    (alert,) = told(database)
    assert (alert.condition, alert.severity, alert.times_raised) == ("proof stale", "medium", 1)
    everything_proven(database, clock.now())
    stale.tell(tmp_path, database, clock=clock)
    assert told(database) == []


def test_a_new_system_has_a_day_for_its_first_drills(
    database: SqliteDatabase, clock: StandingClock, tmp_path: Path
) -> None:
    clock.instant_offset += DAY - 1
    stale.tell(tmp_path, database, clock=clock)
    assert told(database) == []
    clock.instant_offset += 1
    stale.tell(tmp_path, database, clock=clock)
    assert [alert.condition for alert in told(database)] == ["proof stale"]


def test_a_drill_that_failed_is_told_at_once(
    database: SqliteDatabase, clock: StandingClock, tmp_path: Path
) -> None:
    proven(database, clock.now(), holds=False)
    stale.tell(tmp_path, database, clock=clock)
    assert [alert.condition for alert in told(database)] == ["proof stale"]


def test_how_long_a_proof_counts_is_a_setting_and_a_mistake_in_it_is_told(
    database: SqliteDatabase, clock: StandingClock, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("[drills]\nproof_days_max = 7\n")
    assert stale.days_max(tmp_path) == 7
    for wrong in ("proof_days_max = 0", "proof_days = 7", "proof_days_max = 'a week'"):
        settings.write_text(f"[drills]\n{wrong}\n")
        with pytest.raises(SettingsWrong):
            stale.days_max(tmp_path)
    stale.tell(tmp_path, database, clock=clock)
    assert "cannot be told" in told(database)[0].detail


def test_a_verdict_that_became_another_is_kept_and_one_that_stayed_is_not(
    database: SqliteDatabase, clock: StandingClock
) -> None:
    for errors in ({}, {}, {"1.2": "the check raised ValueError"}, {}):
        passed(database, clock, **errors)
        clock.instant_offset += MICROSECONDS_PER_SECOND
    changes = [c for c in history.latest(database, invariant="1.2") if c.mode == verdicts.CONTINUOUS]
    assert [(c.before, c.after, c.detail) for c in reversed(changes)] == [
        ("UNKNOWN", "HOLDS", ""),
        ("HOLDS", "UNKNOWN", "the check raised ValueError"),
        ("UNKNOWN", "HOLDS", ""),
    ]


def test_a_time_in_which_nobody_looked_is_kept_as_unknown(
    database: SqliteDatabase, clock: StandingClock
) -> None:
    passed(database, clock)
    begun = clock.now()
    clock.boot_offset_seconds += 3 * 3600
    clock.instant_offset += 3 * 3600 * MICROSECONDS_PER_SECOND
    assert row(database, clock).verdict == "UNKNOWN"
    blind = row(database, clock).blind_seconds
    assert blind is not None
    assert blind >= 3 * 3600
    passed(database, clock)
    assert row(database, clock).blind_seconds is None
    changes = [c for c in history.latest(database, invariant="1.2") if c.mode == verdicts.CONTINUOUS]
    assert [(c.after, c.at - begun) for c in reversed(changes)] == [
        ("HOLDS", 0),
        ("UNKNOWN", 30 * MICROSECONDS_PER_SECOND),
        ("HOLDS", 3 * 3600 * MICROSECONDS_PER_SECOND),
    ]


def test_a_check_that_keeps_raising_is_blind_since_it_began_to(
    database: SqliteDatabase, clock: StandingClock
) -> None:
    passed(database, clock)
    for _ in range(4):
        clock.instant_offset += 10 * MICROSECONDS_PER_SECOND
        passed(database, clock, **{"1.2": "the check raised ValueError"})
    assert row(database, clock).blind_seconds == 30


def test_no_more_changes_are_kept_than_so_many(
    database: SqliteDatabase, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "CHANGES_MAX", 10)
    for number in range(25):
        with database.transaction("write"):
            history.note(
                database,
                invariant="1.2",
                mode=verdicts.FULL,
                before="HOLDS",
                after="BROKEN",
                detail=str(number),
                at=clock.now(),
            )
    assert [change.detail for change in history.latest(database, limit=100)] == [
        str(number) for number in reversed(range(15, 25))
    ]


def test_the_page_has_what_changed_together_in_one_line_and_the_longest_blind_first(
    database: SqliteDatabase, clock: StandingClock, tmp_path: Path
) -> None:
    everything_proven(database, clock.now())
    passed(database, clock)
    page = console.read(tmp_path, database, clock=clock)
    # What waits for a capability stays unproven, and the page says so.
    assert (page.worst, page.blind) == ("UNKNOWN", [])
    assert {one.state for one in page.rows if not one.waits_for} == {"PROVEN"}
    assert {turn.invariants for turn in page.turns} == {tuple(INVARIANTS)}
    for errors in ({"1.2": "raised"}, {"1.2": "raised", "2.3": "raised"}):
        clock.instant_offset += 60 * MICROSECONDS_PER_SECOND
        passed(database, clock, **errors)
    clock.instant_offset += 90 * MICROSECONDS_PER_SECOND
    page = console.read(tmp_path, database, clock=clock)
    assert [(one.id, console.lasting(one.blind_seconds or 0)) for one in page.blind] == [
        ("1.2", "2 minutes"),
        ("2.3", "90 seconds"),
    ]
    proven(database, clock.now(), holds=False)
    assert console.read(tmp_path, database, clock=clock).worst == "BROKEN"


def test_the_page_is_unknown_while_a_row_is_unproven_or_a_setting_cannot_be_used(
    database: SqliteDatabase, clock: StandingClock, tmp_path: Path
) -> None:
    passed(database, clock)
    assert console.read(tmp_path, database, clock=clock).worst == "UNKNOWN"
    everything_proven(database, clock.now())
    (tmp_path / "settings.toml").write_text("[drills]\nproof_days_max = 0\n")
    page = console.read(tmp_path, database, clock=clock)
    assert page.worst == "UNKNOWN"
    assert page.problems
