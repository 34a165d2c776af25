"""Blocks, the storage fee, purchases and pickups, each rule by its name; the watch turned by hand beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds.books import REASON, TurnableClock, digest_of_all
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import open_database
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary import turning
from watchkeeper.boundary.features import BY_NAME, STORAGE_FEE
from watchkeeper.boundary.gate import OperationClass, Switch, account
from watchkeeper.boundary.restrict import impose, lift
from watchkeeper.market.commands import (
    Act,
    Answer,
    CancelPurchase,
    Command,
    ConfirmPickup,
    CreateListing,
    Deposit,
    ExpirePurchase,
    Payout,
    PayToLock,
    Purchase,
    RestoreState,
    StorageFee,
    VerifyDelivery,
    Withdraw,
    WriteOff,
    WriteOffBlock,
)
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.inventory import reading as goods
from watchkeeper.market.inventory.rules import due_days, lost_after
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.reading import Books
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import number
from watchkeeper.market.switching import Switching
from watchkeeper.market.trace import trace
from watchkeeper.operation.catalogue.invariants import i9_3_storage_fee
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import findings, verdicts

HOUR = 3600 * MICROSECONDS_PER_SECOND
DAY = 24 * HOUR


class Store:
    """A trader with goods in store and buyers, and the watch of a drill's world."""

    def __init__(self, data: Path) -> None:
        self.clock = TurnableClock()
        self.world = World(data, clock=self.clock)
        self.bench = self.world.bench
        self.admin = self.bench.market.admin.id
        self.trader = self.bench.trader(capital_ugx=900_000)
        self.farmer = self.bench.person("farmer")
        self.buyer = self.bench.person("buyer")
        self.rival = self.bench.person("buyer")
        self.system_id = self.bench.market.system_id
        self.switching = Switching(
            data, system_id=self.system_id, books=self.bench.books.database, clock=self.clock
        )
        self.books = Books(data, system_id=self.system_id)
        self.housekeeping = self.restarted()

    def restarted(self) -> Housekeeping:
        return Housekeeping(
            self.world.data,
            system_id=self.system_id,
            books=self.books.database,
            switching=self.switching,
            clock=self.clock,
        )

    def flip(self, switch: Switch, action: str) -> None:
        admin = self.bench.books.user(self.admin)
        assert admin is not None
        self.switching.flip(switch=switch, action=action, actor=admin, reason=REASON)

    def tick(self) -> None:
        self.bench.keep_lease()
        self.housekeeping.tick(self.bench.executor)

    def turn(self) -> None:
        """A turn of the watch and a full pass; everything must hold."""
        for _ in range(4):
            self.world.turn()
        self.world.full_pass()
        ((last,),) = self.query("SELECT max(n) FROM journal")
        assert logs.size(self.world.database, logs.MAIN) == last
        assert findings.open_findings(self.world.database) == []
        standings = verdicts.current(self.world.database, clock=self.clock)
        assert {(row.continuous, row.full) for row in standings} == {("HOLDS", "HOLDS")}

    def deliver(self, lots: int, *, price: int = 500) -> None:
        listing = self.bench.one(
            CreateListing(produce="Beans", grams=10_000 * lots, price_ugx_per_kg=price), self.farmer
        )
        units = listing.body["unit_ids"]
        assert isinstance(units, list)
        for unit_id in units:
            lock = self.bench.one(PayToLock(unit_id=unit_id), self.trader)
            self.bench.one(
                VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), self.admin
            )

    def block(self) -> int:
        self.deliver(10)
        self.tick()
        ((block_id,),) = self.query("SELECT max(id) FROM blocks")
        return number(block_id)  # type: ignore[arg-type]

    def query(self, sql: str) -> list[tuple[object, ...]]:
        return list(self.bench.books.database.query(sql))

    def code(self, command: Command, actor: int, **more: object) -> str:
        """What is answered with the watch awake; `more` are fields of the act."""
        self.bench.keep_lease()
        return self.sent(replace(self.bench.act(command, actor), **more))  # type: ignore[arg-type]

    def sent(self, act: Act) -> str:
        """What is answered to this act; where it is refused, every table is as it was."""
        before = digest_of_all(self.world.data)
        outcome = self.bench.executor.run([act])[0]
        if isinstance(outcome, Refusal):
            assert digest_of_all(self.world.data) == before, f"{outcome.code} left something of {act.command}"
        return outcome.code if isinstance(outcome, Refusal) else "accepted"

    def refused(self, command: Command, actor: int) -> str:
        code = self.code(command, actor)
        assert code != "accepted"
        return code

    def grams(self) -> int:
        ((total,),) = self.query(
            "SELECT (SELECT coalesce(sum(grams), 0) FROM lots WHERE trader_id = "
            f"{self.trader}) - coalesce(sum(grams), 0) FROM storage_fee_deductions WHERE trader_id = {self.trader}"
        )
        return int(str(total))

    def pickup(self, purchase: Answer, proceeds: int, ref: str = "P-1") -> ConfirmPickup:
        return ConfirmPickup(
            purchase_utid=purchase.utid,
            proceeds_ugx=proceeds,
            provider="mtn",
            external_ref=ref,
            reason=REASON,
        )


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    found = Store(data)
    yield found
    found.housekeeping.close()
    found.switching.close()
    found.books.close()
    found.world.close()


