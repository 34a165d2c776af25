"""What an admin and the operator are shown in red, from the exact shilling and moment on; and a listing's status from its units."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from tests.unit.market.test_from_the_store_to_the_buyer import Store, store
from tests.unit.market.test_rules_of_the_market import locked, unit_of
from tests.worlds.books import REASON, Market, TurnableClock, digest_of_all
from watchkeeper.base.clock import Instant
from watchkeeper.boundary.gate import Switch
from watchkeeper.market import boards
from watchkeeper.market.commands import CancelPurchase, PayToLock, Purchase, ReverseLock, VerifyDelivery
from watchkeeper.market.inventory import reading as goods
from watchkeeper.market.listings.rules import status

__all__ = ["store"]

HOUR = 3600 * 1_000_000


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def market(data: Path, clock: TurnableClock) -> Iterator[Market]:
    found = Market(data, clock=clock)
    yield found
    found.close()


@pytest.mark.rule("listing.status")
@pytest.mark.parametrize(
    ("units", "listing"),
    [
        (("available",), "open"),
        (("available", "locked", "delivered", "cancelled"), "open"),
        (("available", "cancelled"), "open"),
        (("locked",), "locked"),
        (("locked", "delivered"), "locked"),
        (("locked", "cancelled"), "locked"),
        (("locked", "delivered", "cancelled"), "locked"),
        (("delivered",), "delivered"),
        (("delivered", "cancelled"), "delivered"),
        (("cancelled",), "cancelled"),
        ((), "cancelled"),
    ],
)
def test_a_listing_is_what_its_units_are(units: tuple[str, ...], listing: str) -> None:
    assert status(units) == listing


@pytest.mark.rule("listing.status")
def test_neither_order_nor_number_of_the_units_counts() -> None:
    for units in combinations_with_replacement(("available", "locked", "delivered", "cancelled"), 4):
        assert status(units) == status(reversed(units)) == status(set(units))


@pytest.mark.rule("exposure.flagged")
def test_an_exposure_is_flagged_from_eighty_percent_on_and_not_a_unit_earlier(market: Market) -> None:
    def flagged() -> list[tuple[object, object]]:
        rows = boards.exposed(market.books.database, limit=10)
        return [(row["trader"], row["exposure_ugx"]) for row in rows]

    tina, tom = (market.books.user(user_id) for user_id in (market.tina, market.tom))
    assert tina is not None
    assert tom is not None
    locked(market, market.tina, price=79_900)
    assert flagged() == []
    locked(market, market.tina, price=99)
    # 79.9999 %: ten shillings are missing.
    assert market.books.wallet(market.tina).exposure_ugx == 799_990
    assert flagged() == []
    locked(market, market.tina, price=1)
    assert flagged() == [(tina.alias, 800_000)]
    locked(market, market.tom, price=80_001)
    assert flagged() == [(tom.alias, 800_010), (tina.alias, 800_000)]


@pytest.mark.rule("delivery.flagged", "lock.overdue", "lock.six-hours")
def test_a_delivery_is_flagged_when_its_time_is_over_and_nothing_else_happens(
    market: Market, clock: TurnableClock
) -> None:
    lock = locked(market, market.tina)
    row = market.books.lock(lock.utid)
    assert row is not None
    deadline = int(str(row["deadline_at"]))

    def flagged(at: int) -> list[object]:
        return [row["lock"] for row in boards.overdue(market.books.database, at=Instant(at), limit=10)]

    assert flagged(deadline) == []
    assert flagged(deadline + 1) == [lock.utid]
    clock.instant_offset += 100 * HOUR
    market.keep_lease()
    market.tick()
    before = digest_of_all(market.data)
    market.tick()
    assert digest_of_all(market.data) == before
    found = market.books.lock(lock.utid)
    assert found is not None
    assert found["deadline_at"] == deadline
    market.one(VerifyDelivery(lock_utid=lock.utid, outcome="late", reason=REASON), market.admin_id)
    assert flagged(clock.now()) == []


@pytest.mark.rule("purchase.flagged", "purchase.two-days")
def test_an_order_is_flagged_from_twelve_hours_before_its_end_on(store: Store) -> None:
    block_id = store.block()
    store.flip(Switch.PURCHASE_WINDOW, "release")
    bought = store.bench.one(Purchase(block_id=block_id), store.buyer)
    ((begun, deadline),) = store.query("SELECT at, deadline_at FROM purchases")
    end = int(str(deadline))
    assert end - int(str(begun)) == 48 * HOUR

    def flagged(at: int) -> list[tuple[object, object]]:
        rows = goods.purchases(store.bench.books.database, buyer_id=None, at=Instant(at), limit=10)
        return [(row["seconds_left"], row["overdue"]) for row in rows]

    assert flagged(end - 12 * HOUR - 1) == []
    assert flagged(end - 12 * HOUR) == [(12 * 3600, False)]
    assert flagged(end) == [(0, False)]
    assert flagged(end + 1) == [(-1, True)]
    store.bench.one(CancelPurchase(purchase_utid=bought.utid), store.buyer)
    assert flagged(end + 1) == []


@pytest.mark.rule("exposure.parts", "unit.life", "reversal.exact")
def test_each_position_counts_once_from_the_payment_to_its_end(market: Market) -> None:
    def exposure() -> int:
        return market.books.wallet(market.tina).exposure_ugx

    first, second = locked(market, market.tina, price=100), locked(market, market.tina, price=30)
    assert exposure() == 1_300
    market.one(VerifyDelivery(lock_utid=first.utid, outcome="late", reason=REASON), market.admin_id)
    assert exposure() == 1_300
    market.one(VerifyDelivery(lock_utid=first.utid, outcome="delivered", reason=REASON), market.admin_id)
    assert exposure() == 1_300
    market.one(VerifyDelivery(lock_utid=second.utid, outcome="cancelled", reason=REASON), market.admin_id)
    assert exposure() == 1_300
    parts = boards.exposure(market.books.database, market.tina)
    assert (parts["waiting_ugx"], parts["late_or_cancelled_ugx"], parts["in_store_ugx"]) == (0, 300, 1_000)
    market.one(ReverseLock(lock_utid=second.utid, reason=REASON), market.admin_id)
    assert exposure() == 1_000
    rows = market.books.database.query("SELECT unit_id, status FROM unit_state")
    states = {int(str(unit)): str(found) for unit, found in rows}
    assert states[int(str(first.body["unit_id"]))] == "delivered"
    assert states[int(str(second.body["unit_id"]))] == "available"
    assert market.code(PayToLock(unit_id=unit_of(market)), market.tina) == "accepted"
    assert exposure() == 2_000
