"""The gate: what stops what, and every way in which it is not to be believed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, TurnableClock
from watchkeeper.boundary import restrict
from watchkeeper.boundary.flips import Flip, flips
from watchkeeper.boundary.gate import (
    EVERYTHING,
    STOPPED_BY,
    GateState,
    Hold,
    OperationClass,
    Refused,
    Scope,
    Switch,
    account,
    decide,
)
from watchkeeper.boundary.gatefile import GateFile
from watchkeeper.boundary.gatestore import GateUnreadable
from watchkeeper.boundary.restrict import EvidenceMoved
from watchkeeper.market import setup
from watchkeeper.market.commands import CreateListing, Deposit, InviteUser, PayToLock
from watchkeeper.market.housekeeping import record_act
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.switching import Switching

C = OperationClass
#: catalogue, Operation classes: class -> what stops it.
TABLE = {
    C.DEPOSIT: {"pilot", "shutdown", "lease"},
    C.WITHDRAW: {"pilot", "shutdown", "lease"},
    C.LOCK: {"pilot", "shutdown", "lease"},
    C.OFFER: {"pilot", "shutdown"},
    C.LISTING: {"pilot", "shutdown"},
    C.PURCHASE: {"pilot", "window", "shutdown", "lease"},
    C.PAYOUT: {"pilot", "shutdown", "lease"},
    C.VERIFICATION: {"shutdown"},
    C.DELIVERED: {"shutdown", "lease"},
    C.REVERSAL: {"shutdown", "lease"},
    C.WRITE_OFF: {"shutdown", "lease"},
    C.PICKUP: {"shutdown", "lease"},
    C.STORAGE_FEE: {"pilot", "shutdown", "lease"},
    C.ACCOUNTS: {"shutdown"},
    C.NOTICE: {"shutdown"},
    C.RELEASE: {"shutdown"},
    C.CURE: set[str](),
    C.NEVER_STOPPED: set[str](),
}
STATES = {
    "pilot": GateState(1, frozenset({(Switch.PILOT_MODE, Hold.ADMIN)}), (), False, False),
    "window": GateState(1, frozenset({(Switch.PURCHASE_WINDOW, Hold.SAFE_STATE)}), (), False, False),
    "shutdown": GateState(1, frozenset({(Switch.SHUTDOWN, Hold.OPERATOR)}), (), False, False),
    "lease": GateState(1, frozenset(), (), True, False),
    "stop file": GateState(1, frozenset(), (), False, True),
}


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def market(tmp_path: Path, clock: TurnableClock) -> Iterator[Market]:
    found = Market(tmp_path / "data", clock=clock)
    yield found
    found.close()


def passes(state: GateState, item: OperationClass) -> bool:
    try:
        decide(state, classes=frozenset({item}), touched=())
    except Refused:
        return False
    return True


@pytest.mark.parametrize("item", list(OperationClass))
@pytest.mark.parametrize("cause", list(STATES))
def test_each_class_is_stopped_by_exactly_what_the_catalogue_says(item: OperationClass, cause: str) -> None:
    stopped = ("shutdown" if cause == "stop file" else cause) in TABLE[item]
    assert passes(STATES[cause], item) is not stopped


def test_every_class_is_in_the_table_of_what_stops_it() -> None:
    assert set(TABLE) == set(OperationClass)
    assert set(STOPPED_BY) == set(Switch)


def listing(market: Market) -> str:
    return market.code(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=1), market.farmer)


def test_a_missing_gate_refuses(market: Market) -> None:
    (market.data / "gate.db").unlink()
    assert listing(market) == "capability-blocked"


@pytest.mark.parametrize(
    "damage", [b"", b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_corrupt_gate_refuses(market: Market, damage: bytes) -> None:
    (market.data / "gate.db").write_bytes(damage)
    assert listing(market) == "capability-blocked"


def test_a_gate_replaced_by_rename_refuses_even_with_a_good_copy(market: Market) -> None:
    assert listing(market) == "accepted"
    copy = market.data / "copy.db"
    shutil.copy(market.data / "gate.db", copy)
    os.replace(copy, market.data / "gate.db")
    assert listing(market) == "capability-blocked"


def test_the_gate_of_another_system_refuses(market: Market, tmp_path: Path, clock: TurnableClock) -> None:
    setup.create(tmp_path / "other", clock=clock)
    shutil.copy(tmp_path / "other" / "gate.db", market.data / "gate.db")
    assert listing(market) == "capability-blocked"


def test_an_older_copy_of_the_gate_put_back_refuses(market: Market, clock: TurnableClock) -> None:
    market.executor.close()
    older = (market.data / "gate.db").read_bytes()
    gate = GateFile(market.data, system_id=market.market.system_id)
    restrict.impose(
        gate,
        rule="t",
        scope=account("tra_nobody"),
        classes=frozenset({C.LOCK}),
        cause="BROKEN",
        reason="t",
        imposed_by="t",
        clock=clock,
    )
    gate.close()
    assert listing(market) == "accepted"
    market.executor.close()
    (market.data / "gate.db").write_bytes(older)
    assert listing(market) == "capability-blocked"


def test_books_that_end_earlier_than_they_did_refuse(market: Market) -> None:
    assert listing(market) == "accepted"
    database = market.executor._opened()
    database.execute("DROP TRIGGER journal_refuses_delete")
    database.execute("DELETE FROM journal WHERE n = (SELECT max(n) FROM journal)")
    assert listing(market) == "capability-blocked"


def test_the_stop_file_shuts_down_from_the_next_batch_and_lets_go_when_it_is_removed(market: Market) -> None:
    (market.data / "STOP").touch()
    assert listing(market) == "system-shut-down"
    (market.data / "STOP").unlink()
    assert listing(market) == "accepted"


def impose(market: Market, scope: Scope, *classes: OperationClass, cause: str = "BROKEN") -> int:
    gate = GateFile(market.data, system_id=market.market.system_id)
    found = restrict.impose(
        gate,
        rule="2.3",
        scope=scope,
        classes=frozenset(classes),
        cause=cause,
        reason="t",
        imposed_by="t",
        clock=market.clock,
    )
    gate.close()
    return found.evidence_seq


def alias(market: Market, user_id: int) -> str:
    user = market.books.user(user_id)
    assert user is not None
    return user.alias


def test_a_restricted_account_is_stopped_as_actor_and_as_counterparty_and_its_neighbour_goes_on(
    market: Market,
) -> None:
    units = market.units(3)
    impose(market, account(alias(market, market.tina)), C.LOCK)
    assert market.code(PayToLock(unit_id=units[0]), market.tina) == "operation-restricted"
    assert market.code(PayToLock(unit_id=units[0]), market.tom) == "accepted"
    lock = market.books.locks(trader_id=market.tom)[0]
    impose(market, account(str(lock["farmer"])), C.LOCK)
    assert market.code(PayToLock(unit_id=units[1]), market.tom) == "operation-restricted"


def test_a_restricted_unit_stops_that_unit_alone(market: Market) -> None:
    units = market.units(2)
    impose(market, Scope("unit", str(units[0])), C.LOCK)
    assert market.code(PayToLock(unit_id=units[0]), market.tom) == "operation-restricted"
    assert market.code(PayToLock(unit_id=units[1]), market.tom) == "accepted"


def test_imposing_again_raises_the_evidence_and_a_lift_on_older_evidence_is_refused(market: Market) -> None:
    assert impose(market, EVERYTHING, C.LOCK) == 1
    assert impose(market, EVERYTHING, C.DEPOSIT) == 2
    gate = GateFile(market.data, system_id=market.market.system_id)
    (found,) = restrict.active(gate)
    assert found.classes == {C.LOCK, C.DEPOSIT}
    with pytest.raises(EvidenceMoved):
        restrict.lift(gate, restriction_id=found.id, evidence_seq=1, by="t", reason="t", clock=market.clock)
    assert restrict.lift(
        gate, restriction_id=found.id, evidence_seq=2, by="t", reason="t", clock=market.clock
    )
    assert not restrict.lift(
        gate, restriction_id=found.id, evidence_seq=2, by="t", reason="t", clock=market.clock
    )
    gate.close()


def test_unknown_may_become_broken_and_never_the_other_way(market: Market) -> None:
    impose(market, EVERYTHING, C.LOCK, cause="UNKNOWN")
    impose(market, EVERYTHING, C.LOCK, cause="BROKEN")
    impose(market, EVERYTHING, C.LOCK, cause="UNKNOWN")
    gate = GateFile(market.data, system_id=market.market.system_id)
    assert [r.cause for r in restrict.active(gate)] == ["BROKEN"]
    gate.close()


def test_a_silent_lease_stops_money_and_leaves_the_rest(market: Market, clock: TurnableClock) -> None:
    deposit = Deposit(amount_ugx=1, provider="mtn", external_ref="L")
    act = market.act(deposit, market.tina)
    clock.boot_offset_seconds += 31
    outcome = market.executor.run([act])[0]
    assert getattr(outcome, "code", "") == "monitor-silent"
    invite = market.act(InviteUser(role="farmer", reason=REASON), market.admin_id)
    assert getattr(market.executor.run([invite])[0], "code", "accepted") == "accepted"
    assert market.code(deposit, market.tina) == "accepted"


def test_a_lease_that_was_never_seen_to_move_is_silent(market: Market) -> None:
    from watchkeeper.boundary.lease import LeaseReader, LeaseStore

    reader = LeaseReader(
        LeaseStore(market.data, system_id=market.market.system_id, role="watch"), clock=market.clock
    )
    reader.poll()
    reader.poll()
    assert reader.silent()


def test_a_year_on_the_clock_does_not_silence_the_lease(market: Market, clock: TurnableClock) -> None:
    market.keep_lease()
    clock.instant_offset = 365 * 86_400 * 1_000_000
    act = market.act(Deposit(amount_ugx=1, provider="mtn", external_ref="Y"), market.tina)
    assert getattr(market.executor.run([act])[0], "code", "accepted") == "accepted"


def test_a_switch_belongs_to_its_hold_and_only_the_operator_releases_others(market: Market) -> None:
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    operator, admin = market.books.user(market.market.operator.id), market.books.user(market.admin_id)
    assert operator is not None
    assert admin is not None
    with pytest.raises(Exception, match="role"):
        switching.flip(switch=Switch.SHUTDOWN, action="engage", actor=admin, reason=REASON)
    switching.flip(switch=Switch.PILOT_MODE, action="engage", actor=operator, reason=REASON)
    with pytest.raises(Exception, match="hold"):
        switching.flip(
            switch=Switch.PILOT_MODE, action="release", actor=admin, reason=REASON, hold=Hold.OPERATOR
        )
    switching.flip(switch=Switch.PILOT_MODE, action="engage", actor=admin, reason=REASON)
    switching.flip(switch=Switch.PILOT_MODE, action="release", actor=operator, reason=REASON, hold=Hold.ADMIN)
    assert listing(market) == "pilot-mode-active"
    switching.flip(switch=Switch.PILOT_MODE, action="release", actor=operator, reason=REASON)
    assert listing(market) == "accepted"
    switching.close()


def test_an_unreadable_gate_says_so_rather_than_passing(tmp_path: Path) -> None:
    gate = GateFile(tmp_path / "nowhere.db", system_id="x")
    with pytest.raises(GateUnreadable), gate.shared():
        raise AssertionError("the gate opened")


def flip(market: Market, action: str, *, switch: Switch = Switch.PILOT_MODE, by: str = "admin") -> Flip:
    user = market.books.user(market.admin_id if by == "admin" else market.market.operator.id)
    assert user is not None
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    try:
        found = switching.flip(switch=switch, action=action, actor=user, reason=REASON)
    finally:
        switching.close()
    market.executor.run([record_act(found, actor_id=user.id)])
    return found


def test_an_older_copy_cannot_be_brought_up_to_what_is_believed(market: Market) -> None:
    market.executor.close()
    older = (market.data / "gate.db").read_bytes()
    flip(market, "engage")
    market.executor.close()
    (market.data / "gate.db").write_bytes(older)
    gate = GateFile(market.data, system_id=market.market.system_id)
    for number in range(5):
        with pytest.raises(GateUnreadable, match="older copy"):
            restrict.impose(
                gate,
                rule=f"t{number}",
                scope=EVERYTHING,
                classes=frozenset({OperationClass.LOCK}),
                cause="BROKEN",
                reason="a watch that restricts",
                imposed_by="t",
                clock=market.clock,
            )
    gate.close()
    with pytest.raises(Refusal, match="cannot be read"):
        flip(market, "release")
    assert listing(market) == "capability-blocked"


def rebuilt(market: Market, by: str = "operator") -> list[Flip]:
    user = market.books.user(market.admin_id if by == "admin" else market.market.operator.id)
    assert user is not None
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    try:
        return switching.rebuild(actor=user, reason=REASON)
    finally:
        switching.close()


def test_a_lost_gate_is_made_anew_with_its_history_and_everything_engaged(market: Market) -> None:
    past = [flip(market, "engage"), flip(market, "release")]
    lost = (market.data / "gate.db").read_bytes()
    (market.data / "gate.db").unlink()
    # Left behind, it would be played back into the new gate.
    (market.data / "gate.db-journal").write_bytes(b"a hot journal of the lost gate")
    assert listing(market) == "capability-blocked"
    fresh = rebuilt(market)
    assert {found.switch for found in fresh} == set(Switch)
    assert not (market.data / "gate.db-journal").exists()
    assert len(list(market.data.glob("gate.db*.lost-*"))) == 1

    gate = GateFile(market.data, system_id=market.market.system_id)
    with gate.shared() as database:
        known = flips(database)
        _, holds, restrictions = gate.read(database)
    gate.close()
    again = [found for found in known if found not in fresh]
    assert [(f.utid, f.action, f.journal_n) for f in again] == [(f.utid, f.action, f.journal_n) for f in past]
    assert [found.engaged_after for found in again] == [True, False]
    assert {(switch, Hold.OPERATOR) for switch in Switch} <= holds
    assert restrictions == ()

    assert listing(market) == "system-shut-down"
    flip(market, "release", switch=Switch.SHUTDOWN, by="operator")
    flip(market, "release", by="operator")
    assert listing(market) == "accepted"
    market.executor.close()
    (market.data / "gate.db").write_bytes(lost)
    assert listing(market) == "capability-blocked"


def test_a_gate_that_is_well_is_not_made_anew_and_only_by_the_operator(market: Market) -> None:
    with pytest.raises(Refusal, match="nothing to make anew"):
        rebuilt(market)
    (market.data / "gate.db").unlink()
    with pytest.raises(Refusal, match="Only the operator"):
        rebuilt(market, by="admin")
    assert not (market.data / "gate.db").exists()
