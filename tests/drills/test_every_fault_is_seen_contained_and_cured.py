"""Each sabotage for each invariant: seen, contained to its scope with a neighbour at work, cured, holding again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.server import Cluster
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import DRILLS, Prepared, faults, prepared
from watchkeeper.bootstrap.drills.faults import FAULTS
from watchkeeper.bootstrap.drills.faults.model import WITHOUT, Fault
from watchkeeper.bootstrap.drills.play import play_in_copy
from watchkeeper.bootstrap.drills.prepared import opened
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.operation import store
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.verifier import findings, verdicts
from watchkeeper.operation.verifier.continuous import Continuous
from watchkeeper.operation.verifier.findings import Finding


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def market(request: pytest.FixtureRequest) -> Iterator[Prepared]:
    """A market that each fault gets a copy of, on both engines."""
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        url = cluster.url("postgres")
    with prepared(url, clock=SystemClock()) as found:
        yield found


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.proves} {fault.name}")
def test_the_fault_is_seen_contained_cured_and_holds_again(fault: Fault, market: Prepared) -> None:
    played = play_in_copy(market, fault, clock=SystemClock())
    assert played.unmet == ()
    assert played.detect_ms is not None
    assert played.contain_ms is not None


def test_a_copy_is_sound_and_its_market_goes_on(market: Prepared) -> None:
    with market.copy() as place:
        world = opened(place, clock=TurnedClock(SystemClock()))
        try:
            assert [world.can_deposit(trader) for trader in (world.victim, world.neighbour)] == [
                "accepted",
                "accepted",
            ]
            world.tick()
            world.turn()
            world.full_pass()
            assert findings.open_findings(world.database) == []
            states = verdicts.current(world.database, clock=world.clock)
            assert {(one.continuous, one.full) for one in states} == {("HOLDS", "HOLDS")}
        finally:
            world.close()


def test_every_invariant_has_a_fault_that_proves_it() -> None:
    assert set(DRILLS) == set(INVARIANTS)


def test_the_index_of_faults_is_the_folder() -> None:
    files = {path.stem for path in Path(faults.__file__).parent.glob("f*_*.py")}
    assert files == {f"f{fault.proves.replace('.', '_')}" for fault in FAULTS}
    assert len({(fault.proves, fault.name) for fault in FAULTS}) == len(FAULTS)


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


_CHANGE = (
    f"{WITHOUT}wallet_ledger_refuses_update",
    "UPDATE wallet_ledger SET amount_ugx = amount_ugx + 1 WHERE id = "
    "(SELECT max(id) FROM wallet_ledger WHERE trader_id = {trader})",
)


def _entry(world: World) -> Finding:
    """The one open finding of a ledger entry."""
    (found,) = (f for f in findings.open_findings(world.database) if f.table_name == "wallet_ledger")
    return found


def test_a_second_change_of_a_row_with_an_open_finding_is_a_new_finding(data: Path) -> None:
    world = World(data, clock=SystemClock())
    try:
        world.inject(_CHANGE)
        world.turn()
        first = _entry(world)
        world.inject(_CHANGE[1:])
        world.turn()
        both = [f for f in findings.open_findings(world.database) if f.table_name == "wallet_ledger"]
        assert [f.row_key for f in both] == [first.row_key] * 2
        assert both[0] == first
        assert both[1].found != first.found
        assert both[1].expected == first.expected
        # Looked at again unchanged it is the same finding, however often.
        world.full_pass()
        again = [f for f in findings.open_findings(world.database) if f.table_name == "wallet_ledger"]
        assert again == both
    finally:
        world.close()


@pytest.mark.parametrize("same", [True, False], ids=["the same change", "another"])
def test_a_second_change_of_a_repaired_row_is_a_new_finding(data: Path, same: bool) -> None:
    world = World(data, clock=SystemClock())
    try:
        world.inject(_CHANGE)
        world.turn()
        first = _entry(world)
        run = next(r for r in runs.listed(world.database, limit=10) if r.rule == first.invariant)
        world.desk.repair(
            run.id,
            first.id,
            incident="INC-1",
            reason="put back as it was sealed, says the test",
            operator=world.operator,
        )
        world.turn()
        closed = findings.get(world.database, first.id)
        assert closed is not None
        assert closed.state == "repaired"
        assert not [f for f in findings.open_findings(world.database) if f.table_name == "wallet_ledger"]
        world.inject((_CHANGE[1] if same else _CHANGE[1].replace("+ 1", "+ 2"),))
        world.turn()
        second = _entry(world)
        assert (second.row_key, second.found == first.found) == (first.row_key, same)
        assert second.id != first.id
        assert findings.get(world.database, first.id) == closed
        assert world.can_deposit(world.neighbour) == "operation-restricted"
    finally:
        world.close()


def test_a_rewritten_tail_contradicts_nothing_but_its_seals(data: Path, tmp_path: Path) -> None:
    fault = next(f for f in FAULTS if f.name == "tail rewritten")
    world = World(data, clock=SystemClock())
    try:
        world.inject(fault.statements)
        # A watch that sealed none of it reads the forged books from the first row and believes them.
        other = tmp_path / "another control room"
        other.mkdir()
        store.create(other, system_id=world.system_id, clock=world.clock)
        database = store.open_store(other, system_id=world.system_id)
        stranger = Continuous(data, system_id=world.system_id, database=database, clock=world.clock)
        found = stranger.look()
        assert not found.errors
        assert len(found.tail.news.journal) > 10
        assert {draft.table_name for draft in found.drafts} <= {"schema"}
        stranger.close()
        database.close()
        # The one that did names every row.
        world.turn()
        named = {
            (f.invariant, f.table_name)
            for f in findings.open_findings(world.database)
            if f.table_name != "schema"
        }
        assert named == {("1.2", "wallet_ledger"), ("2.3", "journal")}
        rows = [f for f in findings.open_findings(world.database) if f.table_name != "schema"]
        assert len(rows) == 4, [
            (f.id, f.kind, f.table_name, f.row_key, f.state, f.sealed_index) for f in rows
        ]
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