@pytest.mark.rule("store.blocks", "role.system-authority")
def test_ten_lots_form_a_block_once_and_nine_do_not(store: Store) -> None:
    store.deliver(9)
    store.tick()
    assert store.query("SELECT count(*) FROM blocks") == [(0,)]
    store.deliver(2)
    store.tick()
    store.housekeeping = store.restarted()
    store.tick()
    assert store.query("SELECT count(*), min(grams) FROM blocks") == [(1, 100_000)]
    oldest = store.query(f"SELECT id FROM lots WHERE trader_id = {store.trader} ORDER BY id LIMIT 10")
    assert store.query("SELECT lot_id FROM block_lots ORDER BY lot_id") == oldest
    assert store.query("SELECT actor FROM journal WHERE command = 'form_block'") == [("system",)]
    store.turn()


@pytest.mark.rule("fee.half-a-percent", "fee.one-row-a-lot-day")
def test_the_fee_is_half_a_percent_of_the_nominal_weight_a_day_and_nothing_before_a_day(store: Store) -> None:
    store.deliver(10)
    before = store.grams()
    store.clock.instant_offset += int(0.9 * DAY)
    store.tick()
    assert store.grams() == before
    store.clock.instant_offset += int(0.11 * DAY)
    store.tick()
    store.tick()
    assert before - store.grams() == 500
    # Nine days nobody looked: caught up, a row for each lot and day, a command for each lot.
    store.clock.instant_offset += 9 * DAY
    store.housekeeping = store.restarted()
    store.tick()
    store.tick()
    assert before - store.grams() == 5_000
    assert store.query(
        f"SELECT count(*), count(DISTINCT day), count(DISTINCT utid) FROM storage_fee_deductions WHERE trader_id = {store.trader}"
    ) == [(100, 10, 20)]
    again = StorageFee(lot_id=number(store.query("SELECT max(id) FROM lots")[0][0]), from_day=1)  # type: ignore[arg-type]
    assert store.refused(again, SYSTEM_USER_ID) == "nothing-due"
    store.turn()


@pytest.mark.rule("fee.flagged")
def test_an_admin_is_told_of_a_block_from_5_kg_lost_and_of_a_lot_from_10_percent(store: Store) -> None:
    store.flip(Switch.PURCHASE_WINDOW, "release")
    block = store.block()
    store.deliver(1)
    ((loose,),) = store.query("SELECT max(id) FROM lots")

    def days_pass(days: int) -> list[tuple[object, ...]]:
        store.clock.instant_offset += days * DAY
        store.housekeeping = store.restarted()
        store.tick()
        return [
            (row["block_id"], row["lot_id"], row["lost_grams"])
            for row in goods.shrinking(store.bench.books.database, limit=10)
            if row["trader"] == store.world.alias_of(store.trader)
        ]

    assert days_pass(9) == []
    assert days_pass(1) == [(block, None, 5_000)]
    assert days_pass(9) == [(block, None, 9_500)]
    assert days_pass(1) == [(block, None, 10_000), (None, loose, 1_000)]
    assert len(goods.shrinking(store.bench.books.database, limit=1)) == 1
    # What a buyer has taken is nobody's loss any more.
    purchase = store.bench.one(Purchase(block_id=block), store.buyer)
    assert len(days_pass(0)) == 2
    store.bench.one(store.pickup(purchase, 90_000), store.admin)
    assert days_pass(0) == [(None, loose, 1_000)]


