"""What must make the watch speak: silent before, told once or moved exactly afterwards, on both engines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worlds.server import Cluster
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import DRILLS, Prepared, prepared
from watchkeeper.bootstrap.drills.signals import SIGNALS
from watchkeeper.bootstrap.drills.signals.model import Signal
from watchkeeper.bootstrap.drills.signals.play import play_signal
from watchkeeper.boundary.gate import Switch
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.conditions import CONDITIONS, of_threat
from watchkeeper.operation.catalogue.metrics import METRICS
from watchkeeper.operation.catalogue.threats import THREATS
from watchkeeper.operation.coverage.rows import INDEXES


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def market(request: pytest.FixtureRequest) -> Iterator[Prepared]:
    """A market that each signal gets a copy of, on both engines."""
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        url = cluster.url("postgres")
    with prepared(url, clock=SystemClock()) as found:
        yield found


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: f"{signal.drill} {signal.does}")
def test_the_watch_is_silent_before_and_speaks_afterwards(signal: Signal, market: Prepared) -> None:
    played = play_signal(market, signal, clock=SystemClock())
    assert played.unmet == ()
    assert played.detect_ms is not None
    assert (played.contain_ms is not None) == signal.contains


def test_no_row_of_the_catalogue_is_missing_and_each_has_its_drill_or_says_what_it_waits_for() -> None:
    rows = [watched for index in INDEXES for watched in index()]
    listed = {
        kind: {row.id for row in rows if row.kind == kind} for kind in dict.fromkeys(r.kind for r in rows)
    }
    assert listed == {
        "invariant": set(INVARIANTS),
        "threat": set(THREATS),
        "metric": {metric.number for metric in METRICS.values() if metric.number},
        "alert": set(CONDITIONS),
        "switch": {switch.value for switch in Switch},
    }
    assert (len(listed["threat"]), len(listed["metric"])) == (24, 16)
    played = {(signal.kind, signal.id) for signal in SIGNALS} | {("invariant", name) for name in DRILLS}
    without = {
        (row.kind, row.id)
        for row in rows
        if not row.waits_for and not set(row.by or ((row.kind, row.id),)) <= played
    }
    assert without == set()
    assert {row.id for row in rows if row.kind in ("threat", "metric") and row.waits_for} == {"7.1"}


def test_every_alert_that_is_a_threats_is_raised_by_a_drill_of_that_threat() -> None:
    raised = {condition for signal in SIGNALS for condition in signal.conditions} | set(INVARIANTS)
    waiting = {row.id for index in INDEXES for row in index() if row.kind == "alert" and row.waits_for}
    assert raised | waiting == set(CONDITIONS)
    assert raised & waiting == set()
    shown = {(signal.id, condition) for signal in SIGNALS for condition in signal.conditions}
    for threat in THREATS.values():
        own = {one.id for one in of_threat(threat.id)} - set(INVARIANTS) - waiting
        if threat.id != "10.1":
            assert {(threat.id, condition) for condition in own} <= shown
