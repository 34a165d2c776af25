"""Rows that were deleted from the end of their table can be put back, whatever was written since: no key is given twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills.faults.model import past
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.market.cures.service import MarketCures
from watchkeeper.market.execute import Executor
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.verifier import findings
from watchkeeper.operation.verifier.findings import Finding

REASON = "put right as the playbook says, says the test"
_RECORDS = "SELECT id, table_name, row_key, digest_before FROM repairs ORDER BY id"
_ENTRIES = "SELECT id, utid, trader_id, amount_ugx FROM wallet_ledger ORDER BY id"
_ATTEMPTS = "SELECT id, account, outcome, at FROM sign_in_attempts ORDER BY id"


def still_open(world: World, table: str) -> list[Finding]:
    """The open findings about rows of this table."""
    return [f for f in findings.open_findings(world.database) if f.table_name == table]


def repair(world: World, finding: Finding) -> None:
    """Put the finding's leaf back, as the operator does it; the watch looks."""
    run = next(
        run
        for run in runs.listed(world.database, limit=50)
        if (run.rule, run.scope) == (finding.invariant, finding.scope)
    )
    world.desk.repair(run.id, finding.id, incident="INC-1", reason=REASON, operator=world.operator)
    world.turn()


def repair_all(world: World, table: str) -> None:
    """One finding after another, the oldest first, until none of this table stands open."""
    for _ in range(10):
        world.full_pass()
        found = still_open(world, table)
        if not found:
            return
        repair(world, found[0])
    raise AssertionError(f"never ends: {found}")


@pytest.mark.rule("journal.keys")
def test_what_others_do_before_a_lost_entry_is_seen_stays_when_it_is_put_back(data: Path) -> None:
    world = World(data, clock=SystemClock())
    try:
        before = world.bench.books.database.query(_ENTRIES)
        last, owner = int(str(before[-1][0])), before[-1][2]
        assert owner == world.victim
        world.inject(
            past("wallet_ledger_refuses_delete", f"DELETE FROM wallet_ledger WHERE id = {last}"),
        )
        # The watch has not looked yet.
        assert world.can_deposit(world.neighbour) == "accepted"
        *_, theirs = world.bench.books.database.query(_ENTRIES)
        assert (theirs[0], theirs[2]) == (last + 1, world.neighbour)
        world.turn()
        world.full_pass()
        assert {(f.kind, f.row_key) for f in still_open(world, "wallet_ledger")} == {("deleted", str(last))}
        repair_all(world, "wallet_ledger")
        assert world.bench.books.database.query(_ENTRIES) == [*before, theirs]
    finally:
        world.close()


def test_the_records_of_repairs_that_were_lost_are_put_back_by_other_repairs(data: Path) -> None:
    world = World(data, clock=SystemClock())
    try:
        for units in ("id <= 3", "id = 4"):
            world.inject(
                past("units_refuses_update", f"UPDATE units SET number = number + 5000 WHERE {units}")
            )
            world.turn()
            repair_all(world, "units")
        before = world.bench.books.database.query(_RECORDS)
        assert [row[2] for row in before] == ["1", "2", "3", "4"]
        world.inject(past("repairs_refuses_delete", "DELETE FROM repairs"))
        world.turn()
        world.full_pass()
        assert [f.kind for f in still_open(world, "repairs")] == ["deleted"] * 4
        # The process that cures began after they were lost.
        executor = Executor(
            data, system_id=world.system_id, clock=world.clock, lease=world.bench.lease, busy_seconds_max=2.0
        )
        world.desk.cures = MarketCures(executor, world.bench.books, world.bench.lease)
        repair_all(world, "repairs")
        after = world.bench.books.database.query(_RECORDS)
        assert after[:4] == before
        assert [row[1:3] for row in after[4:]] == [("repairs", str(n)) for n in (1, 2, 3, 4)]
        executor.close()
    finally:
        world.close()


def test_a_lost_attempt_to_sign_in_is_put_back_beside_what_was_noted_since(data: Path) -> None:
    world = World(data, clock=SystemClock())
    try:
        executor = world.bench.executor

        def attempt(account: str) -> None:
            executor.notes.attempt(account=account, address="10.0.0.1", kind="sign_in", outcome="refused")
            executor.flush_notes()

        attempt("tra_aaaaaa")
        attempt("tra_bbbbbb")
        world.turn()
        before = world.bench.books.database.query(_ATTEMPTS)
        world.inject(
            past(
                "sign_in_attempts_refuses_delete",
                "DELETE FROM sign_in_attempts WHERE account = 'tra_bbbbbb'",
            )
        )
        attempt("tra_cccccc")
        world.turn()
        assert [f.kind for f in still_open(world, "sign_in_attempts")] == ["deleted"]
        repair_all(world, "sign_in_attempts")
        after = world.bench.books.database.query(_ATTEMPTS)
        assert after[:-1] == before
        assert after[-1][1] == "tra_cccccc"
    finally:
        world.close()
