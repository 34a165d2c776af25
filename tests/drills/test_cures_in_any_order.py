"""Several rows are wrong at once: whatever the order of the cures, the books come right, or the desk says what comes first."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import business
from watchkeeper.bootstrap.drills.faults.model import Step, past
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.market.cures.service import MarketCures
from watchkeeper.market.execute import Executor
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.deskwork import DeskRefused
from watchkeeper.operation.playbooks.runs import Run
from watchkeeper.operation.verifier import findings
from watchkeeper.operation.verifier.findings import Finding

REASON = "put right as the playbook says, says the test"
_ROUNDS = 4
_ENTRIES = "SELECT id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after FROM wallet_ledger ORDER BY id"
_OFFER = "SELECT id, unit_id FROM offers WHERE utid = ?"
#: The victim's last entry, and the one before it.
_LAST = "(SELECT max(id) FROM wallet_ledger WHERE trader_id = {trader})"
_LAST_BUT_ONE = f"(SELECT max(id) FROM wallet_ledger WHERE trader_id = {{trader}} AND id < {_LAST})"


class Desk:
    """A world, and the operator who tries every cure on every finding."""

    def __init__(self, world: World) -> None:
        self.world = world

    def query(self, sql: str, parameters: tuple[Value, ...] = ()) -> list[tuple[Value, ...]]:
        return [tuple(row) for row in self.world.bench.books.database.query(sql, parameters)]

    def happens(self, *steps: Step) -> None:
        """This is done to the books, and the watch sees it."""
        self.world.inject(steps)
        self.look()

    def look(self) -> None:
        self.world.turn()
        self.world.hour()

    def open(self, **wanted: object) -> list[Finding]:
        return [
            finding
            for finding in findings.open_findings(self.world.database)
            if all(getattr(finding, name) == value for name, value in wanted.items())
        ]

    def run_of(self, finding: Finding) -> Run:
        return next(
            run
            for run in runs.listed(self.world.database, limit=50)
            if (run.rule, run.scope) == (finding.invariant, finding.scope)
        )

    def cure(self, how: str, finding: Finding) -> None:
        """`repair`, `acknowledge` or `restore_state`; raises `DeskRefused`."""
        act = getattr(self.world.desk, how)
        act(
            self.run_of(finding).id,
            finding.id,
            incident="INC-1",
            reason=REASON,
            operator=self.world.operator,
        )
        self.world.turn()

    def correct(self, finding: Finding, *, ugx: int) -> None:
        """Move the victim's capital by that much."""
        desk, alias = self.world.desk, self.world.alias
        desk.correct(
            self.run_of(finding).id,
            account=alias,
            bucket="capital",
            amount_ugx=ugx,
            predicted=desk.predict(account=alias, bucket="capital", amount_ugx=ugx)["after"]["capital"],
            incident="INC-1",
            reason=REASON,
            operator=self.world.operator,
        )
        self.world.turn()

    def _tried(self, finding: Finding, hows: tuple[str, ...]) -> None:
        for how in hows:
            with contextlib.suppress(DeskRefused):
                self.cure(how, finding)
                return

    def everything(self, *hows: str) -> list[tuple[str, str, str, str]]:
        """Each of these cures on each finding, oldest first, again and again; what is left."""
        for _ in range(_ROUNDS):
            for finding in self.open():
                still = findings.get(self.world.database, finding.id)
                if still is not None and still.state == "open" and finding.table_name != "schema":
                    self._tried(finding, hows or ("repair", "restore_state", "acknowledge"))
            for finding in self.open():
                with contextlib.suppress(DeskRefused):
                    self.world.desk.verify(self.run_of(finding).id, "verify", operator=self.world.operator)
            self.look()
            if not self.left():
                break
        return self.left()

    def left(self) -> list[tuple[str, str, str, str]]:
        """What is open, but for the engine's own mark that there was a forger."""
        return [
            (f.invariant, f.kind, f.table_name, f.row_key) for f in self.open() if f.table_name != "schema"
        ]


@pytest.fixture
def desk(data: Path) -> Iterator[Desk]:
    world = World(data, clock=SystemClock())
    yield Desk(world)
    world.close()


def richer(by: int, entry: str) -> tuple[Step, ...]:
    """An entry's capital is more than it was."""
    return past(
        "wallet_ledger_refuses_update",
        f"UPDATE wallet_ledger SET capital_after = capital_after + {by} WHERE id = {entry}",
    )


def gone(entry: str = _LAST) -> tuple[Step, ...]:
    return past("wallet_ledger_refuses_delete", f"DELETE FROM wallet_ledger WHERE id = {entry}")


