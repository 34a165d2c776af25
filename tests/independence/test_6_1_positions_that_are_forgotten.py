"""Without the lots in a trader's exposure, 6.1 sees whoever stands above the limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.worlds.unguarded import Unguarded
from watchkeeper.market import decide
from watchkeeper.market.commands import PayToLock, VerifyDelivery
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.deliveries import rules
from watchkeeper.market.state import State

_REASON = "brought, says the test"


def forgetful(command: VerifyDelivery, state: State, context: Context) -> Decision:
    """The rule, with the position over once its unit is delivered."""
    decision = rules.verify(command, state, context)
    lock = state.lock(command.lock_utid)
    wallet = state.wallet(lock.trader_id)
    state.set_wallet(replace(wallet, exposure_ugx=wallet.exposure_ugx - lock.amount_ugx))
    return decision


def test_whoever_stands_above_the_limit_is_seen(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = unguarded.dear_units(3)
    monkeypatch.setitem(decide._PURE, VerifyDelivery, forgetful)
    world, bench = unguarded.world, unguarded.world.bench
    for unit in units:
        lock = bench.one(PayToLock(unit_id=unit), world.victim).utid
        bench.one(VerifyDelivery(lock_utid=lock, outcome="delivered", reason=_REASON), bench.market.admin.id)
    assert ("6.1", "over the limit") in unguarded.seen()
    assert unguarded.named("6.1") == unguarded.in_a_full_pass("6.1") == {f"locks account {world.victim}"}
