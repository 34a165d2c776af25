"""An operator who lifts against the check's word does so for what was found by then, and for nothing that comes later."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Restriction
from watchkeeper.operation import store
from watchkeeper.operation.catalogue.model import Draft
from watchkeeper.operation.containment import imposing, lifting
from watchkeeper.operation.containment.imposing import Stop
from watchkeeper.operation.verifier import findings

_LOCKS = frozenset({OperationClass.LOCK})
_DAY = 86_400 * MICROSECONDS_PER_SECOND


@pytest.mark.parametrize("jump", [0, _DAY, -_DAY])
def test_a_finding_of_after_the_override_is_contained_even_if_its_own_stop_failed(
    tmp_path: Path, jump: int
) -> None:
    clock = TurnableClock()
    store.create(tmp_path, system_id="t", clock=clock)
    database = store.open_store(tmp_path)

    def found(key: str) -> Stop:
        draft = Draft(
            invariant="1.2",
            kind="deleted",
            scope=EVERYTHING,
            classes=_LOCKS,
            table_name="entries",
            row_key=key,
            detail="gone",
        )
        with database.transaction("write"):
            findings.note(database, draft, watermark=0, committed_at=None, seen_at=clock.now())
        ((_, _, classes, detail, newest),) = findings.stopping(database)
        return Stop("1.2", EVERYTHING, classes, detail, newest_finding=newest)

    first = found("1")
    restriction = Restriction(1, "1.2", EVERYTHING, _LOCKS, "BROKEN", "gone", 1, "t", 0)
    with database.transaction("write"):
        lifting.decide(
            database,
            restriction,
            by="opr",
            reason="against the check",
            override=True,
            at=clock.now(),
        )
        database.execute("UPDATE lifts SET outcome = 'lifted'")
    assert imposing.missing(database, [first], []) == []
    # Whatever the clock says of before and after.
    clock.instant_offset += jump
    later = found("2")
    assert imposing.missing(database, [later], []) == [later]
    database.close()