@pytest.mark.rule("fee.days-that-count")
def test_a_day_with_pilot_mode_in_it_never_counts(store: Store) -> None:
    store.deliver(1)
    store.clock.instant_offset += 6 * HOUR
    store.flip(Switch.PILOT_MODE, "engage")
    store.clock.instant_offset += HOUR
    store.flip(Switch.PILOT_MODE, "release")
    store.clock.instant_offset += 2 * DAY
    store.tick()
    store.tick()
    assert store.query(f"SELECT day FROM storage_fee_deductions WHERE trader_id = {store.trader}") == [(2,)]
    store.turn()


@pytest.mark.rule("fee.days-that-count")
def test_a_block_that_awaits_its_pickup_loses_nothing_and_its_days_never_count(store: Store) -> None:
    block_id = store.block()
    store.flip(Switch.PURCHASE_WINDOW, "release")
    store.bench.keep_lease()
    purchase = store.bench.one(Purchase(block_id=block_id), store.buyer)
    store.clock.instant_offset += DAY + HOUR
    store.tick()
    assert store.grams() == 100_000
    store.bench.keep_lease()
    store.bench.one(CancelPurchase(purchase_utid=purchase.utid), store.buyer)
    store.clock.instant_offset += DAY
    store.tick()
    assert store.grams() == 100_000
    store.clock.instant_offset += DAY
    store.tick()
    assert store.grams() == 99_500
    store.turn()