@pytest.mark.parametrize("then", ["repair", "acknowledge"])
def test_an_entry_that_was_acknowledged_and_is_changed_again(desk: Desk, then: str) -> None:
    desk.happens(*richer(500, _LAST))
    (changed,) = desk.open(kind="changed")
    desk.cure("acknowledge", changed)
    assert desk.everything() == []
    desk.happens(*richer(200, _LAST))
    (again,) = desk.open(kind="changed")
    desk.cure(then, again)
    assert desk.everything() == []


def test_an_entry_that_was_acknowledged_and_whose_leaf_is_put_back_for_another_row(desk: Desk) -> None:
    utid = "(SELECT utid FROM locks WHERE trader_id = {trader} ORDER BY id LIMIT 1)"
    desk.happens(
        *richer(500, f"(SELECT min(id) FROM wallet_ledger WHERE utid = {utid})"),
        *past("locks_refuses_update", f"UPDATE locks SET deadline_at = deadline_at - 1 WHERE utid = {utid}"),
    )
    (entry,) = desk.open(kind="changed", table_name="wallet_ledger")
    desk.cure("acknowledge", entry)
    stood = desk.query(_ENTRIES)
    (lock,) = desk.open(kind="changed", table_name="locks")
    desk.cure("repair", lock)
    assert desk.query(_ENTRIES) == stood
    assert desk.everything() == []


def test_what_was_acknowledged_before_accounts_kept_it_is_counted_once(desk: Desk) -> None:
    desk.happens(*richer(500, _LAST))
    (changed,) = desk.open(kind="changed")
    desk.cure("acknowledge", changed)
    assert desk.everything() == []
    # As a store of before is after its migration.
    desk.world.database.execute("UPDATE account_state SET acknowledged_ugx = 0")
    theirs = f"(SELECT max(id) FROM wallet_ledger WHERE trader_id = {desk.world.neighbour})"
    desk.happens(*richer(300, theirs))
    (other,) = desk.open(kind="changed")
    desk.cure("repair", other)
    assert desk.everything() == []
    kept = desk.world.database.query(
        "SELECT amount_ugx, (SELECT sum(acknowledged_ugx) FROM account_state) FROM totals WHERE name = 'acknowledged'"
    )
    assert [tuple(row) for row in kept] == [(500, 500)]


def test_a_later_entry_is_acknowledged_only_after_the_earlier_one_is_right(desk: Desk) -> None:
    desk.happens(*richer(500, f"{_LAST} OR id = {_LAST_BUT_ONE}"))
    earlier, later = sorted(desk.open(kind="changed"), key=lambda finding: int(finding.row_key))
    with pytest.raises(
        DeskRefused, match=f"An entry before this one is wrong. Put finding {earlier.id} right first"
    ):
        desk.cure("acknowledge", later)
    desk.cure("repair", earlier)
    desk.cure("acknowledge", later)
    assert desk.everything() == []


@pytest.mark.parametrize("number", ["6", "90"], ids=["the next number", "another number"])
def test_a_strangers_entry_that_is_acknowledged_stands_with_its_number(desk: Desk, number: str) -> None:
    desk.happens(
        "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, profit_after, "
        "provider, external_ref, incident, at) SELECT max(id) + 1, '20261124-120000-tra-zzzzzz', {trader}, "
        f"{number}, 'capital_deposit', 5000, 5000, 0, 0, 'mtn', 'FORGED', NULL, max(at) FROM wallet_ledger"
    )
    assert desk.everything() == []
    assert desk.query("SELECT count(*) FROM acknowledgements") == [(1,)]


def test_a_wallet_whose_last_entry_is_gone_is_not_taken_for_an_empty_one(desk: Desk) -> None:
    before = desk.query(_ENTRIES)
    desk.world.inject(gone())
    # The watch has not looked yet.
    assert desk.world.can_deposit(desk.world.victim) == "operation-restricted"
    assert desk.world.can_deposit(desk.world.neighbour) == "accepted"
    theirs = desk.query(_ENTRIES)[-1]
    desk.look()
    assert desk.everything() == []
    assert desk.query(_ENTRIES) == [*before, theirs]


def test_a_farmer_whose_last_entry_is_gone_is_credited_nothing_before_it_is_back(desk: Desk) -> None:
    world = desk.world
    entries = "SELECT id, farmer_id, number, type, amount_ugx, balance_after FROM farmer_ledger ORDER BY id"
    before = desk.query(entries)
    assert before
    world.inject(
        past(
            "farmer_ledger_refuses_delete",
            "DELETE FROM farmer_ledger WHERE id = (SELECT max(id) FROM farmer_ledger)",
        )
    )
    # The watch has not looked yet.
    assert world.can_verify(world.victims_lock, "delivered") == "operation-restricted"
    desk.look()
    assert desk.everything() == []
    assert desk.query(entries) == before


