"""Offers, cancellations, withdrawals, payouts and notices under the watch: conservation after each step, and no finding."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.market.commands import (
    AnswerOffer,
    Command,
    Correct,
    CreateListing,
    ExplainPayment,
    MakeOffer,
    Payout,
    PayToLock,
    RemoveListing,
    SendNotice,
    VerifyDelivery,
    WaiveUnrecovered,
    Withdraw,
)
from watchkeeper.market.offers.expiry import Expiry
from watchkeeper.operation.catalogue.accounts import Accounts
from watchkeeper.operation.catalogue.invariants.i1_1_balance import conservation
from watchkeeper.operation.verifier import findings

REASON = "because the test says so and means it"


@pytest.mark.rule("ledger.conserved")
def test_money_that_goes_out_is_conserved_at_each_step_and_the_watch_holds(data: Path) -> None:
    clock = TurnableClock()
    world = World(data, clock=clock)
    bench, admin = world.bench, world.bench.market.admin.id
    farmer = bench.person("farmer")
    alias = world.alias_of(farmer)

    def step(command: Command, actor: int) -> str:
        answer = bench.one(command, actor)
        world.turn()
        assert conservation(Accounts(world.database).totals) == []
        assert findings.open_findings(world.database) == []
        return answer.utid

    try:
        step(CreateListing(produce="Beans", grams=30_000, price_ugx_per_kg=200), farmer)
        listing = bench.books.listings(farmer_id=farmer)[0]
        units = listing["units"]
        assert isinstance(units, list)
        first, second = int(units[0]["id"]), int(units[1]["id"])
        offer = step(MakeOffer(unit_id=first, price_ugx_per_kg=150), world.neighbour)
        step(AnswerOffer(offer_utid=offer, answer="accept"), farmer)
        lock = step(PayToLock(unit_id=first, offer_utid=offer), world.neighbour)
        step(VerifyDelivery(lock_utid=lock, outcome="delivered", reason=REASON), admin)
        for amount in (1000, 500):
            step(
                Payout(
                    account=alias,
                    amount_ugx=amount,
                    provider="mtn",
                    external_ref=f"OUT-{amount}",
                    reason=REASON,
                ),
                admin,
            )
        assert bench.books.earnings(farmer).balance_ugx == 0
        # Nothing sells yet, so the profit to withdraw comes by a correction against suspense.
        profit = Correct(
            account=world.alias_of(world.neighbour),
            bucket="profit",
            amount_ugx=700,
            finding="f",
            incident="INC-1",
            reason=REASON,
        )
        step(profit, bench.market.operator.id)
        paid_out = step(Withdraw(amount_ugx=600, provider="mtn", external_ref="PROFIT"), world.neighbour)
        assert bench.books.wallet(world.neighbour).profit_ugx == 100
        forgotten = step(MakeOffer(unit_id=second, price_ugx_per_kg=150), world.neighbour)
        clock.instant_offset = 25 * 3600 * 1_000_000
        assert len(Expiry(bench.books.database).run(bench.executor.run, at=clock.now())) == 1
        step(
            SendNotice(kind="utid_specific", text="It has expired.", reason=REASON, about_utid=forgotten),
            admin,
        )
        step(RemoveListing(listing_id=int(str(listing["id"])), reason=REASON), admin)
        operator = bench.market.operator.id
        explained = ExplainPayment(
            finding="mtn PROFIT",
            incident="INC-1",
            reason=REASON,
            provider="mtn",
            external_ref="PROFIT",
            our_utid=paid_out,
            their_direction=None,
            their_amount_ugx=None,
            account=world.alias_of(world.neighbour),
            bucket="profit",
            # More than there is: the rest stays unrecovered until it is waived.
            amount_ugx=-500,
        )
        correction = step(explained, operator)
        assert bench.books.wallet(world.neighbour).profit_ugx == 0
        step(
            WaiveUnrecovered(
                finding="mtn PROFIT", incident="INC-1", reason=REASON, correction_utid=correction
            ),
            operator,
        )
        bench.executor.notes.query(
            actor=bench.market.operator.alias, query="payouts", fields="name phone", subjects=alias
        )
        bench.executor.flush_notes()
        world.turn()
        world.full_pass()
        assert findings.open_findings(world.database) == []
        sealed = world.database.query("SELECT log FROM sealed_rows WHERE table_name = 'query_log'")
        assert sealed == [("side",)]
    finally:
        world.close()