@pytest.mark.rule("fee.half-a-percent")
@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 250),
    st.lists(st.tuples(st.integers(0, 250 * 24), st.integers(1, 72)), max_size=6),
    st.integers(1, 40_000),
)
def test_the_days_and_grams_are_those_of_a_plain_model(
    days: int, stops: list[tuple[int, int]], grams: int
) -> None:
    times = [(Instant(begin * HOUR), Instant((begin + length) * HOUR)) for begin, length in stops]
    found = due_days(
        started_at=Instant(0),
        at=Instant(days * DAY),
        deducted=(),
        pilot_mode=times[:3],
        awaiting=times[3:],
        limit=1000,
    )
    # Hour by hour, as somebody would cross them out in a calendar.
    crossed = {hour // 24 + 1 for begin, length in stops for hour in range(begin, begin + length)}
    assert found == [day for day in range(1, days + 1) if day not in crossed]
    rest, left = 0, grams
    for counted in range(1, len(found) + 1):
        rest += grams
        lost, rest = divmod(rest, 200)
        left = max(0, left - lost)
        assert grams - lost_after(grams=grams, days=counted) == left


@pytest.mark.rule("order.purchase", "purchase.first-wins", "purchase.two-days", "pickup.split")
def test_the_money_loop_conserves_at_every_step(store: Store) -> None:
    store.turn()
    block_id = store.block()
    store.turn()
    buy = Purchase(block_id=block_id)
    assert store.refused(buy, store.buyer) == "purchase-window-closed"
    assert store.refused(buy, store.trader) == "purchase-window-closed"
    store.flip(Switch.PURCHASE_WINDOW, "release")
    assert store.refused(buy, store.trader) == "invalid-role"
    assert store.refused(Purchase(block_id=999), store.buyer) == "block-not-found"
    outcomes = store.bench.executor.run(
        [store.bench.act(buy, store.buyer), store.bench.act(buy, store.rival)]
    )
    first, second = outcomes
    assert isinstance(first, Answer)
    assert isinstance(second, Refusal)
    assert second.code == "inventory-not-available"
    assert not any("ugx" in name for name in first.body)
    store.turn()
    lot = number(store.query("SELECT min(lot_id) FROM block_lots")[0][0])  # type: ignore[arg-type]
    assert store.refused(WriteOff(lot_id=lot, reason=REASON), store.admin) == "inventory-not-available"
    assert store.refused(CancelPurchase(purchase_utid=first.utid), store.rival) == "purchase-not-found"
    expire = ExpirePurchase(purchase_utid=first.utid, reason=REASON)
    assert store.refused(expire, store.admin) == "deadline-not-passed"
    store.clock.instant_offset += 49 * HOUR
    cancel = CancelPurchase(purchase_utid=first.utid)
    assert store.refused(cancel, store.buyer) == "deadline-passed"
    store.bench.keep_lease()
    store.bench.one(expire, store.admin)
    store.turn()
    again = store.bench.one(buy, store.rival)
    assert store.refused(store.pickup(again, 0), store.admin) == "validation-failed"
    used = str(store.query("SELECT min(external_ref) FROM wallet_ledger WHERE provider = 'mtn'")[0][0])
    assert store.refused(store.pickup(again, 70_000, used), store.admin) == "reference-already-used"
    assert store.refused(store.pickup(again, 70_000), store.buyer) == "not-admin"
    before = store.bench.books.wallet(store.trader)
    store.bench.keep_lease()
    store.bench.one(store.pickup(again, 70_000), store.admin)
    after = store.bench.books.wallet(store.trader)
    assert (after.capital_ugx - before.capital_ugx, after.profit_ugx, after.exposure_ugx) == (
        50_000,
        20_000,
        0,
    )
    assert store.refused(store.pickup(again, 70_000, "P-2"), store.admin) == "already-ended"
    deposit = Deposit(amount_ugx=1, provider="mtn", external_ref="P-1")
    assert store.refused(deposit, store.trader) == "reference-already-used"
    store.turn()


def outside_and_inside(store: Store) -> tuple[int, int]:
    """What came in less what went out, as the journal has it; and what everybody has, as the ledgers have it."""
    moved = {str(name): int(str(total)) for name, total in store.query("SELECT command, sum(amount_ugx) FROM journal WHERE amount_ugx IS NOT NULL GROUP BY command")}  # fmt: skip
    outside = sum(moved.get(name, 0) * sign for name, sign in (("deposit", 1), ("pickup", 1), ("withdraw", -1), ("payout", -1)))  # fmt: skip
    ((wallets,),) = store.query(
        "SELECT coalesce(sum(capital_after + locked_after + profit_after), 0) FROM wallet_ledger w WHERE number = "
        "(SELECT max(number) FROM wallet_ledger x WHERE x.trader_id = w.trader_id)"
    )
    ((earnings,),) = store.query(
        "SELECT coalesce(sum(balance_after), 0) FROM farmer_ledger f WHERE number = "
        "(SELECT max(number) FROM farmer_ledger x WHERE x.farmer_id = f.farmer_id)"
    )
    return outside, int(str(wallets)) + int(str(earnings))


@pytest.mark.rule("ledger.conserved", "utid.chain")
def test_money_is_conserved_from_deposit_to_payout_and_one_trace_tells_the_chain_from_either_end(
    store: Store,
) -> None:
    seen: list[int] = []

    def step(command: Command, actor: int) -> Answer:
        store.bench.keep_lease()
        answer = store.bench.one(command, actor)
        conserved()
        return answer

    def conserved() -> None:
        outside, inside = outside_and_inside(store)
        assert outside == inside
        seen.append(inside)

    step(Deposit(amount_ugx=70_000, provider="bank", external_ref="IN-1"), store.trader)
    begun = seen[-1]
    listing = step(CreateListing(produce="Maize", grams=100_000, price_ugx_per_kg=600), store.farmer)
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    locks = [step(PayToLock(unit_id=unit_id), store.trader) for unit_id in units]
    for lock in locks:
        step(VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), store.admin)
    store.tick()
    conserved()
    ((block_id,),) = store.query("SELECT max(id) FROM blocks")
    store.flip(Switch.PURCHASE_WINDOW, "release")
    purchase = step(Purchase(block_id=int(str(block_id))), store.buyer)
    pickup = step(store.pickup(purchase, 83_000, "OUT-0"), store.admin)
    assert seen[-1] == begun + 83_000
    step(Withdraw(amount_ugx=23_000, provider="mtn", external_ref="OUT-1"), store.trader)
    farmer = store.bench.books.user(store.farmer)
    assert farmer is not None
    step(
        Payout(
            account=farmer.alias, amount_ugx=60_000, provider="airtel", external_ref="OUT-2", reason=REASON
        ),
        store.admin,
    )
    assert seen[-1] == begun
    assert set(seen) == {begun, begun + 83_000, begun + 60_000}
    wallet = store.bench.books.wallet(store.trader)
    assert (wallet.locked_ugx, wallet.profit_ugx, wallet.exposure_ugx) == (0, 0, 0)
    assert store.bench.books.earnings(store.farmer).balance_ugx == 0
    store.turn()
    admin = store.bench.books.user(store.admin)
    assert admin is not None
    begins, goes_on = (
        {"create_listing": 0, "deposit": 0},
        ["pay_to_lock", "verify_delivery", "form_block", "purchase", "pickup"],
    )
    order = begins | {name: place for place, name in enumerate(goes_on, start=1)} | {"payout": 3}
    for utid, locked, paid_out in ((locks[0].utid, 1, 1), (pickup.utid, 10, 0)):
        found: Any = trace(store.bench.books.database, utid, viewer=admin)
        chain = [act["command"] for act in (*found["earlier"], found["act"], *found["later"])]
        assert found["complete"]
        assert [chain.count(name) for name in goes_on] == [locked, locked, 1, 1, 1]
        assert [chain.count(name) for name in (*begins, "payout")] == [1, 1, paid_out]
        assert [order[name] for name in chain] == sorted(order[name] for name in chain)