def test_nothing_is_corrected_while_an_entry_of_the_account_is_lost(desk: Desk) -> None:
    desk.happens(
        *gone(),
        *past("wallet_ledger_refuses_update", f"UPDATE wallet_ledger SET at = at - 1 WHERE id = {_LAST}"),
    )
    (changed,) = desk.open(kind="changed")
    desk.cure("repair", changed)
    (lost,) = desk.open(kind="deleted")
    with pytest.raises(DeskRefused, match=f"not as it was sealed. Put finding {lost.id} right first"):
        desk.correct(lost, ugx=1_000)
    desk.cure("repair", lost)
    desk.correct(lost, ugx=1_000)
    assert desk.everything() == []


def test_the_entry_of_a_correction_that_was_lost_is_put_back_beside_what_came_next(desk: Desk) -> None:
    world = desk.world
    # Who cures is another process than the market, which looks each second for what others have written.
    executor = Executor(world.data, system_id=world.system_id, clock=world.clock, lease=world.bench.lease)
    world.desk.cures = MarketCures(executor, world.bench.books, world.bench.lease)
    desk.happens("UPDATE trader_state SET exposure_ugx = 0 WHERE trader_id = {trader}")
    (state,) = desk.open(table_name="trader_state")
    desk.correct(state, ugx=700)
    assert desk.everything() == []
    before = desk.query(_ENTRIES)
    world.bench.executor.find_keys()
    world.inject(gone())
    assert world.can_deposit(world.neighbour) == "accepted"
    theirs = desk.query(_ENTRIES)[-1]
    desk.look()
    assert desk.everything() == []
    assert desk.query(_ENTRIES) == [*before, theirs]
    executor.close()


def test_a_lock_whose_outcome_was_lost_is_not_unwound(data: Path) -> None:
    world = World(data, clock=TurnedClock(SystemClock()), business=business.whole)
    desk = Desk(world)
    try:
        lock = str(world.names["reversed_lock"])
        before = desk.query(_ENTRIES)
        desk.happens(
            *past(
                "lock_outcomes_refuses_delete",
                "DELETE FROM lock_outcomes WHERE lock_utid = '{reversed_lock}'",
            )
        )
        lost = desk.open(table_name="lock_outcomes")[0]
        run = next(desk.run_of(finding) for finding in desk.open() if finding.scope.startswith("account:"))
        (position,) = (one for one in world.desk.positions(run.id) if one.utid == lock)
        assert not position.unwindable
        with pytest.raises(DeskRefused, match=f"not as it was sealed. Put finding {lost.id} right first"):
            world.desk.unwind(
                run.id, position_utid=lock, incident="INC-1", reason=REASON, operator=world.operator
            )
        assert desk.everything() == []
        assert desk.query(_ENTRIES) == before
    finally:
        world.close()


def test_the_states_of_two_open_offers_that_changed_places_are_both_restored(data: Path) -> None:
    world = World(data, clock=TurnedClock(SystemClock()), business=business.whole)
    desk = Desk(world)
    try:
        states = "SELECT offer_id, unit_id, status FROM offer_state ORDER BY offer_id"
        before = desk.query(states)
        (one, here), (other, there) = (
            [int(str(value)) for value in desk.query(_OFFER, (str(world.names[name]),))[0]]
            for name in ("offer", "neighbour_offer")
        )
        desk.happens(
            f"UPDATE offer_state SET status = 'expired' WHERE offer_id = {one}",
            f"UPDATE offer_state SET unit_id = {here} WHERE offer_id = {other}",
            f"UPDATE offer_state SET unit_id = {there}, status = 'pending' WHERE offer_id = {one}",
        )
        assert len(desk.open(table_name="offer_state")) == 2
        assert desk.everything("restore_state") == []
        assert desk.query(states) == before
    finally:
        world.close()


def test_two_entries_whose_numbers_were_exchanged_can_be_let_stand(desk: Desk) -> None:
    desk.happens(
        *past(
            "wallet_ledger_refuses_update",
            f"UPDATE wallet_ledger SET number = 99 WHERE id = {_LAST_BUT_ONE}",
            f"UPDATE wallet_ledger SET number = number - 1 WHERE id = {_LAST}",
            "UPDATE wallet_ledger SET number = (SELECT max(number) + 1 FROM wallet_ledger WHERE trader_id = {trader} "
            "AND number < 99) WHERE trader_id = {trader} AND number = 99",
        )
    )
    assert desk.everything("acknowledge") == []


