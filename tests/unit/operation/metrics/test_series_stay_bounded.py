"""Series stay bounded and right: two days of samples, a year of hours, whatever the clock does and wherever it breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.operation import store as stores
from watchkeeper.operation.catalogue.metrics import Measured
from watchkeeper.operation.metrics import history, keeping, store
from watchkeeper.operation.metrics.store import HOUR

SECOND = MICROSECONDS_PER_SECOND
#: Twenty series, sampled each four seconds for 56 hours: a million samples and more.
SERIES, STEP, SPAN_HOURS = 20, 4 * SECOND, 56
BEGIN = 500_000 * HOUR
END = Instant(BEGIN + SPAN_HOURS * HOUR)
METRIC = "exposure_total_ugx"


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def database(tmp_path: Path, clock: TurnableClock) -> Iterator[SqliteDatabase]:
    stores.create(tmp_path, system_id="t", clock=clock)
    found = stores.open_store(tmp_path)
    yield found
    found.close()


def value(series: int, at: int) -> int | None:
    """Something that goes up and down, and is not known now and then."""
    number = at // STEP
    return None if number % 97 == 0 else (number * (series + 7)) % 1_000_003


def count(database: SqliteDatabase, table: str) -> int:
    row = database.one(f"SELECT count(*) FROM {table}")
    return int(str(row[0])) if row else 0


def filled(database: SqliteDatabase) -> int:
    """The synthetic samples; how many."""
    with database.transaction("write"):
        for series in range(1, SERIES + 1):
            database.execute(
                "INSERT INTO metric_series (id, metric, labels, sampled_at, summed_hour) VALUES (?, ?, ?, ?, ?)",
                (series, METRIC, f'["{series}"]', END, BEGIN // HOUR),
            )
            database.execute_many(
                "INSERT INTO metric_samples (series_id, at, value) VALUES (?, ?, ?)",
                ((series, at, value(series, at)) for at in range(BEGIN, END, STEP)),
            )
    return count(database, "metric_samples")


def settled(database: SqliteDatabase, *, at: Instant) -> None:
    for _ in range(1000):
        if keeping.keep(database, at=at):
            return
    raise AssertionError("keeping does not come to an end")


def hours(database: SqliteDatabase) -> list[tuple[object, ...]]:
    return [tuple(row) for row in database.query("SELECT * FROM metric_hours ORDER BY series_id, hour")]


def expected() -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for series in range(1, SERIES + 1):
        for hour in range(BEGIN // HOUR, END // HOUR):
            samples = [value(series, at) for at in range(hour * HOUR, (hour + 1) * HOUR, STEP)]
            real = [sample for sample in samples if sample is not None]
            found.append(
                (series, hour, len(real), len(samples) - len(real), min(real), max(real), sum(real), real[-1])
            )
    return found


def test_a_million_samples_are_summed_up_right_and_two_days_of_them_stay(database: SqliteDatabase) -> None:
    assert filled(database) >= 1_000_000
    settled(database, at=END)
    assert hours(database) == expected()
    assert count(database, "metric_samples") == SERIES * 48 * HOUR // STEP
    oldest = database.one("SELECT min(at) FROM metric_samples")
    assert oldest == (END - 48 * HOUR,)
    # Once more changes nothing.
    settled(database, at=END)
    assert hours(database) == expected()


def test_breaking_off_anywhere_and_going_on_gives_the_same_sums(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(database)
    real, calls = keeping._sum_up_hour, 0

    class PowerCut(Exception):
        """The process ends here."""

    def breaks_off(room: SqliteDatabase, series_id: int, hour: int) -> None:
        nonlocal calls
        calls += 1
        real(room, series_id, hour)
        if calls % 31 == 0 and calls < 1000:
            raise PowerCut

    monkeypatch.setattr(keeping, "_sum_up_hour", breaks_off)
    cuts = 0
    for _ in range(1000):
        try:
            settled(database, at=END)
            break
        except PowerCut:
            cuts += 1
    assert cuts > 10
    assert hours(database) == expected()


def test_no_transaction_of_keeping_is_long(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(database)
    removed: list[int] = []
    real = SqliteDatabase.execute

    def counted(self: SqliteDatabase, sql: str, parameters: tuple[int, ...] = ()) -> int:
        changed = real(self, sql, parameters)
        if sql.startswith("DELETE FROM metric_samples"):
            removed.append(changed)
        return changed

    monkeypatch.setattr(SqliteDatabase, "execute", counted)
    settled(database, at=END)
    assert sum(removed) == SERIES * 8 * HOUR // STEP
    assert max(removed) <= 5000


def test_hours_stay_a_year_and_a_series_without_any_is_forgotten(database: SqliteDatabase) -> None:
    filled(database)
    settled(database, at=END)
    almost = Instant(END + 363 * 24 * HOUR)
    settled(database, at=almost)
    assert count(database, "metric_samples") == 0
    assert count(database, "metric_hours") == SERIES * SPAN_HOURS
    settled(database, at=Instant(END + 367 * 24 * HOUR))
    assert count(database, "metric_hours") == 0
    assert count(database, "metric_series") == 0


def say(database: SqliteDatabase, clock: TurnableClock, **values: int) -> None:
    measured = Measured()
    for name, number in values.items():
        measured.say("account_exposure_ugx", number, name)
    store.record(database, round_=store.ROUND_CRITICAL, measured=measured, boot=clock.boot(), at=clock.now())


def test_a_value_that_does_not_change_is_kept_once_a_minute(
    database: SqliteDatabase, clock: TurnableClock
) -> None:
    for _ in range(121):
        say(database, clock, tra_aaaaaa=5)
        clock.instant_offset += SECOND
    assert count(database, "metric_samples") == 3


def test_accounts_that_come_and_go_do_not_pile_up(database: SqliteDatabase, clock: TurnableClock) -> None:
    for number in range(store.SERIES_MAX + 60):
        say(database, clock, **{f"tra_{number:06}": 5})
        clock.instant_offset += SECOND
    assert count(database, "metric_series") == store.SERIES_MAX
    assert count(database, "metric_current") == 1
    kept = {series.labels for series in history.series(database, "account_exposure_ugx")}
    assert (f"tra_{store.SERIES_MAX + 59:06}",) in kept
    assert ("tra_000000",) not in kept


def test_a_clock_put_back_adds_to_hours_that_were_summed_up(
    database: SqliteDatabase, clock: TurnableClock
) -> None:
    clock.instant_offset = BEGIN - clock.now()
    say(database, clock, tra_aaaaaa=5)
    clock.instant_offset += 2 * HOUR
    say(database, clock, tra_aaaaaa=7)
    settled(database, at=clock.now())
    assert [row[2:7] for row in hours(database)] == [(1, 0, 5, 5, 5)]
    clock.instant_offset -= 2 * HOUR - SECOND * 90
    say(database, clock, tra_aaaaaa=9)
    clock.instant_offset += 2 * HOUR
    settled(database, at=clock.now())
    assert [row[2:7] for row in hours(database)] == [(2, 0, 5, 9, 14)]


def test_a_clock_put_far_forward_and_back_leaves_nothing_that_grows(
    database: SqliteDatabase, clock: TurnableClock
) -> None:
    say(database, clock, tra_aaaaaa=5)
    clock.instant_offset += 20 * 365 * 24 * HOUR
    say(database, clock, tra_aaaaaa=6)
    settled(database, at=clock.now())
    clock.instant_offset = 0
    say(database, clock, tra_aaaaaa=7)
    settled(database, at=clock.now())
    ahead = database.one("SELECT count(*) FROM metric_samples WHERE at > ?", (clock.now() + 24 * HOUR,))
    assert ahead == (0,)
    assert store.now(database, clock=clock).values["account_exposure_ugx", ("tra_aaaaaa",)] == 7


def test_a_restart_goes_on_with_the_same_series(
    tmp_path: Path, database: SqliteDatabase, clock: TurnableClock
) -> None:
    say(database, clock, tra_aaaaaa=5)
    again = stores.open_store(tmp_path)
    clock.instant_offset += 3 * SECOND
    say(again, clock, tra_aaaaaa=6)
    again.close()
    (series,) = history.series(database, "account_exposure_ugx")
    kept = history.samples(database, series.id, since=Instant(0), limit=10)
    assert [sample.value for sample in kept] == [5, 6]


def test_after_another_boot_nothing_is_known_until_it_is_sampled(
    database: SqliteDatabase, clock: TurnableClock
) -> None:
    say(database, clock, tra_aaaaaa=5)
    database.execute("UPDATE metric_rounds SET boot_id = 'another boot'")
    now = store.now(database, clock=clock)
    assert now.values == {}
    assert now.unknown["account_exposure_ugx"] == "not sampled since the machine started"


def test_an_old_round_is_unknown_and_not_its_last_value(
    database: SqliteDatabase, clock: TurnableClock
) -> None:
    say(database, clock, tra_aaaaaa=5)
    clock.boot_offset_seconds = 31
    now = store.now(database, clock=clock)
    assert now.values == {}
    assert now.unknown["account_exposure_ugx"] == "not sampled for 31 s"
