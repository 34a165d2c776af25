"""A state row speaks for itself alone: what hangs on a changed row is that row's matter, a stranger's row is 2.3's."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import business
from watchkeeper.bootstrap.drills.faults.model import past
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.deskwork import DeskRefused
from watchkeeper.operation.playbooks.runs import Run
from watchkeeper.operation.verifier import findings
from watchkeeper.operation.verifier.findings import Finding

REASON = "put right as the playbook says, says the test"
#: Rows that nothing else points to, one of each table that a state follows from.
DELETED = {
    "user_steps": "user_id = {suspended} AND step = 'unsuspended'",
    "role_history": "user_id = {changed} AND role_before IS NOT NULL",
    "unit_steps": "id = (SELECT min(id) FROM unit_steps)",
    "offer_steps": "offer_utid = '{paid_offer}' AND step = 'paid'",
    "lock_outcomes": "lock_utid = '{reversed_lock}' AND outcome = 'reversed'",
    "write_offs": "lot_id = {lost_lot}",
    "block_lots": "block_id = {block}",
    "purchase_outcomes": "purchase_utid = '{picked_up}'",
    "pickups": "purchase_utid = '{picked_up}'",
}


def run_of(world: World, finding: Finding) -> Run:
    """The playbook that is open for a finding."""
    return next(
        run
        for run in runs.listed(world.database, limit=50)
        if (run.rule, run.scope) == (finding.invariant, finding.scope)
    )


def test_what_hangs_on_rows_that_are_gone_is_not_blamed_on_states(data: Path) -> None:
    world = World(data, clock=TurnedClock(SystemClock()), business=business.whole)
    try:
        world.inject(
            tuple(
                statement
                for table, where in DELETED.items()
                for statement in past(f"{table}_refuses_delete", f"DELETE FROM {table} WHERE {where}")
            )
        )
        world.turn()
        world.full_pass()
        found = findings.open_findings(world.database)
        assert {finding.table_name for finding in found if finding.kind == "deleted"} == set(DELETED)
        assert "1.3" not in {finding.invariant for finding in found}
        for finding in found:
            now = findings.get(world.database, finding.id)
            if finding.kind == "deleted" and now is not None and now.state == "open":
                world.desk.repair(
                    run_of(world, finding).id,
                    finding.id,
                    incident="INC-1",
                    reason=REASON,
                    operator=world.operator,
                )
                world.turn()
        world.full_pass()
        assert "1.3" not in {finding.invariant for finding in findings.open_findings(world.database)}
        assert not [f for f in findings.open_findings(world.database) if f.kind == "deleted"]
    finally:
        world.close()


def test_a_state_that_was_put_right_already_needs_no_second_cure(data: Path) -> None:
    world = World(data, clock=SystemClock())
    try:
        old = "SELECT exposure_ugx FROM trader_state WHERE trader_id = {trader}".format(**world.names)
        before = world.bench.books.database.one(old)
        world.inject(("UPDATE trader_state SET exposure_ugx = 0 WHERE trader_id = {trader}",))
        world.turn()
        (finding,) = findings.open_findings(world.database)
        world.inject(("UPDATE trader_state SET exposure_ugx = 1 WHERE trader_id = {trader}",))
        world.turn()
        first, second = findings.open_findings(world.database)
        assert (first.id, first.row_key) == (finding.id, second.row_key)
        run = run_of(world, finding)
        receipts = world.desk.restore_state(
            run.id, first.id, incident="INC-1", reason=REASON, operator=world.operator
        )
        assert len(receipts) == 1
        assert world.bench.books.database.one(old) == before
        assert not findings.open_findings(world.database)
        with pytest.raises(DeskRefused, match="no such open finding"):
            world.desk.restore_state(
                run.id, second.id, incident="INC-1", reason=REASON, operator=world.operator
            )
    finally:
        world.close()


def test_only_a_state_is_restored(data: Path) -> None:
    world = World(data, clock=SystemClock())
    try:
        world.inject(
            past(
                "wallet_ledger_refuses_update",
                "UPDATE wallet_ledger SET at = at - 1 WHERE id = (SELECT max(id) FROM wallet_ledger)",
            )
        )
        world.turn()
        finding = next(f for f in findings.open_findings(world.database) if f.table_name == "wallet_ledger")
        with pytest.raises(DeskRefused, match="not about a state"):
            world.desk.restore_state(
                run_of(world, finding).id,
                finding.id,
                incident="INC-1",
                reason=REASON,
                operator=world.operator,
            )
    finally:
        world.close()
