"""Without the limit in the market's rule, 3.2 sees each lock that passes it, also one that was ended since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.worlds.unguarded import Unguarded
from watchkeeper.market import decide
from watchkeeper.market.commands import PayToLock, ReverseLock, VerifyDelivery
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.locks import rules
from watchkeeper.market.state import State

_REASON = "not brought, says the test"


def unlimited(command: PayToLock, state: State, context: Context) -> Decision:
    """The rule, deciding as if nothing were at stake yet; so the table's own limit has nothing to refuse either."""
    state.wallets[context.actor.id] = replace(state.wallet(context.actor.id), exposure_ugx=0)
    return rules.pay_to_lock(command, state, context)


def test_a_lock_past_the_limit_is_seen_although_it_was_ended_since(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = unguarded.dear_units(3)
    monkeypatch.setitem(decide._PURE, PayToLock, unlimited)
    world, bench = unguarded.world, unguarded.world.bench
    locks = [bench.one(PayToLock(unit_id=unit), world.victim).utid for unit in units]
    bench.one(VerifyDelivery(lock_utid=locks[0], outcome="cancelled", reason=_REASON), bench.market.admin.id)
    bench.one(ReverseLock(lock_utid=locks[0], reason=_REASON), bench.market.admin.id)
    seen = unguarded.seen()
    assert ("3.2", "bypassed") in seen
    assert ("6.1", "over the limit") not in seen
    number = bench.books.database.one("SELECT id FROM locks WHERE utid = ?", (locks[2],))
    assert number is not None
    assert unguarded.named("3.2") == unguarded.in_a_full_pass("3.2") == {f"locks {int(str(number[0]))}"}
