"""Each sabotage for each invariant: seen, contained to its scope with a neighbour at work, cured, holding again."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import DRILLS
from watchkeeper.bootstrap.drills.faults import FAULTS, WITHOUT, Fault
from watchkeeper.bootstrap.drills.play import play
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.verifier import findings


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.proves} {fault.name}")
def test_the_fault_is_seen_contained_cured_and_holds_again(fault: Fault, data: Path) -> None:
    assert play(data, fault, clock=SystemClock()) == []


def test_every_invariant_has_a_fault_that_proves_it() -> None:
    assert set(DRILLS) == set(INVARIANTS)


def test_a_second_change_of_an_acknowledged_row_is_a_new_finding(data: Path) -> None:
    fault = next(f for f in FAULTS if f.name == "row past the journal")
    world = World(data, clock=SystemClock())
    try:
        world.inject(fault.statements)
        world.turn()
        (first,) = findings.open_findings(world.database)
        run = 1
        world.desk.acknowledge(
            run,
            first.id,
            incident="INC-1",
            reason="it truly happened, says the test",
            operator=world.operator,
        )
        world.turn()
        world.desk.conclude(run, "investigate", text="an entry that nobody wrote", operator=world.operator)
        world.desk.verify(run, "verify", operator=world.operator)
        assert not findings.open_findings(world.database)
        world.inject(
            (
                f"{WITHOUT}wallet_ledger_refuses_update",
                f"UPDATE wallet_ledger SET amount_ugx = amount_ugx + 1 WHERE id = {first.row_key}",
            )
        )
        world.turn()
        again = [f for f in findings.open_findings(world.database) if f.table_name == "wallet_ledger"]
        assert [f.row_key for f in again] == [first.row_key]
        assert again[0].id != first.id
    finally:
        world.close()


def test_honest_business_gives_no_finding(data: Path) -> None:
    world = World(data, clock=SystemClock())
    try:
        for _ in range(3):
            world.can_deposit(world.victim)
            world.can_lock(world.neighbour)
            world.turn()
        world.full_pass()
        assert not findings.open_findings(world.database)
    finally:
        world.close()
