"""A picture shows what was sampled, and a gap where nothing was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.operation import store as stores
from watchkeeper.operation.catalogue.metrics import METRICS
from watchkeeper.operation.console import charts
from watchkeeper.operation.metrics import history, keeping
from watchkeeper.operation.metrics.history import SPANS, Slot
from watchkeeper.operation.metrics.store import HOUR

MINUTE = 60_000_000
HOUR_SPAN, TWO_DAYS, YEAR = SPANS
#: The end of a slot of every span.
UNTIL = Instant(73 * 6_000 * HOUR - 1)
RATE = METRICS["admin_actions_last_hour"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    stores.create(tmp_path, system_id="t", clock=TurnableClock())
    found = stores.open_store(tmp_path)
    found.execute(
        "INSERT INTO metric_series (id, metric, labels, sampled_at, summed_hour) VALUES (1, ?, '[]', ?, 0)",
        (RATE.name, UNTIL),
    )
    yield found
    found.close()


def sampled(database: SqliteDatabase, *samples: tuple[int, int | None]) -> None:
    """Samples, by the minutes before the end."""
    with database.transaction("write"):
        database.execute_many(
            "INSERT INTO metric_samples (series_id, at, value) VALUES (1, ?, ?)",
            [(UNTIL - minutes * MINUTE, value) for minutes, value in samples],
        )


def shown(slots: list[Slot | None]) -> list[int | None]:
    return [None if slot is None else slot.high for slot in slots]


def test_a_minute_without_a_sample_has_the_value_that_stood(database: SqliteDatabase) -> None:
    sampled(database, (9, 4), (8, 5), (6, 6), (0, 7))
    last = shown(history.slots(database, 1, until=UNTIL, span=HOUR_SPAN))[-10:]
    # For two minutes and a half a value stands; then nobody knows.
    assert last == [4, 5, 5, 6, 6, 6, 6, None, None, 7]


def test_what_could_not_be_read_is_a_gap_at_once(database: SqliteDatabase) -> None:
    sampled(database, (5, 4), (4, None), (1, 9))
    assert shown(history.slots(database, 1, until=UNTIL, span=HOUR_SPAN))[-6:] == [4, None, None, None, 9, 9]


def test_nothing_is_drawn_into_the_future(database: SqliteDatabase) -> None:
    sampled(database, (30, 4))
    now = Instant(UNTIL - 30 * MINUTE)
    slots = history.slots(database, 1, until=now, span=HOUR_SPAN)
    assert shown(slots)[-2:] == [None, 4]


def test_two_days_and_a_year_keep_the_extremes(database: SqliteDatabase) -> None:
    sampled(database, *[(minutes, minutes % 50) for minutes in range(48 * 60)])
    two_days = history.slots(database, 1, until=UNTIL, span=TWO_DAYS)
    assert [(slot.low, slot.high, slot.known) for slot in two_days if slot is not None][:2] == [
        (min(m % 50 for m in range(begin, begin + 30)), max(m % 50 for m in range(begin, begin + 30)), 30)
        for begin in (47 * 60 + 30, 47 * 60)
    ]
    assert len(two_days) == 96
    before = history.slots(database, 1, until=UNTIL, span=YEAR)
    while not keeping.keep(database, at=UNTIL):
        pass
    after = history.slots(database, 1, until=UNTIL, span=YEAR)
    assert after == before
    assert len(after) == 120
    assert shown(after)[-1] == 49
    assert after[-1] is not None
    assert after[-1].known == 48 * 60
    assert set(shown(after)[:-1]) == {None}


def test_the_line_breaks_at_a_gap_and_the_threshold_is_on_the_grid(database: SqliteDatabase) -> None:
    sampled(database, *[(minutes, 5) for minutes in range(40, 60)], (3, 20), (2, 20), (1, 10), (0, 10))
    slots = history.slots(database, 1, until=UNTIL, span=HOUR_SPAN)
    chart = charts.draw(RATE, (), slots, now=10, span=HOUR_SPAN)
    # Twenty minutes, and as long as the last value stood.
    first = "M0 75" + "".join(f"H{right}" for right in range(10, 240, 10))
    assert chart.line == f"{first}M560 0H570H580V50H590H600"
    assert chart.gaps == ((230, 330),)
    assert chart.threshold_y == 50
    assert (chart.width, chart.height) == (600, 100)
    assert chart.state == "HOLDS"
    assert chart.words == "5 to 20 over the last 1 hour; not known for 33 of 60 parts of it."
    assert chart.threshold == "At most 10."
    assert charts.draw(RATE, (), slots, now=11, span=HOUR_SPAN).state == "BROKEN"
    assert charts.draw(RATE, (), slots, now=None, span=HOUR_SPAN).now == "UNKNOWN"


def test_a_state_says_its_share_and_a_time_its_unit() -> None:
    tier = METRICS["tier_up"]
    slots = [Slot(Instant(0), 100, 0, 1, 99, 1), Slot(Instant(1), 100, 1, 1, 100, 1), None]
    chart = charts.draw(tier, ("market",), slots, now=1, span=HOUR_SPAN)
    assert (chart.now, chart.threshold, chart.is_state) == ("up", "Must be up.", True)
    assert chart.words.startswith("up in 99.5 % of the samples over the last 1 hour")
    assert charts.text(METRICS["tier_response_seconds"], 42) == "42 ms"
    assert charts.text(METRICS["tier_response_seconds"], 61_250) == "61.2 s"
    assert charts.text(METRICS["exposure_total_ugx"], 1_234_567) == "1,234,567 UGX"
    empty = charts.draw(tier, ("market",), [None, None], now=None, span=HOUR_SPAN)
    assert (empty.line, empty.words) == ("", "Nothing is known of the last 1 hour.")