@pytest.mark.rule("pickup.split")
def test_a_sale_below_cost_returns_what_came_in_and_credits_no_profit(store: Store) -> None:
    block_id = store.block()
    store.flip(Switch.PURCHASE_WINDOW, "release")
    store.bench.keep_lease()
    purchase = store.bench.one(Purchase(block_id=block_id), store.buyer)
    store.clock.instant_offset += 72 * HOUR
    store.bench.keep_lease()
    # Late, and allowed.
    store.bench.one(store.pickup(purchase, 30_000), store.admin)
    wallet = store.bench.books.wallet(store.trader)
    assert (wallet.capital_ugx, wallet.profit_ugx, wallet.exposure_ugx) == (880_000, 0, 0)
    store.turn()


@pytest.mark.rule("exposure.write-off")
def test_a_block_is_written_off_with_all_its_lots_that_stand(store: Store) -> None:
    block_id = store.block()
    lot = number(store.query("SELECT min(lot_id) FROM block_lots")[0][0])  # type: ignore[arg-type]
    store.bench.one(WriteOff(lot_id=lot, reason=REASON), store.admin)
    assert store.bench.books.wallet(store.trader).exposure_ugx == 45_000
    store.bench.one(WriteOffBlock(block_id=block_id, reason=REASON), store.admin)
    assert store.bench.books.wallet(store.trader).exposure_ugx == 0
    again = WriteOffBlock(block_id=block_id, reason=REASON)
    assert store.refused(again, store.admin) == "already-written-off"
    store.flip(Switch.PURCHASE_WINDOW, "release")
    assert store.refused(Purchase(block_id=block_id), store.buyer) == "inventory-not-available"
    store.turn()


@pytest.mark.rule("fee.days-that-count")
def test_days_that_a_restriction_held_up_are_caught_up_and_a_neighbour_goes_on(store: Store) -> None:
    store.deliver(1)
    alias = store.bench.books.user(store.trader)
    assert alias is not None
    gatefile = store.world.gatefile
    imposed = impose(
        gatefile,
        rule="by hand",
        scope=account(alias.alias),
        classes=frozenset({OperationClass.STORAGE_FEE}),
        cause="OPERATOR",
        reason=REASON,
        imposed_by="opr",
        clock=store.clock,
    )
    store.clock.instant_offset += 2 * DAY
    store.tick()
    own = f"SELECT count(*) FROM storage_fee_deductions WHERE trader_id = {store.trader}"
    assert store.query(own) == [(0,)]
    assert store.query("SELECT count(*) FROM storage_fee_deductions") == [(2,)]
    lift(
        gatefile,
        restriction_id=imposed.id,
        evidence_seq=imposed.evidence_seq,
        by="opr",
        reason=REASON,
        clock=store.clock,
    )
    store.tick()
    assert store.query(own) == [(0,)], "a refused lot rests for a minute"
    store.clock.instant_offset += 61 * MICROSECONDS_PER_SECOND
    store.tick()
    store.tick()
    assert store.query(own) == [(2,)]


