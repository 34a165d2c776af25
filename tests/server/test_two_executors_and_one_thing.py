"""Two executors at once after one unit's offer, and after one external reference: exactly one wins."""

from __future__ import annotations

import threading

import pytest

from tests.worlds.books import REASON, Market
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import (
    Act,
    Answer,
    Command,
    ConfirmPickup,
    CreateListing,
    Deposit,
    FormBlock,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    VerifyDelivery,
)
from watchkeeper.market.execute import Executor
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.switching import Switching

ROUNDS = 12
PROCEEDS_UGX = 100


def _at_once(market: Market, sides: list[list[Act]]) -> list[list[str]]:
    """Run each side's acts on an executor of its own, in step with the others'; what each was answered, round by round."""
    executors = [
        Executor(market.data, system_id=market.market.system_id, clock=market.clock, lease=market.lease)
        for _ in sides
    ]
    barrier = threading.Barrier(len(sides))
    answered: list[list[str]] = [[] for _ in sides]

    def work(side: int) -> None:
        for act in sides[side]:
            barrier.wait(30)
            outcome = executors[side].run([act])[0]
            answered[side].append("accepted" if isinstance(outcome, Answer) else outcome.code)

    market.keep_lease()
    threads = [threading.Thread(target=work, args=(side,)) for side in range(len(sides))]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        market.keep_lease()
        threads[0].join(0.5)
    for executor in executors:
        executor.close()
    return [list(one) for one in zip(*answered, strict=True)]


def _acts(market: Market, commands: list[Command], actor_id: int) -> list[Act]:
    return [market.act(command, actor_id) for command in commands]


def _ids(answer: Answer) -> list[int]:
    found = answer.body["unit_ids"]
    assert isinstance(found, list)
    return found


@pytest.mark.rule("offer.one-open")
def test_two_executors_make_one_open_offer_for_a_unit(market: Market) -> None:
    listing = CreateListing(produce="Beans", grams=10_000 * ROUNDS, price_ugx_per_kg=100)
    offers: list[Command] = [
        MakeOffer(unit_id=unit, price_ugx_per_kg=90) for unit in _ids(market.one(listing, market.farmer))
    ]
    rounds = _at_once(market, [_acts(market, offers, trader) for trader in (market.tina, market.tom)])
    assert [sorted(one) for one in rounds] == [["accepted", "offer-already-open"]] * ROUNDS
    (open_offers,) = market.books.database.query(
        "SELECT count(*), count(DISTINCT unit_id) FROM offer_state WHERE status = 'pending'"
    )
    assert tuple(open_offers) == (ROUNDS, ROUNDS)


def _purchase(market: Market, buyer: int) -> str:
    """A block of ten of Tina's lots, bought and not fetched yet."""
    listing = CreateListing(produce="Beans", grams=100_000, price_ugx_per_kg=1)
    farmer = market.person("farmer")
    trader = market.trader(capital_ugx=1_000)
    for unit in _ids(market.one(listing, farmer)):
        lock = market.one(PayToLock(unit_id=unit), trader).utid
        market.one(VerifyDelivery(lock_utid=lock, outcome="delivered", reason=REASON), market.admin_id)
    block = market.one(FormBlock(trader_id=trader, produce="Beans"), SYSTEM_USER_ID).body["block_id"]
    return market.one(Purchase(block_id=int(str(block))), buyer).utid


@pytest.mark.rule("ledger.reference-once")
def test_a_reference_counts_once_though_a_deposit_a_payout_and_a_pickup_come_at_once(market: Market) -> None:
    switching = Switching(
        market.data,
        system_id=market.market.system_id,
        books=market.books.database,
        clock=market.clock,
    )
    admin = market.books.user(market.admin_id)
    assert admin is not None
    switching.flip(switch=Switch.PURCHASE_WINDOW, action="release", actor=admin, reason=REASON)
    switching.close()
    unit = _ids(
        market.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), market.farmer)
    )[0]
    lock = market.one(PayToLock(unit_id=unit), market.tina).utid
    market.one(VerifyDelivery(lock_utid=lock, outcome="delivered", reason=REASON), market.admin_id)
    farmer = market.books.user(market.farmer)
    assert farmer is not None
    references = [f"RACE-{number}" for number in range(5)]
    deposits: list[Command] = [
        Deposit(amount_ugx=5, provider="mtn", external_ref=reference) for reference in references
    ]
    payouts: list[Command] = [
        Payout(account=farmer.alias, amount_ugx=7, provider="mtn", external_ref=reference, reason=REASON)
        for reference in references
    ]
    pickups: list[Command] = []
    for reference in references:
        market.keep_lease()
        pickups.append(
            ConfirmPickup(
                purchase_utid=_purchase(market, market.person("buyer")),
                proceeds_ugx=PROCEEDS_UGX,
                provider="mtn",
                external_ref=reference,
                reason=REASON,
            )
        )
    others = market.person("admin"), market.person("admin")
    sides = [
        _acts(market, deposits, market.tom),
        _acts(market, payouts, others[0]),
        _acts(market, pickups, others[1]),
    ]
    rounds = _at_once(market, sides)
    assert [sorted(one) for one in rounds] == [
        ["accepted", "reference-already-used", "reference-already-used"] for _ in references
    ]
    (row,) = market.books.database.query(
        "SELECT (SELECT count(*) FROM wallet_ledger WHERE external_ref LIKE 'RACE-%') + "
        "(SELECT count(*) FROM payouts WHERE external_ref LIKE 'RACE-%') + "
        "(SELECT count(*) FROM pickups WHERE external_ref LIKE 'RACE-%')"
    )
    assert row[0] == len(references)
