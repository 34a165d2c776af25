"""Offers, taking listings back, withdrawals, payouts and notices, each rule by its name, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.market.test_rules_of_the_market import books_digest, unit_of
from tests.worlds.books import REASON, Market, TurnableClock
from watchkeeper.base.database import open_database
from watchkeeper.base.disclosure import speaks_of_money
from watchkeeper.boundary.gate import OperationClass, Switch, account
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.restrict import impose, lift
from watchkeeper.market.commands import (
    Answer,
    AnswerOffer,
    CancelListing,
    CreateListing,
    Deposit,
    ExpireOffer,
    MakeOffer,
    Payout,
    PayToLock,
    RemoveListing,
    RestoreState,
    SendNotice,
    VerifyDelivery,
    Withdraw,
    WithdrawOffer,
)
from watchkeeper.market.offers.expiry import Expiry
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.switching import Switching

DAY = 24 * 3600 * 1_000_000
SYSTEM = 1


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def market(data: Path, clock: TurnableClock) -> Iterator[Market]:
    found = Market(data, clock=clock)
    yield found
    found.close()


def offered(market: Market, *, price: int = 80, unit: int | None = None) -> Answer:
    chosen = unit_of(market) if unit is None else unit
    return market.one(MakeOffer(unit_id=chosen, price_ugx_per_kg=price), market.tina)


def answered(market: Market, offer: Answer, answer: str, price: int | None = None) -> str:
    command = AnswerOffer(offer_utid=offer.utid, answer=answer, price_ugx_per_kg=price)
    return market.code(command, market.farmer)


def unit(offer: Answer) -> int:
    return int(str(offer.body["unit_id"]))


def units_of(listing: Answer) -> list[int]:
    found = listing.body["unit_ids"]
    assert isinstance(found, list)
    return found


def status(market: Market, offer: Answer) -> str:
    row = market.books.database.one(
        "SELECT s.status FROM offer_state s JOIN offers o ON o.id = s.offer_id WHERE o.utid = ?",
        (offer.utid,),
    )
    assert row is not None
    return str(row[0])


def refused(market: Market, command: object, actor: int, code: str) -> None:
    assert market.code(command, actor) == code  # type: ignore[arg-type]


@pytest.mark.rule("offer.reserves", "offer.other-price")
def test_an_accepted_offer_reserves_its_unit_and_its_price_is_what_is_paid(market: Market) -> None:
    offer = offered(market, price=80)
    assert answered(market, offer, "accept") == "accepted"
    refused(market, PayToLock(unit_id=unit(offer)), market.tom, "unit-not-available")
    refused(market, MakeOffer(unit_id=unit(offer), price_ugx_per_kg=90), market.tom, "unit-not-available")
    lock = market.one(PayToLock(unit_id=unit(offer), offer_utid=offer.utid), market.tina)
    assert lock.body["amount_ugx"] == 800
    assert market.books.wallet(market.tina).locked_ugx == 800
    assert status(market, offer) == "paid"


@pytest.mark.rule("offer.turns")
def test_a_counter_is_the_traders_to_answer_and_its_price_counts(market: Market) -> None:
    offer = offered(market, price=80)
    assert answered(market, offer, "counter", 90) == "accepted"
    assert answered(market, offer, "accept") == "offer-not-open"
    again = AnswerOffer(offer_utid=offer.utid, answer="counter", price_ugx_per_kg=85)
    assert market.code(again, market.tina) == "offer-not-open"
    assert market.code(AnswerOffer(offer_utid=offer.utid, answer="accept"), market.tina) == "accepted"
    lock = market.one(PayToLock(unit_id=unit(offer), offer_utid=offer.utid), market.tina)
    assert lock.body["amount_ugx"] == 900


@pytest.mark.rule("offer.turns", "refusal.not-found")
def test_an_offer_has_one_answer_and_only_its_parties_see_it(market: Market) -> None:
    offer = offered(market)
    stranger = market.person("farmer")
    accept = AnswerOffer(offer_utid=offer.utid, answer="accept")
    refused(market, accept, market.tina, "offer-not-open")
    refused(market, accept, market.tom, "offer-not-found")
    refused(market, accept, stranger, "offer-not-found")
    refused(market, WithdrawOffer(offer_utid=offer.utid), market.tom, "offer-not-found")
    refused(market, PayToLock(unit_id=unit(offer), offer_utid=offer.utid), market.tom, "offer-not-found")
    assert answered(market, offer, "reject") == "accepted"
    assert answered(market, offer, "accept") == "offer-not-open"


@pytest.mark.rule("offer.one-open")
def test_a_unit_has_one_open_offer_at_a_time(market: Market) -> None:
    first = offered(market)
    refused(market, MakeOffer(unit_id=unit(first), price_ugx_per_kg=90), market.tom, "offer-already-open")
    market.one(WithdrawOffer(offer_utid=first.utid), market.tina)
    assert market.code(MakeOffer(unit_id=unit(first), price_ugx_per_kg=90), market.tom) == "accepted"


def test_an_offer_ends_and_the_next_begins_in_one_batch(market: Market) -> None:
    first = offered(market)
    acts = [
        market.act(WithdrawOffer(offer_utid=first.utid), market.tina),
        market.act(MakeOffer(unit_id=unit(first), price_ugx_per_kg=70), market.tom),
    ]
    assert all(isinstance(outcome, Answer) for outcome in market.executor.run(acts))
    assert status(market, first) == "withdrawn"


@pytest.mark.rule("offer.other-price")
def test_a_lock_at_another_price_needs_an_accepted_offer_for_that_unit(market: Market) -> None:
    offer = offered(market)
    other = unit_of(market)
    refused(market, PayToLock(unit_id=unit(offer), offer_utid=offer.utid), market.tina, "offer-not-accepted")
    assert answered(market, offer, "accept") == "accepted"
    refused(market, PayToLock(unit_id=other, offer_utid=offer.utid), market.tina, "offer-not-found")


@pytest.mark.rule("order.lock")
def test_a_lock_with_an_offer_is_refused_in_the_order_of_the_checks(market: Market) -> None:
    assert market.code(PayToLock(unit_id=999_999, offer_utid="x"), market.tina) == "unit-not-found"
    taken = unit_of(market)
    market.one(PayToLock(unit_id=taken), market.tom)
    assert market.code(PayToLock(unit_id=taken, offer_utid="x"), market.tina) == "unit-not-available"
    poor = market.trader(capital_ugx=1)
    free = unit_of(market, price=200_000)
    assert market.code(PayToLock(unit_id=free, offer_utid="x"), poor) == "offer-not-found"
    assert market.code(PayToLock(unit_id=free), poor) == "spend-cap-exceeded"


def test_a_lock_at_the_asking_price_closes_somebody_elses_pending_offer(market: Market) -> None:
    offer = offered(market)
    assert market.code(PayToLock(unit_id=unit(offer)), market.tom) == "accepted"
    assert status(market, offer) == "closed"
    assert answered(market, offer, "accept") == "offer-not-open"


@pytest.mark.rule("offer.day")
def test_an_offer_expires_a_day_after_its_last_step_and_is_caught_up_after_a_pause(
    market: Market, clock: TurnableClock
) -> None:
    offer, other = offered(market), offered(market)
    refused(market, ExpireOffer(offer_utid=offer.utid), SYSTEM, "offer-not-open")
    clock.instant_offset = DAY - 60_000_000
    assert answered(market, offer, "accept") == "accepted"
    clock.instant_offset = DAY + 60_000_000
    market.keep_lease()
    expiry = Expiry(market.books.database)
    assert len(expiry.run(market.executor.run, at=clock.now())) == 1
    assert (status(market, offer), status(market, other)) == ("accepted", "expired")
    clock.instant_offset = 9 * DAY
    # Past its time it is not payable, although nobody has ended it yet.
    late = PayToLock(unit_id=unit(offer), offer_utid=offer.utid)
    refused(market, late, market.tina, "offer-not-accepted")
    assert len(expiry.run(market.executor.run, at=clock.now())) == 1
    assert status(market, offer) == "expired"
    assert expiry.run(market.executor.run, at=clock.now()) == []
    assert market.code(PayToLock(unit_id=unit(offer)), market.tom) == "accepted"


def test_an_offer_whose_end_is_refused_rests_for_a_minute_and_ends_once_it_may(
    market: Market, clock: TurnableClock
) -> None:
    offer = offered(market)
    tina = market.books.user(market.tina)
    assert tina is not None
    gatefile = open_gate(market.data, system_id=market.market.system_id, role="control")
    imposed = impose(
        gatefile,
        rule="by hand",
        scope=account(tina.alias),
        classes=frozenset({OperationClass.OFFER_END}),
        cause="OPERATOR",
        reason=REASON,
        imposed_by="opr",
        clock=clock,
    )
    clock.instant_offset = 2 * DAY
    market.keep_lease()
    expiry = Expiry(market.books.database)
    (refusal,) = expiry.run(market.executor.run, at=clock.now())
    assert isinstance(refusal, Refusal)
    assert expiry.run(market.executor.run, at=clock.now()) == []
    lift(
        gatefile,
        restriction_id=imposed.id,
        evidence_seq=imposed.evidence_seq,
        by="opr",
        reason=REASON,
        clock=clock,
    )
    clock.instant_offset += 61_000_000
    market.keep_lease()
    assert len(expiry.run(market.executor.run, at=clock.now())) == 1
    assert status(market, offer) == "expired"


@pytest.mark.rule("pace.offers")
def test_the_twenty_first_offer_within_an_hour_is_refused(market: Market) -> None:
    for unit_id in market.units(20):
        market.one(MakeOffer(unit_id=unit_id, price_ugx_per_kg=90), market.tina)
    assert (
        market.code(MakeOffer(unit_id=unit_of(market), price_ugx_per_kg=90), market.tina)
        == "rate-limit-exceeded"
    )


@pytest.mark.parametrize("price", [0, -1, 10_000_001])
def test_an_offer_names_a_price_within_reason(market: Market, price: int) -> None:
    refused(
        market, MakeOffer(unit_id=unit_of(market), price_ugx_per_kg=price), market.tina, "validation-failed"
    )


def test_pilot_mode_stops_offers_and_answers_but_not_their_ends(market: Market) -> None:
    offer = offered(market)
    listing = market.one(CreateListing(produce="Rice", grams=10_000, price_ugx_per_kg=5), market.farmer)
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    admin = market.books.user(market.admin_id)
    assert admin is not None
    switching.flip(switch=Switch.PILOT_MODE, action="engage", actor=admin, reason=REASON)
    switching.close()
    assert answered(market, offer, "accept") == "pilot-mode-active"
    assert market.code(MakeOffer(unit_id=1, price_ugx_per_kg=9), market.tina) == "pilot-mode-active"
    command = Withdraw(amount_ugx=5, provider="mtn", external_ref="W")
    assert market.code(command, market.tina) == "pilot-mode-active"
    assert market.code(WithdrawOffer(offer_utid=offer.utid), market.tina) == "accepted"
    listing_id = int(str(listing.body["listing_id"]))
    assert market.code(CancelListing(listing_id=listing_id), market.farmer) == "accepted"


@pytest.mark.rule("listing.cancelled", "unit.life")
def test_a_cancelled_listing_ends_its_offers_and_its_units_for_good(market: Market) -> None:
    listing = market.one(CreateListing(produce="Maize", grams=20_000, price_ugx_per_kg=100), market.farmer)
    first, second = units_of(listing)
    listing_id = int(str(listing.body["listing_id"]))
    offer = offered(market, unit=first)
    refused(market, CancelListing(listing_id=listing_id), market.person("farmer"), "listing-not-found")
    market.one(CancelListing(listing_id=listing_id), market.farmer)
    assert status(market, offer) == "closed"
    refused(market, PayToLock(unit_id=second), market.tina, "unit-not-available")
    refused(market, CancelListing(listing_id=listing_id), market.farmer, "listing-not-cancellable")


@pytest.mark.rule("listing.cancelled")
def test_a_listing_with_a_locked_unit_cannot_be_cancelled_by_anybody(market: Market) -> None:
    listing = market.one(CreateListing(produce="Maize", grams=20_000, price_ugx_per_kg=100), market.farmer)
    first, _ = units_of(listing)
    listing_id = int(str(listing.body["listing_id"]))
    market.one(PayToLock(unit_id=first), market.tina)
    refused(market, CancelListing(listing_id=listing_id), market.farmer, "listing-not-cancellable")
    remove = RemoveListing(listing_id=listing_id, reason=REASON)
    refused(market, remove, market.admin_id, "listing-not-cancellable")


@pytest.mark.rule("journal.projections")
def test_a_replay_of_an_account_gives_its_cancelled_units_and_its_offers_again(market: Market) -> None:
    listing = market.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), market.farmer)
    listing_id = int(str(listing.body["listing_id"]))
    offer = offered(market)
    assert answered(market, offer, "counter", 95) == "accepted"
    market.one(RemoveListing(listing_id=listing_id, reason=REASON), market.admin_id)
    before = books_digest(market)
    owner = open_database(market.data, "market", role="owner")
    with owner.transaction("write"):
        owner.execute("UPDATE unit_state SET status = 'available'")
        owner.execute("UPDATE offer_state SET status = 'rejected', price_ugx_per_kg = 1, expires_at = 1")
        owner.execute("UPDATE commit_count SET commits = commits + 1")
    owner.close()
    assert books_digest(market) != before
    for table, key in (("unit_state", 1), ("unit_state", 2), ("offer_state", 1)):
        restore = RestoreState(
            table_name=table, row_key=str(key), finding="f", incident="INC-1", reason=REASON
        )
        market.one(restore, market.market.operator.id)
    rows = market.books.database.query("SELECT unit_id, status FROM unit_state ORDER BY unit_id")
    assert [row[1] for row in rows] == ["cancelled", "available"]
    (row,) = market.books.database.query("SELECT status, price_ugx_per_kg, expires_at FROM offer_state")
    assert row[:2] == ("countered", 95)
    assert int(str(row[2])) > market.clock.now()


def earned(market: Market) -> str:
    lock = market.one(PayToLock(unit_id=unit_of(market, price=1000)), market.tina)
    market.one(VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), market.admin_id)
    farmer = market.books.user(market.farmer)
    assert farmer is not None
    return farmer.alias


def payout(alias: str, amount: int, reference: str) -> Payout:
    return Payout(account=alias, amount_ugx=amount, provider="mtn", external_ref=reference, reason=REASON)


@pytest.mark.rule("ledger.payout", "ledger.never-negative")
def test_a_payout_takes_at_most_what_the_farmer_has_earned(market: Market) -> None:
    alias = earned(market)
    refused(market, payout(alias, 10_001, "P1"), market.admin_id, "insufficient-earnings")
    market.one(payout(alias, 9_000, "P1"), market.admin_id)
    assert market.books.earnings(market.farmer).balance_ugx == 1_000
    refused(market, payout("tra_nobody", 1, "P2"), market.admin_id, "user-not-found")
    refused(market, payout(alias, 1, "P2"), market.tina, "not-admin")


@pytest.mark.rule("ledger.reference-once")
def test_a_reference_counts_once_over_all_that_comes_in_and_goes_out(market: Market) -> None:
    alias = earned(market)
    market.one(Deposit(amount_ugx=1000, provider="mtn", external_ref="IN"), market.tina)
    refused(market, payout(alias, 1, "IN"), market.admin_id, "reference-already-used")
    market.one(payout(alias, 1, "OUT"), market.admin_id)
    again = Deposit(amount_ugx=1000, provider="mtn", external_ref="OUT")
    refused(market, again, market.tina, "reference-already-used")
    withdrawal = Withdraw(amount_ugx=1, provider="mtn", external_ref="OUT")
    refused(market, withdrawal, market.tina, "reference-already-used")


@pytest.mark.rule("ledger.capital-stays")
def test_only_profit_can_be_withdrawn_and_never_capital(market: Market) -> None:
    assert market.books.wallet(market.tina).capital_ugx == 2_000_000
    withdrawal = Withdraw(amount_ugx=1, provider="mtn", external_ref="W")
    refused(market, withdrawal, market.tina, "insufficient-profit")


def notice(text: str, **more: str) -> SendNotice:
    kind = more.pop("kind", "admin_broadcast")
    return SendNotice(kind=kind, text=text, reason=REASON, **more)


@pytest.mark.rule("notice.no-identity")
def test_a_notice_that_a_buyer_would_read_holds_no_amount(market: Market) -> None:
    refused(market, notice("Maize is 5,000 today"), market.admin_id, "validation-failed")
    refused(
        market,
        notice("Price: five hundred", kind="role_based", role="buyer"),
        market.admin_id,
        "validation-failed",
    )
    assert (
        market.code(notice("Fee is 5 UGX", kind="role_based", role="trader"), market.admin_id) == "accepted"
    )
    assert market.code(notice("The store opens at 9 tomorrow"), market.admin_id) == "accepted"


@pytest.mark.parametrize(
    "text", ["pay 500 shillings", "UGX500", "5 000/=", "\uff15\uff10\uff10 shs", "12,500"]
)
def test_an_amount_is_seen_in_whatever_form_it_comes(text: str) -> None:
    assert speaks_of_money(text)


@pytest.mark.rule("notice.no-identity")
@pytest.mark.parametrize("text", ["call +256 700 123456", "call 0700-123-456", "write to a@b.ug"])
def test_a_notice_holds_no_telephone_number_and_no_address(market: Market, text: str) -> None:
    refused(market, notice(text, kind="role_based", role="trader"), market.admin_id, "validation-failed")


@pytest.mark.rule("notice.kinds")
def test_a_notice_about_an_act_goes_to_those_who_took_part_in_it(market: Market) -> None:
    offer = offered(market)
    market.one(
        notice("Please answer each other.", kind="utid_specific", about_utid=offer.utid), market.admin_id
    )
    rows = market.books.database.query("SELECT user_id FROM notice_recipients ORDER BY user_id")
    assert [row[0] for row in rows] == sorted((market.farmer, market.tina))
    nobody = notice("Nobody is there.", kind="utid_specific", about_utid="x")
    refused(market, nobody, market.admin_id, "utid-not-found")
    refused(market, notice("Power is out.", kind="system"), market.admin_id, "not-authorized")