@pytest.mark.rule("pace.purchases")
def test_a_buyer_buys_five_blocks_an_hour(store: Store) -> None:
    block_id = store.block()
    store.flip(Switch.PURCHASE_WINDOW, "release")
    for _ in range(5):
        store.bench.keep_lease()
        purchase = store.bench.one(Purchase(block_id=block_id), store.buyer)
        # Pilot mode and the window stop buying, not giving back.
        store.flip(Switch.PILOT_MODE, "engage")
        store.flip(Switch.PURCHASE_WINDOW, "engage")
        store.bench.one(CancelPurchase(purchase_utid=purchase.utid), store.buyer)
        store.flip(Switch.PILOT_MODE, "release")
        store.flip(Switch.PURCHASE_WINDOW, "release")
    assert store.refused(Purchase(block_id=block_id), store.buyer) == "rate-limit-exceeded"
    assert store.code(Purchase(block_id=block_id), store.rival) == "accepted"
    store.tick()
    store.turn()


@pytest.mark.rule("fee.one-row-a-lot-day", "purchase.whole-block")
def test_a_lot_never_weighs_less_than_nothing_and_a_block_of_nothing_is_not_for_sale(store: Store) -> None:
    block_id = store.block()
    store.clock.instant_offset += 230 * DAY
    for _ in range(10):
        store.tick()
    assert store.grams() == 0
    assert store.query(
        f"SELECT max(day), min(grams_after), count(*) FROM storage_fee_deductions WHERE trader_id = {store.trader}"
    ) == [(200, 0, 2000)]
    store.flip(Switch.PURCHASE_WINDOW, "release")
    assert store.refused(Purchase(block_id=block_id), store.buyer) == "inventory-not-available"
    store.turn()


def test_pilot_mode_and_shutdown_stop_what_the_catalogue_says(store: Store) -> None:
    store.deliver(10)
    store.clock.instant_offset += DAY
    store.flip(Switch.PILOT_MODE, "engage")
    fee = StorageFee(
        lot_id=number(store.query(f"SELECT max(id) FROM lots WHERE trader_id = {store.trader}")[0][0]),  # type: ignore[arg-type]
        from_day=1,
    )
    assert store.refused(fee, SYSTEM_USER_ID) == "pilot-mode-active"
    store.tick()
    assert store.query("SELECT count(*) FROM blocks") == [(1,)]
    assert store.query("SELECT count(*) FROM storage_fee_deductions") == [(0,)]


def test_a_block_state_that_somebody_overwrote_is_restored_from_the_rows(store: Store) -> None:
    block_id = store.block()
    store.flip(Switch.PURCHASE_WINDOW, "release")
    store.bench.keep_lease()
    purchase = store.bench.one(Purchase(block_id=block_id), store.buyer)
    store.world.inject(("UPDATE block_state SET status = 'in_storage', purchase_utid = NULL",))
    store.bench.one(
        RestoreState(
            finding="1", incident="INC", reason=REASON, table_name="block_state", row_key=str(block_id)
        ),
        store.bench.market.operator.id,
    )
    assert store.query("SELECT status, purchase_utid FROM block_state") == [
        ("awaiting_pickup", purchase.utid)
    ]


def test_the_window_is_probed_by_a_purchase_that_never_commits(store: Store) -> None:
    before = store.query("SELECT max(n) FROM journal")
    closed = store.bench.executor.probe(Switch.PURCHASE_WINDOW)
    assert (closed.engaged, closed.refused_as) == (True, "purchase-window-closed")
    store.flip(Switch.PURCHASE_WINDOW, "release")
    opened = store.bench.executor.probe(Switch.PURCHASE_WINDOW)
    assert (opened.engaged, opened.refused_as) == (False, None)
    assert store.query("SELECT max(n) FROM journal") == before


