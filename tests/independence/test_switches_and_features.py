"""Without what makes the gate bite as a whole, 7.1 and 7.2 see what passed, and 9.1 and 9.2 the half that still works."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.worlds.unguarded import REASON, Unguarded
from watchkeeper.boundary import admit, features, gate, switches, turning
from watchkeeper.boundary.features import BY_NAME, DELIVERY_VERIFICATION, FEATURE_OF, PURCHASE, Feature
from watchkeeper.boundary.gate import OperationClass, Switch
from watchkeeper.market import decide
from watchkeeper.market.commands import Purchase, ReverseLock, VerifyDelivery
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.deliveries import rules as deliveries
from watchkeeper.market.state import Lock, State

NOWHERE = "20000101-000000-tra-000000"


def turned_off(unguarded: Unguarded, feature: Feature) -> None:
    """The operator turns off what the market says belongs to a feature."""
    world = unguarded.world
    turning.turn(
        world.gatefile, feature, on=False, actor=world.operator.alias, reason=REASON, clock=world.clock
    )


def late(lock_utid: str) -> VerifyDelivery:
    return VerifyDelivery(lock_utid=lock_utid, outcome="late", reason=REASON)


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
    purchase = BY_NAME[PURCHASE]
    turned_off(unguarded, replace(purchase, commands=purchase.commands[:1]))
    assert unguarded.seen() == {("9.1", "half working")}
    assert unguarded.named("9.1") == {"features purchase: rows", "features purchase: gate"}
    assert unguarded.stopped("9.1") == {"everything"}
    turned_off(unguarded, purchase)
    assert unguarded.world.continuous.look().drafts == []
