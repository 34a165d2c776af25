"""Every code that a refusal can have, brought about once for each: whatever was refused, every table is as it was.

Together the two worlds show all codes of the market's errors; a code that neither knows a way to fails the first test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest

from tests.unit.market.test_from_the_store_to_the_buyer import DAY, HOUR, Store, store
from tests.worlds.books import REASON, digest_of_all
from tests.worlds.office import Office, code_of
from watchkeeper.base import canonical
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import open_database
from watchkeeper.boundary import turning
from watchkeeper.boundary.features import BY_NAME, FEATURE_OF
from watchkeeper.boundary.gate import STOP_FILE_NAME, OperationClass, Switch, account
from watchkeeper.boundary.restrict import impose
from watchkeeper.market.commands import (
    Acknowledge,
    ActivateUser,
    AnswerOffer,
    CancelListing,
    CancelPurchase,
    Command,
    Correct,
    CreateListing,
    DeleteUser,
    Deposit,
    ExpireOffer,
    ExpirePurchase,
    ExplainPayment,
    InviteUser,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    Reconcile,
    ReconcilePart,
    ReverseLock,
    SendNotice,
    SetPhase,
    StorageFee,
    SuspendUser,
    UnsuspendUser,
    VerifyDelivery,
    WaiveUnrecovered,
    Withdraw,
    WriteOff,
    WriteOffBlock,
)
from watchkeeper.market.commands.reconciled import Line
from watchkeeper.market.cures.acknowledge import row_as_found
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.refusals import STATUS

__all__ = ["store"]

LISTING = CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100)
NOT_FOUND: dict[str, Callable[[Store], tuple[Command, int]]] = {
    "user-not-found": lambda s: (SuspendUser(account="tra_nobody", reason=REASON), s.admin),
    "unit-not-found": lambda s: (PayToLock(unit_id=999_999), s.trader),
    "offer-not-found": lambda s: (AnswerOffer(offer_utid="x", answer="accept"), s.farmer),
    "lock-not-found": lambda s: (ReverseLock(lock_utid="x", reason=REASON), s.admin),
    "listing-not-found": lambda s: (CancelListing(listing_id=999_999), s.farmer),
    "lot-not-found": lambda s: (WriteOff(lot_id=999_999, reason=REASON), s.admin),
    "block-not-found": lambda s: (WriteOffBlock(block_id=999_999, reason=REASON), s.admin),
    "purchase-not-found": lambda s: (CancelPurchase(purchase_utid="x"), s.buyer),
    "utid-not-found": lambda s: (
        SendNotice(kind="utid_specific", about_utid="x", text="Please look at it.", reason=REASON),
        s.admin,
    ),
    "payment-not-found": lambda s: (_explaining("NOWHERE", said=("in", 1)), s.bench.market.operator.id),
    "unrecovered-not-found": lambda s: (
        WaiveUnrecovered(finding="1", incident="INC", reason=REASON, correction_utid="x"),
        s.bench.market.operator.id,
    ),
    "reconciliation-not-found": lambda s: (ReconcilePart(reconciliation="x", first=0, lines=()), s.admin),
}
#: What only the books' own rules answer, and what only the door does.
BY_THE_BOOKS = frozenset(NOT_FOUND) | {
    "account-in-use", "account-not-active", "account-state", "already-acknowledged", "already-active",
    "already-ended", "already-reconciled", "already-verified", "already-written-off", "busy",
    "already-explained", "already-waived", "capability-blocked", "deadline-not-passed", "deadline-passed", "feature-off",
    "idempotency-key-reused", "insufficient-capital", "insufficient-earnings", "insufficient-profit",
    "invalid-role", "inventory-not-available", "listing-not-cancellable", "monitor-silent", "not-admin",
    "not-authorized", "not-reversible", "nothing-due", "offer-already-open", "offer-not-accepted",
    "offer-not-open", "operation-restricted", "out-of-turn", "phase-cap-reached", "pilot-mode-active",
    "purchase-window-closed", "rate-limit-exceeded", "reference-already-used", "resumption-refused",
    "session-expired", "spend-cap-exceeded", "system-shut-down", "unauthenticated", "unit-not-available",
    "validation-failed",
}  # fmt: skip
AT_THE_DOOR = frozenset(
    {
        "enrolment-not-found", "method-not-allowed", "not-found", "notice-not-found", "passkey-not-found",
        "request-too-large", "second-factor-required", "session-not-found", "unsupported-media-type",
    }
)  # fmt: skip
Seen: TypeAlias = set[str]


@pytest.mark.rule("refusal.leaves-nothing", "refusal.codes")
def test_there_is_a_way_to_every_code() -> None:
    assert set(STATUS) == BY_THE_BOOKS | AT_THE_DOOR
    assert not BY_THE_BOOKS & AT_THE_DOOR


def first_unit(store: Store, *, price: int = 100) -> int:
    made = store.bench.one(
        CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=price), store.bench.person("farmer")
    )
    units = made.body["unit_ids"]
    assert isinstance(units, list)
    return int(units[0])


def accounts(store: Store) -> Iterator[tuple[str, str]]:
    """A code, and what was answered where it should be: of accounts and whoever acts."""
    invited = store.bench.one(InviteUser(role="trader", reason=REASON), store.admin).body
    newcomer, alias = int(str(invited["user_id"])), str(invited["alias"])
    yield "account-not-active", store.code(LISTING, newcomer)
    yield "unauthenticated", store.code(LISTING, 999_999)
    yield "session-expired", store.code(LISTING, store.farmer, session_generation=99)
    yield "invalid-role", store.code(LISTING, store.trader)
    yield "not-admin", store.code(InviteUser(role="buyer", reason=REASON), store.trader)
    own = SuspendUser(account=store.world.alias_of(store.admin), reason=REASON)
    yield "not-authorized", store.code(own, store.admin)
    yield "validation-failed", store.code(SuspendUser(account=alias, reason="no"), store.admin)
    yield "already-active", store.code(ActivateUser(), store.trader)
    yield "account-state", store.code(UnsuspendUser(account=alias, reason=REASON), store.admin)
    held = DeleteUser(account=store.world.alias_of(store.trader), reason=REASON)
    yield "account-in-use", store.code(held, store.admin)
    deposit = Deposit(amount_ugx=1_000, provider="mtn", external_ref="KEY")
    assert store.code(deposit, store.trader, idempotency_key="k", body_digest="a") == "accepted"
    again = store.code(deposit, store.trader, idempotency_key="k", body_digest="b")
    yield "idempotency-key-reused", again
    yield "reference-already-used", store.code(deposit, store.trader)


def trade(store: Store) -> Iterator[tuple[str, str]]:
    """Of listings, offers, locks and what becomes of them."""
    unit = first_unit(store)
    lock = store.bench.one(PayToLock(unit_id=unit), store.trader)
    yield "unit-not-available", store.code(PayToLock(unit_id=unit), store.trader)
    yield "not-reversible", store.code(ReverseLock(lock_utid=lock.utid, reason=REASON), store.admin)
    delivered = VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON)
    store.bench.one(delivered, store.admin)
    yield "already-verified", store.code(delivered, store.admin)
    other = first_unit(store, price=200_000)
    yield "spend-cap-exceeded", store.code(PayToLock(unit_id=other), store.trader)
    poor = store.bench.trader(capital_ugx=1)
    yield "insufficient-capital", store.code(PayToLock(unit_id=first_unit(store)), poor)
    listing = store.bench.one(LISTING, store.farmer)
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    offer = store.bench.one(MakeOffer(unit_id=units[0], price_ugx_per_kg=90), store.trader)
    yield "offer-already-open", store.code(MakeOffer(unit_id=units[0], price_ugx_per_kg=91), poor)
    paid = PayToLock(unit_id=units[0], offer_utid=offer.utid)
    yield "offer-not-accepted", store.code(paid, store.trader)
    yield "offer-not-open", store.code(ExpireOffer(offer_utid=offer.utid), SYSTEM_USER_ID)
    store.bench.one(AnswerOffer(offer_utid=offer.utid, answer="accept"), store.farmer)
    store.bench.one(paid, store.trader)
    cancel = CancelListing(listing_id=int(str(listing.body["listing_id"])))
    yield "listing-not-cancellable", store.code(cancel, store.farmer)
    for number in range(9):
        store.bench.one(Deposit(amount_ugx=1_000, provider="mtn", external_ref=f"P{number}"), poor)
    more = Deposit(amount_ugx=1_000, provider="mtn", external_ref="P-more")
    yield "rate-limit-exceeded", store.code(more, poor)


def _explaining(reference: str, *, said: tuple[str, int]) -> ExplainPayment:
    """An explanation of a payment by mtn that no book has."""
    return ExplainPayment(
        finding=f"mtn {reference}",
        incident="INC",
        reason=REASON,
        provider="mtn",
        external_ref=reference,
        our_utid=None,
        their_direction=said[0],
        their_amount_ugx=said[1],
    )


def money(store: Store) -> Iterator[tuple[str, str]]:
    """Of what goes out, what is corrected and what a provider says."""
    out = Withdraw(amount_ugx=1, provider="mtn", external_ref="OUT")
    yield "insufficient-profit", store.code(out, store.trader)
    alias = store.world.alias_of(store.bench.person("farmer"))
    paid = Payout(account=alias, amount_ugx=1, provider="mtn", external_ref="OUT", reason=REASON)
    yield "insufficient-earnings", store.code(paid, store.admin)
    operator = store.bench.market.operator.id
    correct = Correct(
        finding="1",
        incident="INC",
        reason=REASON,
        account=store.world.alias_of(store.trader),
        bucket="profit",
        amount_ugx=-1,
    )
    corrected = store.bench.one(correct, operator)
    waived = WaiveUnrecovered(finding="1", incident="INC", reason=REASON, correction_utid=corrected.utid)
    store.bench.one(waived, operator)
    yield "already-waived", store.code(waived, operator)
    row = row_as_found(store.bench.books.database, "listings", 1)
    assert row is not None

    def acknowledging(digest: str) -> Acknowledge:
        return Acknowledge(
            finding="1",
            incident="INC",
            reason=REASON,
            table_name="listings",
            row_key="1",
            row_digest=digest,
            account=None,
            capital_delta_ugx=0,
            locked_delta_ugx=0,
            profit_delta_ugx=0,
            earnings_delta_ugx=0,
        )

    yield "resumption-refused", store.code(acknowledging("another"), operator)
    as_it_is = acknowledging(canonical.digest(canonical.row_bytes("listings", row)))
    store.bench.one(as_it_is, operator)
    yield "already-acknowledged", store.code(as_it_is, operator)
    compared = Reconcile(
        provider="mtn",
        since=Instant(1),
        until=Instant(2),
        file_digest="f",
        map_digest="m",
        journal_n=1,
        matched=0,
        missing_in_books=1,
        missing_in_statement=0,
        different=0,
        ignored=0,
        fees_ugx=0,
    )
    run = store.bench.one(compared, store.admin)
    yield "already-reconciled", store.code(compared, store.admin)
    part = ReconcilePart(reconciliation=run.utid, first=5, lines=(Line(reference="L"),))
    yield "out-of-turn", store.code(part, store.admin)
    fee = Line(reference="FEE", direction="out", amount_ugx=5, at=Instant(1))
    store.bench.one(ReconcilePart(reconciliation=run.utid, first=1, lines=(fee,)), store.admin)
    explained = _explaining("FEE", said=("out", 5))
    store.bench.one(explained, operator)
    yield "already-explained", store.code(explained, operator)


def goods(store: Store) -> Iterator[tuple[str, str]]:
    """Of lots, blocks and orders."""
    block_id = store.block()
    buy = Purchase(block_id=block_id)
    yield "purchase-window-closed", store.code(buy, store.buyer)
    store.flip(Switch.PURCHASE_WINDOW, "release")
    bought = store.bench.one(buy, store.buyer)
    yield "inventory-not-available", store.code(buy, store.rival)
    expire = ExpirePurchase(purchase_utid=bought.utid, reason=REASON)
    yield "deadline-not-passed", store.code(expire, store.admin)
    store.clock.instant_offset += 49 * HOUR
    cancel = CancelPurchase(purchase_utid=bought.utid)
    yield "deadline-passed", store.code(cancel, store.buyer)
    store.bench.keep_lease()
    store.bench.one(expire, store.admin)
    yield "already-ended", store.code(expire, store.admin)
    store.bench.one(WriteOffBlock(block_id=block_id, reason=REASON), store.admin)
    again = WriteOffBlock(block_id=block_id, reason=REASON)
    yield "already-written-off", store.code(again, store.admin)
    store.deliver(1)
    ((lot,),) = store.query("SELECT max(id) FROM lots")
    early = StorageFee(lot_id=int(str(lot)), from_day=1)
    yield "nothing-due", store.code(early, SYSTEM_USER_ID)
    store.clock.instant_offset += DAY


def gate(store: Store) -> Iterator[tuple[str, str]]:
    """Of what stops business whatever the act is; the last leave nothing as it was."""
    deposit = Deposit(amount_ugx=1_000, provider="mtn", external_ref="GATE")
    act = store.bench.act(deposit, store.trader)
    store.clock.boot_offset_seconds += 31
    yield "monitor-silent", store.sent(act)
    feature = BY_NAME[FEATURE_OF["deposit"]]
    for on, code in ((False, "feature-off"), (True, "")):
        turning.turn(store.world.gatefile, feature, on=on, actor="opr", reason=REASON, clock=store.clock)
        if code:
            yield code, store.code(deposit, store.trader)
    impose(
        store.world.gatefile,
        rule="by hand",
        scope=account(store.world.alias_of(store.trader)),
        classes=frozenset({OperationClass.DEPOSIT}),
        cause="OPERATOR",
        reason=REASON,
        imposed_by="opr",
        clock=store.clock,
    )
    yield "operation-restricted", store.code(deposit, store.trader)
    store.flip(Switch.PILOT_MODE, "engage")
    yield "pilot-mode-active", store.code(deposit, store.trader)
    operator = store.bench.market.operator.id
    store.bench.one(SetPhase(phase="pilot", reason=REASON), operator)
    while store.code(InviteUser(role="admin", reason=REASON), store.admin) == "accepted":
        pass
    yield "phase-cap-reached", store.code(InviteUser(role="admin", reason=REASON), store.admin)
    (store.world.data / STOP_FILE_NAME).touch()
    yield "system-shut-down", store.code(LISTING, store.farmer)
    (store.world.data / STOP_FILE_NAME).unlink()
    holder = open_database(store.world.data, "market", role="owner")
    holder.begin("write")
    # On a server, the row that every act takes last; on SQLite the transaction alone holds the file.
    holder.execute("UPDATE commit_count SET commits = commits")
    yield "busy", store.code(LISTING, store.farmer)
    holder.rollback()
    holder.close()
    owner = open_database(store.world.data, "gate", role="owner")
    owner.execute("DROP TABLE features")
    owner.close()
    yield "capability-blocked", store.code(LISTING, store.farmer)


def played(store: Store) -> Iterator[tuple[str, str]]:
    """All of them."""
    for wanted, (command, actor) in ((code, way(store)) for code, way in NOT_FOUND.items()):
        yield wanted, store.code(command, actor)
    for part in (accounts, trade, money, goods, gate):
        yield from part(store)


@pytest.mark.rule("refusal.leaves-nothing")
def test_the_books_refuse_by_each_of_their_codes_and_are_as_they_were(store: Store) -> None:
    seen: Seen = set()
    for wanted, found in played(store):
        assert found == wanted
        seen.add(found)
    assert seen == BY_THE_BOOKS


def asked(office: Office) -> Iterator[tuple[str, httpx.Response]]:
    """What only the door refuses, each in a request of somebody who may send it."""
    trader, admin = office.trader, office.admin
    yield "enrolment-not-found", office.http.get("/v1/enrolments/nothing")
    yield "method-not-allowed", office.asked(trader, "DELETE", "/v1/me")
    yield "not-found", office.get(trader, "/v1/nothing")
    yield "notice-not-found", office.post(trader, "/v1/notices/999999/read")
    yield "passkey-not-found", office.post(admin, "/v1/me/passkeys/abcdefabcdef/removal")
    yield "session-not-found", office.post(trader, "/v1/sessions/abcdefabcdef/ending")
    headers = {"authorization": f"Bearer {trader.token}", "idempotency-key": "k"}
    deposit = {"amount_ugx": 1_000, "provider": "mtn", "external_ref": "D"}
    yield "unsupported-media-type", office.http.post("/v1/deposits", data=deposit, headers=headers)
    large = {"amount_ugx": 1_000, "provider": "mtn", "external_ref": "x" * 70_000}
    yield "request-too-large", office.http.post("/v1/deposits", json=large, headers=headers)
    office.later(6)
    yield "second-factor-required", office.on(trader.alias, "reset", by=admin)


@pytest.mark.rule("refusal.leaves-nothing", "refusal.codes")
def test_the_door_refuses_by_each_of_its_codes_in_a_problem_and_everything_is_as_it_was(data: Path) -> None:
    office = Office(data)
    for person in (office.admin, office.trader):
        assert office.sign_in(person).status_code == 201
    seen: Seen = set()
    answers = asked(office)
    before = digest_of_all(data)
    for wanted, answer in answers:
        assert code_of(answer) == wanted
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.status_code == STATUS[wanted] == answer.json()["status"]
        assert answer.json()["detail"].endswith(".")
        assert digest_of_all(data) == before, wanted
        seen.add(wanted)
    assert seen == AT_THE_DOOR
    office.close()