def test_a_hundred_days_at_once_are_caught_up_part_by_part_and_nobody_cries_wolf(store: Store) -> None:
    store.deliver(3)
    store.clock.instant_offset += 100 * DAY + HOUR
    store.turn()
    for _ in range(3):
        store.tick()
        store.turn()
    ((deducted,),) = store.query(
        f"SELECT count(*) FROM storage_fee_deductions WHERE trader_id = {store.trader}"
    )
    assert deducted == 300


def test_the_fee_rests_while_its_feature_is_off_and_catches_up_when_it_is_on(store: Store) -> None:
    store.deliver(2)

    def turned(*, on: bool) -> None:
        turning.turn(
            store.world.gatefile,
            BY_NAME[STORAGE_FEE],
            on=on,
            actor="opr_test",
            reason=REASON,
            clock=store.clock,
        )

    turned(on=False)
    store.clock.instant_offset += 2 * DAY + HOUR
    before = store.query("SELECT count(*) FROM refusal_counts")
    for _ in range(3):
        store.tick()
    store.bench.executor.flush_notes()
    # It is not even tried.
    assert store.query("SELECT count(*) FROM refusal_counts") == before
    assert store.grams() == 20_000
    store.turn()
    turned(on=True)
    store.tick()
    store.tick()
    assert store.grams() == 20_000 - 4 * 50
    store.turn()


def test_a_day_that_is_passed_over_is_found_by_a_full_pass_too(store: Store) -> None:
    store.deliver(2)
    store.clock.instant_offset += DAY + HOUR
    store.tick()
    store.turn()
    (lot,) = store.query(f"SELECT max(id) FROM lots WHERE trader_id = {store.trader}")
    owner = open_database(store.world.data, "lease", role="owner")
    # The market says that it went round a day from now.
    owner.execute("UPDATE job_turns SET settled_at = settled_at + ? WHERE job = 'storage fee'", (DAY,))
    owner.close()
    context = store.world.continuous.context()
    found = [draft for drafts in i9_3_storage_fee.full(context) for draft in drafts]
    assert f"lot {lot[0]}" in {draft.row_key for draft in found}
    assert {(draft.kind, str(draft.scope)) for draft in found} == {("day not deducted", "everything")}
    assert {
        json.loads(draft.found)["missing"]["day"] for draft in found if draft.row_key == f"lot {lot[0]}"
    } == {2}


def test_a_lot_that_rests_after_its_restriction_was_lifted_is_not_missed(store: Store) -> None:
    store.deliver(2)
    alias = store.bench.books.user(store.trader)
    assert alias is not None

    def missed() -> list[str]:
        store.tick()
        store.housekeeping.probe_features(store.bench.executor)
        context = store.world.continuous.context()
        found = [draft.row_key for drafts in i9_3_storage_fee.full(context) for draft in drafts]
        with context.views.snapshot():
            return found + [draft.row_key for draft in i9_3_storage_fee.now(context)]

    store.clock.instant_offset += DAY + HOUR
    imposed = impose(
        store.world.gatefile,
        rule="by hand",
        scope=account(alias.alias),
        classes=frozenset({OperationClass.STORAGE_FEE}),
        cause="OPERATOR",
        reason=REASON,
        imposed_by="opr",
        clock=store.clock,
    )
    assert missed() == []
    store.clock.instant_offset += 10 * MICROSECONDS_PER_SECOND
    lift(
        store.world.gatefile,
        restriction_id=imposed.id,
        evidence_seq=imposed.evidence_seq,
        by="opr",
        reason=REASON,
        clock=store.clock,
    )
    for _ in range(4):
        # The lots rest for a minute from when they were refused; a round that passes them by says nothing of them.
        store.clock.instant_offset += 12 * MICROSECONDS_PER_SECOND
        store.clock.boot_offset_seconds += 31
        assert missed() == []
    assert store.grams() == 20_000
    for _ in range(2):
        store.clock.instant_offset += 12 * MICROSECONDS_PER_SECOND
        store.clock.boot_offset_seconds += 31
        assert missed() == []
    assert store.grams() == 20_000 - 2 * 50
