"""Honest business while a full pass reads, and calendars that were turned, make no finding."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.unguarded import REASON, Unguarded
from watchkeeper.bootstrap.drills.faults.model import WITHOUT
from watchkeeper.bootstrap.drills.turning import HOUR
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import CancelPurchase, ConfirmPickup, PayToLock, Purchase, WriteOff
from watchkeeper.operation.catalogue.invariants import i1_1_balance
from watchkeeper.operation.verifier import full


@pytest.fixture
def market(data: Path) -> Iterator[Unguarded]:
    found = Unguarded(data)
    yield found
    found.world.close()


def test_goods_that_are_written_off_while_they_are_counted(
    market: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.a_block()
    lot = market.number(
        "SELECT max(id) FROM lots l WHERE NOT EXISTS (SELECT 1 FROM block_lots b WHERE b.lot_id = l.id)"
    )
    context = market.world.continuous.context()
    views, asked = context.views, 0
    number = views.number

    def beside_business(sql: str, parameters: tuple[str | int | None, ...] = ()) -> int:
        nonlocal asked
        asked += "watch_write_offs" in sql
        if asked == 2:
            asked += 1
            assert market.world.tried(WriteOff(lot_id=lot, reason=REASON), market.admin) == "accepted"
        return number(sql, parameters)

    monkeypatch.setattr(views, "number", beside_business)
    assert [draft for page in i1_1_balance.full(context) for draft in page] == []
    assert asked > 2


def test_a_day_deducted_while_the_calendar_was_ahead_and_pilot_mode_afterwards(market: Unguarded) -> None:
    market.a_day_later()
    assert market.number("SELECT count(*) FROM storage_fee_deductions") > 0
    assert market.seen() == set()
    market.clock.offset -= 25 * HOUR
    market.world.pilot_mode("engage")
    market.world.full_pass()
    assert "10.1" not in {invariant for invariant, _ in market.seen()}


def test_a_lot_that_was_moved_into_a_block_blames_no_fee_that_it_paid(market: Unguarded) -> None:
    block, buyer = market.a_block(), market.world.bench.person("buyer")
    market.world.flip(Switch.PURCHASE_WINDOW, "release")
    order = market.world.bench.one(Purchase(block_id=block), buyer)
    market.a_day_later()
    assert market.world.tried(CancelPurchase(purchase_utid=order.utid), buyer) == "accepted"
    loose = market.number("SELECT lot_id FROM storage_fee_deductions")
    assert market.seen() == set()
    market.world.inject(
        (
            f"{WITHOUT}block_lots_refuses_update",
            f"UPDATE block_lots SET lot_id = {loose} WHERE id = (SELECT min(id) FROM block_lots WHERE block_id = {block})",
        )
    )
    assert "2.3" in {invariant for invariant, _ in market.seen()}
    market.world.full_pass()
    assert "10.1" not in {invariant for invariant, _ in market.seen()}


def test_a_row_that_somebody_put_into_a_block_blames_no_pickup_of_it(market: Unguarded) -> None:
    world, buyer = market.world, market.world.bench.person("buyer")
    block = market.a_block()
    loose = market.number(
        "SELECT max(id) FROM lots l WHERE NOT EXISTS (SELECT 1 FROM block_lots b WHERE b.lot_id = l.id)"
    )
    world.flip(Switch.PURCHASE_WINDOW, "release")
    order = world.bench.one(Purchase(block_id=block), buyer)
    pickup = ConfirmPickup(
        purchase_utid=order.utid, proceeds_ugx=20_000, provider="mtn", external_ref="FETCHED", reason=REASON
    )
    assert world.tried(pickup, market.admin) == "accepted"
    assert market.seen() == set()
    world.inject(
        (
            # In the name of the act that formed it.
            "INSERT INTO block_lots (id, utid, block_id, lot_id, trader_id) SELECT max(id) + 1, max(utid), block_id, "
            f"{loose}, {world.neighbour} FROM block_lots WHERE block_id = {block} GROUP BY block_id",
        )
    )
    # A full pass that comes by it before the continuous one.
    drafts = [draft for piece in full.slices(world.continuous.context()) for draft in piece.drafts]
    assert "journal" not in {draft.table_name for draft in drafts}
    market.seen()
    assert any(row.startswith("block_lots ") for row in market.named("2.3"))


def test_a_row_that_somebody_put_into_a_block_blames_no_later_lock(market: Unguarded) -> None:
    world, buyer = market.world, market.world.bench.person("buyer")
    block = market.a_block()
    lock = world.bench.one(PayToLock(unit_id=world.free_units.pop()), world.victim)
    assert world.can_verify(lock.utid, "delivered") == "accepted"
    loose = market.last("lots")
    world.flip(Switch.PURCHASE_WINDOW, "release")
    order = world.bench.one(Purchase(block_id=block), buyer)
    pickup = ConfirmPickup(
        purchase_utid=order.utid, proceeds_ugx=20_000, provider="mtn", external_ref="FETCHED", reason=REASON
    )
    assert world.tried(pickup, market.admin) == "accepted"
    assert world.can_lock(world.victim) == "accepted"
    assert market.seen() == set()
    world.inject(
        (
            "INSERT INTO block_lots (id, utid, block_id, lot_id, trader_id) SELECT max(id) + 1, max(utid), block_id, "
            f"{loose}, {world.neighbour} FROM block_lots WHERE block_id = {block} GROUP BY block_id",
        )
    )
    drafts = [draft for piece in full.slices(world.continuous.context()) for draft in piece.drafts]
    assert "locks" not in {draft.table_name for draft in drafts}
