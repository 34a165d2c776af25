"""The gate: what stops what, and every way in which it is not to be believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, TurnableClock
from watchkeeper.boundary import restrict
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
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.restrict import EvidenceMoved
from watchkeeper.market.commands import CreateListing, Deposit, InviteUser, PayToLock
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
    C.BLOCK_FORMING: {"shutdown"},
    C.PURCHASE_CANCELLATION: {"shutdown", "lease"},
    C.OFFER_END: {"shutdown"},
    C.LISTING_END: {"shutdown"},
    C.RECONCILIATION: {"shutdown"},
    C.READ: {"shutdown"},
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
def market(data: Path, clock: TurnableClock) -> Iterator[Market]:
    found = Market(data, clock=clock)
    yield found
    found.close()


def passes(state: GateState, item: OperationClass) -> bool:
    try:
        decide(state, command=None, classes=frozenset({item}), touched=())
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


def test_the_stop_file_shuts_down_from_the_next_batch_and_lets_go_when_it_is_removed(market: Market) -> None:
    (market.data / "STOP").touch()
    assert listing(market) == "system-shut-down"
    (market.data / "STOP").unlink()
    assert listing(market) == "accepted"


def impose(market: Market, scope: Scope, *classes: OperationClass, cause: str = "BROKEN") -> int:
    gate = open_gate(market.data, system_id=market.market.system_id, role="control")
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


def test_a_restricted_command_stops_for_everyone_and_no_other_command_does(market: Market) -> None:
    units = market.units(2)
    impose(market, Scope("command", "pay_to_lock"), C.LOCK, C.DEPOSIT)
    for unit, trader in zip(units, (market.tom, market.tina), strict=True):
        assert market.code(PayToLock(unit_id=unit), trader) == "operation-restricted"
    # Of a class that stops, and another command.
    other = Deposit(amount_ugx=1000, provider="mtn", external_ref="OTHER")
    assert market.code(other, market.tom) == "accepted"


def test_imposing_again_raises_the_evidence_and_a_lift_on_older_evidence_is_refused(market: Market) -> None:
    assert impose(market, EVERYTHING, C.LOCK) == 1
    assert impose(market, EVERYTHING, C.DEPOSIT) == 2
    gate = open_gate(market.data, system_id=market.market.system_id, role="control")
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
    gate = open_gate(market.data, system_id=market.market.system_id, role="control")
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
