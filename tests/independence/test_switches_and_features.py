"""Without what makes the gate bite as a whole, 7.1 and 7.2 see what passed, and 9.1 and 9.2 the half that still works."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from tests.worlds.unguarded import REASON, Unguarded, everywhere
from watchkeeper.boundary import admit, gate, switches, turning
from watchkeeper.boundary.features import (
    BY_NAME,
    DELIVERY_VERIFICATION,
    FEATURE_OF,
    FEATURES,
    PURCHASE,
    Feature,
)
from watchkeeper.boundary.gate import OperationClass, Switch
from watchkeeper.market import decide
from watchkeeper.market.commands import CancelPurchase, ConfirmPickup, Purchase, ReverseLock
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.state import State


def turned(unguarded: Unguarded, feature: Feature, *, on: bool) -> None:
    """The operator turns what the market says belongs to a feature."""
    world = unguarded.world
    turning.turn(world.gatefile, feature, on=on, actor=world.operator.alias, reason=REASON, clock=world.clock)


@dataclass(frozen=True)
class Bought:
    """A block that somebody bought and did not fetch yet."""

    unguarded: Unguarded
    buyer: int
    utid: str

    def given_back(self) -> str:
        """What the market answers when they give it back."""
        return self.unguarded.world.tried(CancelPurchase(purchase_utid=self.utid), self.buyer)

    def fetched(self) -> str:
        """The same when the admin says that they fetched it."""
        command = ConfirmPickup(
            purchase_utid=self.utid, proceeds_ugx=15_000, provider="mtn", external_ref="SALE", reason=REASON
        )
        return self.unguarded.world.tried(command, self.unguarded.admin)


def a_purchase(unguarded: Unguarded) -> Bought:
    """The window is open, and a block is bought."""
    bench, block = unguarded.world.bench, unguarded.a_block()
    unguarded.world.flip(Switch.PURCHASE_WINDOW, "release")
    buyer = bench.person("buyer")
    found = Bought(unguarded, buyer, bench.one(Purchase(block_id=block), buyer).utid)
    assert unguarded.seen() == set()
    return found


def test_7_2_a_window_that_keeps_nobody_out(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    block, buyer = unguarded.a_block(), unguarded.world.bench.person("buyer")
    assert unguarded.world.tried(Purchase(block_id=block), buyer) == "purchase-window-closed"
    assert unguarded.seen() == set()
    monkeypatch.setitem(gate.STOPPED_BY, Switch.PURCHASE_WINDOW, frozenset())
    monkeypatch.setattr(gate, "STOPPED_BY_WINDOW", frozenset())
    assert unguarded.world.tried(Purchase(block_id=block), buyer) == "accepted"
    # The market's own probe of buying says so as well.
    assert unguarded.seen() == {("7.2", "stopped command"), ("9.1", "half working")}
    assert unguarded.named("7.2") == {f"journal {unguarded.last('journal')}"}
    assert unguarded.stopped("7.2") == {"everything"}
    assert unguarded.world.tried(Purchase(block_id=block), buyer) == "operation-restricted"
    assert unguarded.deposit() == "accepted"


def test_7_1_a_switch_that_says_it_is_off(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    world = unguarded.world
    monkeypatch.setattr(switches, "holds", lambda _: frozenset())
    world.pilot_mode("engage")
    assert unguarded.deposit() == "pilot-mode-active"
    assert unguarded.seen() == set()
    monkeypatch.setattr(admit, "check", lambda *_, **__: None)
    assert unguarded.deposit() == "accepted"
    assert unguarded.seen() == {("7.1", "stopped command")}
    assert unguarded.named("7.1") == {f"journal {unguarded.last('journal')}"}


def test_9_1_buying_that_is_turned_off_alone(unguarded: Unguarded) -> None:
    bought = a_purchase(unguarded)
    purchase = BY_NAME[PURCHASE]
    turned(unguarded, purchase, on=False)
    assert bought.given_back() == "feature-off"
    assert unguarded.seen() == set()
    turned(unguarded, purchase, on=True)
    assert unguarded.seen() == set()
    turned(unguarded, replace(purchase, commands=("purchase",)), on=False)
    assert unguarded.seen() == {("9.1", "half working")}
    assert unguarded.named("9.1") == {"features purchase: rows", "features purchase: gate"}
    assert unguarded.stopped("9.1") == {"everything"}
    assert bought.given_back() == "accepted"


def test_9_1_a_pickup_that_no_manifest_knows(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    bought, whole = a_purchase(unguarded), BY_NAME[PURCHASE]
    turned(unguarded, whole, on=False)
    assert bought.fetched() == "feature-off"
    assert unguarded.seen() == set()
    turned(unguarded, whole, on=True)
    less = replace(whole, commands=tuple(name for name in whole.commands if name != "pickup"))
    everywhere(monkeypatch, FEATURES, tuple(less if one is whole else one for one in FEATURES))
    everywhere(monkeypatch, BY_NAME, {**BY_NAME, PURCHASE: less})
    turned(unguarded, less, on=False)
    assert unguarded.seen() == {("9.1", "half working")}
    assert unguarded.named("9.1") == {"features purchase: gate"}
    assert bought.fetched() == "accepted"


def test_9_2_a_switch_that_stops_one_command_too_many(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = unguarded.world
    world.pilot_mode("engage")
    assert world.can_verify(world.late_lock, "late") == "accepted"
    assert unguarded.seen() == set()
    more = gate.STOPPED_BY_PILOT_MODE | {OperationClass.REVERSAL}
    monkeypatch.setattr(gate, "STOPPED_BY_PILOT_MODE", more)
    given_back = ReverseLock(lock_utid=world.late_lock, reason=REASON)
    assert world.tried(given_back, unguarded.admin) == "pilot-mode-active"
    assert unguarded.seen() == {("9.2", "half working")}
    assert unguarded.named("9.2") == {"features delivery_verification: gate"}
    assert unguarded.stopped("9.2") == {"everything"}
    assert world.can_verify(world.neighbours_lock, "late") == "operation-restricted"


def test_9_2_a_gate_that_asks_for_no_feature(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    world = unguarded.world
    turned(unguarded, BY_NAME[DELIVERY_VERIFICATION], on=False)
    assert world.can_verify(world.late_lock, "late") == "feature-off"
    assert unguarded.seen() == set()
    monkeypatch.setattr(admit, "enabled", lambda _: frozenset(FEATURE_OF))
    assert world.can_verify(world.late_lock, "late") == "accepted"
    assert unguarded.seen() == {("9.2", "half working")}
    assert unguarded.named("9.2") == {"features delivery_verification: gate"}
    assert world.can_verify(world.neighbours_lock, "late") == "operation-restricted"
    assert unguarded.deposit() == "accepted"


def test_9_2_a_reversal_of_whatever_one_likes(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    world = unguarded.world
    nowhere = ReverseLock(lock_utid="20000101-000000-tra-000000", reason=REASON)
    assert world.tried(nowhere, unguarded.admin) == "lock-not-found"
    assert unguarded.seen() == set()

    def unasked(command: ReverseLock, state: State, context: Context) -> Decision:
        return Decision(utid=context.utid, subject=command.lock_utid, reason=command.reason)

    monkeypatch.setitem(decide._PURE, ReverseLock, unasked)
    assert unguarded.seen() == {("9.2", "half working")}
    assert unguarded.named("9.2") == {"features delivery_verification: rules"}
    assert world.can_verify(world.late_lock, "late") == "operation-restricted"
    assert unguarded.deposit() == "accepted"
