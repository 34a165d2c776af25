"""An operator who lifts against the check's word does so for what was found by then, and for nothing that comes later."""

from __future__ import annotations

from pathlib import Path

from tests.worlds.books import TurnableClock
from watchkeeper.base.clock import Instant
from watchkeeper.boundary.gate import OperationClass, Scope
from watchkeeper.operation import store
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.containment.imposing import Stop


def test_a_finding_of_after_the_override_is_contained_even_if_its_own_stop_failed(tmp_path: Path) -> None:
    store.create(tmp_path, system_id="t", clock=TurnableClock())
    database = store.open_store(tmp_path)
    database.execute(
        "INSERT INTO lifts (id, restriction_id, rule, scope, evidence_seq, decided_by, reason, override, decided_at, outcome) "
        "VALUES (1, 1, '1.2', 'everything', 1, 'opr', 'against the check', 1, 100, 'lifted')"
    )

    def stop(seen_at: int) -> Stop:
        return Stop(
            "1.2", Scope("everything"), frozenset({OperationClass.LOCK}), "gone", seen_at=Instant(seen_at)
        )

    assert imposing.missing(database, [stop(100)], []) == []
    assert imposing.missing(database, [stop(101)], []) == [stop(101)]
    database.close()
