"""Without the law of the daily fee, 5.2 sees what weighs wrongly, 9.3 what was not deducted, and 10.1 what never was due."""

from __future__ import annotations

import pytest

from tests.worlds.unguarded import Unguarded, everywhere
from watchkeeper.bootstrap.drills.turning import HOUR
from watchkeeper.boundary import flips
from watchkeeper.boundary.gate import Switch
from watchkeeper.market import decide
from watchkeeper.market.commands import CancelPurchase, Purchase, StorageFee
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.inventory import due, rules
from watchkeeper.market.state import BLOCK_LOTS, State

#: The lot of the little market, and what one of its days takes.
GRAMS, A_DAYS_GRAMS = 10_000, 50


def test_5_2_a_fee_of_twice_the_weight(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded.a_day_later()
    assert unguarded.seen() == set()
    assert unguarded.number("SELECT grams FROM storage_fee_deductions") == A_DAYS_GRAMS
    monkeypatch.setattr(rules, "FEE_DIVISOR", rules.FEE_DIVISOR // 2)
    unguarded.a_day_later()
    assert unguarded.seen() == {("5.2", "weight")}
    assert unguarded.named("5.2") == {f"storage_fee_deductions {unguarded.last('storage_fee_deductions')}"}
    assert unguarded.stopped("5.2") == {"everything"}
    last = unguarded.last("journal")
    unguarded.a_day_later()
    assert unguarded.last("journal") == last
    assert unguarded.deposit() == "accepted"


def test_5_2_a_fee_that_leaves_more_than_it_says(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded.a_day_later()
    assert unguarded.seen() == set()

    def generous(command: StorageFee, state: State, context: Context) -> Decision:
        decision = rules.storage_fee(command, state, context)
        for _, row in decision.rows:
            row["grams_after"] = GRAMS
        return decision

    monkeypatch.setitem(decide._PURE, StorageFee, generous)
    unguarded.a_day_later()
    assert unguarded.seen() == {("5.2", "weight")}


def test_9_3_days_that_nobody_finds_due(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded.a_day_later()
    assert unguarded.seen() == set()
    monkeypatch.setattr(due, "due_days", lambda **_: [])
    days = unguarded.last("storage_fee_deductions")
    unguarded.a_day_later()
    assert unguarded.last("storage_fee_deductions") == days
    unguarded.world.probe()
    in_a_full_pass = unguarded.in_a_full_pass("9.3")
    assert unguarded.seen() == {("9.3", "day not deducted")}
    lot = unguarded.number("SELECT lot_id FROM storage_fee_deductions")
    assert unguarded.named("9.3") == in_a_full_pass == {f"lots lot {lot}"}
    assert unguarded.stopped("9.3") == {"everything"}
    assert unguarded.deposit() == "accepted"


def test_9_3_a_market_that_takes_pilot_mode_to_be_on_for_ever(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded.a_day_later()
    assert unguarded.seen() == set()
    always = ((unguarded.clock.now(), None),)
    everywhere(monkeypatch, flips.times_on, lambda *_: always)
    days = unguarded.last("storage_fee_deductions")
    unguarded.a_day_later()
    assert unguarded.last("storage_fee_deductions") == days
    assert unguarded.seen() == {("9.3", "day not deducted")}


def test_10_1_a_market_that_forgets_that_goods_awaited_their_pickup(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    block, buyer = unguarded.a_block(), unguarded.world.bench.person("buyer")
    unguarded.world.flip(Switch.PURCHASE_WINDOW, "release")
    order = unguarded.world.bench.one(Purchase(block_id=block), buyer)
    unguarded.a_day_later()
    assert unguarded.world.tried(CancelPurchase(purchase_utid=order.utid), buyer) == "accepted"
    unguarded.world.tick()
    of_the_block = (
        "SELECT count(*) FROM storage_fee_deductions d JOIN block_lots m ON m.lot_id = d.lot_id "
        f"WHERE m.block_id = {block}"
    )
    assert unguarded.number(of_the_block) == 0
    assert unguarded.seen() == set()
    law = rules.due_days
    everywhere(monkeypatch, law, lambda **known: law(**(known | {"awaiting": ()})))
    unguarded.a_day_later()
    # Of each lot the day that counts, and the one that does not.
    assert unguarded.number(of_the_block) == 2 * BLOCK_LOTS
    assert unguarded.seen() == {("10.1", "nobody decided")}
    assert len(unguarded.named("10.1")) == BLOCK_LOTS
    assert unguarded.stopped("10.1") == {"command:storage_fee"}
    assert unguarded.deposit() == "accepted"


def test_10_1_a_market_that_forgets_that_pilot_mode_was_on(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded.world.pilot_mode("engage")
    unguarded.clock.offset += HOUR
    unguarded.world.pilot_mode("release")
    unguarded.a_day_later()
    assert unguarded.number("SELECT count(*) FROM storage_fee_deductions") == 0
    assert unguarded.seen() == set()
    everywhere(monkeypatch, flips.times_on, lambda *_: ())
    unguarded.a_day_later()
    assert unguarded.number("SELECT count(*) FROM storage_fee_deductions") == 2
    assert unguarded.seen() == {("10.1", "nobody decided")}
    assert unguarded.named("10.1") == {f"journal {unguarded.last('journal')}"}
    assert unguarded.stopped("10.1") == {"command:storage_fee"}
    assert unguarded.deposit() == "accepted"