def test_an_entry_that_another_replaced_for_good_holds_nobody_up(desk: Desk) -> None:
    desk.happens(
        *gone(),
        "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, profit_after, "
        "provider, external_ref, incident, at) SELECT max(id) + 2, '20261124-120000-tra-zzzzzz', {trader}, max(number) + 1, "
        "'capital_deposit', 5000, 5000, 0, 0, 'mtn', 'FORGED', NULL, max(at) FROM wallet_ledger WHERE trader_id = {trader}",
    )
    (lost,) = desk.open(kind="deleted")
    (stranger,) = desk.open(kind="added", table_name="wallet_ledger")
    with pytest.raises(DeskRefused, match=f"not as it was sealed. Put finding {lost.id} right first"):
        desk.correct(lost, ugx=1_000)
    with pytest.raises(DeskRefused, match="in the way of this"):
        desk.cure("repair", lost)
    desk.cure("acknowledge", stranger)
    desk.correct(lost, ugx=1_000)


def test_what_somebody_elses_cure_finds_acknowledged_and_changed_again_is_its_accounts_own_matter(
    desk: Desk,
) -> None:
    desk.happens(*richer(500, _LAST))
    (changed,) = desk.open(kind="changed")
    desk.cure("acknowledge", changed)
    assert desk.everything() == []
    theirs = f"(SELECT max(id) FROM wallet_ledger WHERE trader_id = {desk.world.neighbour})"
    desk.happens(*richer(200, _LAST), *richer(300, theirs))
    other = next(f for f in desk.open(kind="changed") if f.row_key != changed.row_key)
    desk.cure("repair", other)
    desk.look()
    assert [f for f in desk.open(invariant="1.1") if f.kind == "conservation"] == []
    assert desk.everything() == []


def test_a_lock_is_not_unwound_while_the_traders_last_entry_is_lost(desk: Desk) -> None:
    desk.happens(*gone())
    (lost,) = desk.open(kind="deleted")
    run = desk.run_of(lost)
    with pytest.raises(DeskRefused, match=f"not as it was sealed. Put finding {lost.id} right first"):
        desk.world.desk.unwind(
            run.id,
            position_utid=desk.world.victims_lock,
            incident="INC-1",
            reason=REASON,
            operator=desk.world.operator,
        )


def test_a_state_waits_for_the_lost_row_of_which_it_is_the_state(tmp_path: Path) -> None:
    """A server's foreign keys keep that row."""
    world = World(tmp_path / "data", clock=SystemClock())
    desk = Desk(world)
    try:
        states = "SELECT * FROM trader_state ORDER BY trader_id"
        before = desk.query(states)
        desk.happens(
            *past("users_refuses_delete", "DELETE FROM users WHERE id = {trader}"),
            "UPDATE trader_state SET exposure_ugx = 0 WHERE trader_id = {trader}",
        )
        lost = next(f for f in desk.open(kind="deleted", table_name="users"))
        state = next(f for f in desk.open(table_name="trader_state"))
        with pytest.raises(DeskRefused, match=f"is gone. Put finding {lost.id} right first"):
            desk.cure("restore_state", state)
        assert desk.everything() == []
        assert desk.query(states) == before
    finally:
        world.close()


def test_a_state_of_nothing_is_taken_away(tmp_path: Path) -> None:
    """A server's foreign keys allow none, also to the tables' owner."""
    world = World(tmp_path / "data", clock=SystemClock())
    desk = Desk(world)
    try:
        desk.happens("INSERT INTO unit_state (unit_id, status, lock_utid) VALUES (999999, 'available', NULL)")
        assert desk.open(table_name="unit_state")
        assert desk.everything("restore_state") == []
        assert desk.query("SELECT count(*) FROM unit_state WHERE unit_id = 999999") == [(0,)]
    finally:
        world.close()


def test_a_repair_says_what_is_in_its_way(desk: Desk) -> None:
    desk.happens(
        *past(
            "wallet_ledger_refuses_update",
            "UPDATE wallet_ledger SET id = id + 1 WHERE id = (SELECT max(id) FROM wallet_ledger)",
        )
    )
    (lost,) = desk.open(kind="deleted")
    with pytest.raises(DeskRefused, match=r"in the way of this: .*wallet_ledger"):
        desk.cure("repair", lost)
    # The operator's own act is no sign of a market that has gone wrong.
    store = LeaseStore(desk.world.data, system_id=desk.world.system_id, role="watch")
    assert store.reports(after=0) == []
    store.close()
