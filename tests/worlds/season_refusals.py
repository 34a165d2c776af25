"""What has to be refused, in a season as on any day: over the limit, without the money, other people's things, too often."""

from __future__ import annotations

from tests.worlds import season_people as people
from tests.worlds import season_store as store
from tests.worlds.season import HOUR, REASON, UNIT_KG, Season, whole
from tests.worlds.season_mishaps import deposit
from tests.worlds.season_sums import EXPOSURE_UGX_MAX
from watchkeeper.market.commands import (
    AccountAct,
    ActivateUser,
    AnswerOffer,
    CancelListing,
    CancelPurchase,
    ConfirmPickup,
    CreateListing,
    EndSessions,
    ExpireOffer,
    ExpirePurchase,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    ReverseLock,
    StorageFee,
    VerifyDelivery,
    Withdraw,
    WithdrawOffer,
    WriteOff,
    WriteOffBlock,
)
from watchkeeper.market.probes import SYSTEM_USER_ID

_NONE = "20200101-000000-tra-000000"
_NOBODY = 10**9


def listed(season: Season, farmer: int, *, units: int, price: int) -> tuple[int, list[int]]:
    """A new listing of a farmer: its id, and those of its units."""
    body = season.once(
        CreateListing(produce="Vanilla", grams=10_000 * units, price_ugx_per_kg=price), farmer
    ).body
    found = body["unit_ids"]
    assert isinstance(found, list)
    return whole(body["listing_id"]), found


def over_the_limit(season: Season) -> None:
    """Just a million passes, ten shillings more do not, and neither does what nobody has the money for."""
    farmer = people.joins(season, "farmer")
    trader = people.joins(season, "trader", capital_ugx=0)
    season.once(deposit(season, amount_ugx=2 * EXPOSURE_UGX_MAX), trader)
    share = EXPOSURE_UGX_MAX // UNIT_KG // 2
    _, units = listed(season, farmer, units=3, price=share)
    _, small = listed(season, farmer, units=2, price=1)
    locks = [season.once(PayToLock(unit_id=unit), trader).utid for unit in units[:2]]
    season.check(
        season.bench.books.wallet(trader).exposure_ugx == EXPOSURE_UGX_MAX, "a million is not a million"
    )
    for unit in (units[2], *small):
        season.refused(PayToLock(unit_id=unit), trader, "spend-cap-exceeded")
    poor = people.joins(season, "trader", capital_ugx=0)
    season.refused(PayToLock(unit_id=small[0]), poor, "insufficient-capital")
    season.refused(PayToLock(unit_id=units[0]), poor, "unit-not-available")
    season.refused(PayToLock(unit_id=_NOBODY), poor, "unit-not-found")
    season.refused(ReverseLock(lock_utid=locks[0], reason=REASON), season.admin, "not-reversible")
    for lock in locks:
        season.once(VerifyDelivery(lock_utid=lock, outcome="cancelled", reason=REASON), season.admin)
        late = VerifyDelivery(lock_utid=lock, outcome="late", reason=REASON)
        season.refused(late, season.admin, "already-verified")
        season.once(ReverseLock(lock_utid=lock, reason=REASON), season.admin)
        season.refused(ReverseLock(lock_utid=lock, reason=REASON), season.admin, "not-reversible")
    season.refused(PayToLock(unit_id=small[0]), farmer, "invalid-role")
    season.refused(
        VerifyDelivery(lock_utid=_NONE, outcome="late", reason=REASON), season.admin, "lock-not-found"
    )
    season.refused(VerifyDelivery(lock_utid=locks[0], outcome="late", reason=REASON), trader, "not-admin")


def wrong_offers(season: Season) -> None:
    """Offers out of turn, for others, twice for one unit, paid before they are accepted."""
    farmer = people.joins(season, "farmer")
    trader, rival = people.joins(season, "trader"), people.joins(season, "trader")
    listing, units = listed(season, farmer, units=2, price=100)
    offer = season.once(MakeOffer(unit_id=units[0], price_ugx_per_kg=90), trader).utid
    pay = PayToLock(unit_id=units[0], offer_utid=offer)
    for command, actor, code in (
        (MakeOffer(unit_id=units[0], price_ugx_per_kg=95), rival, "offer-already-open"),
        (pay, trader, "offer-not-accepted"),
        (pay, rival, "offer-not-found"),
        (AnswerOffer(offer_utid=offer, answer="accept"), trader, "offer-not-open"),
        (WithdrawOffer(offer_utid=offer), rival, "offer-not-found"),
        (ExpireOffer(offer_utid=offer), SYSTEM_USER_ID, "offer-not-open"),
        (CancelListing(listing_id=listing), season.people.farmers[0], "listing-not-found"),
    ):
        season.refused(command, actor, code)
    season.once(AnswerOffer(offer_utid=offer, answer="accept"), farmer)
    season.refused(PayToLock(unit_id=units[0]), rival, "unit-not-available")
    lock = season.once(pay, trader).utid
    season.refused(WithdrawOffer(offer_utid=offer), trader, "offer-not-open")
    season.refused(CancelListing(listing_id=listing), farmer, "listing-not-cancellable")
    season.once(VerifyDelivery(lock_utid=lock, outcome="delivered", reason=REASON), season.admin)


def wrong_money(season: Season) -> None:
    """A payment that stands in the books already, and more than somebody has."""
    trader = people.joins(season, "trader", capital_ugx=0)
    farmer = people.joins(season, "farmer")
    season.once(deposit(season, reference=(used := season.reference())), trader)
    season.refused(deposit(season, reference=used), trader, "reference-already-used")
    fresh = season.reference()
    withdraw = Withdraw(amount_ugx=1, provider="mtn", external_ref=fresh)
    season.refused(withdraw, trader, "insufficient-profit")
    payout = Payout(
        account=season.alias(farmer), amount_ugx=1, provider="mtn", external_ref=fresh, reason=REASON
    )
    season.refused(payout, season.admin, "insufficient-earnings")
    season.refused(payout, farmer, "not-admin")
    season.refused(deposit(season, amount_ugx=0), trader, "validation-failed")
    season.refused(deposit(season), _NOBODY, "unauthenticated")
    season.refused(ActivateUser(), trader, "already-active")
    nobody: AccountAct = EndSessions(account="tra_nobody", reason=REASON)
    season.refused(nobody, season.admin, "user-not-found")
    season.refused(
        EndSessions(account=season.alias(season.operator), reason=REASON), season.admin, "not-authorized"
    )


def wrong_goods(season: Season) -> None:
    """Sold goods bought again, others' purchases, pickups twice, goods lost twice, fees that are not due."""
    blocks = store.in_store(season)
    if len(blocks) < 2:
        return
    buyer, rival = people.joins(season, "buyer"), people.joins(season, "buyer")
    buy = Purchase(block_id=blocks[0])
    utid = season.once(buy, buyer).utid
    lot = season.number("SELECT min(lot_id) FROM block_lots WHERE block_id = ?", (blocks[0],))
    pickup = ConfirmPickup(
        purchase_utid=utid,
        proceeds_ugx=60_000,
        provider="cash",
        external_ref=season.reference(),
        reason=REASON,
    )
    for command, actor, code in (
        (buy, rival, "inventory-not-available"),
        (Purchase(block_id=_NOBODY), rival, "block-not-found"),
        (CancelPurchase(purchase_utid=utid), rival, "purchase-not-found"),
        (ExpirePurchase(purchase_utid=utid, reason=REASON), season.admin, "deadline-not-passed"),
        (WriteOffBlock(block_id=blocks[0], reason=REASON), season.admin, "inventory-not-available"),
        (StorageFee(lot_id=lot, from_day=1), SYSTEM_USER_ID, "nothing-due"),
        (WriteOff(lot_id=_NOBODY, reason=REASON), season.admin, "lot-not-found"),
    ):
        season.refused(command, actor, code)
    season.later(48 * HOUR)
    season.refused(CancelPurchase(purchase_utid=utid), buyer, "deadline-passed")
    season.once(pickup, season.admin)
    season.refused(pickup, season.admin, "already-ended")
    season.once(WriteOffBlock(block_id=blocks[1], reason=REASON), season.admin)
    again = WriteOffBlock(block_id=blocks[1], reason=REASON)
    season.refused(again, season.admin, "already-written-off")


def too_often(season: Season) -> None:
    """Each limit of a trader, a farmer and a buyer is reached, and refused one above."""
    farmer, buyer = people.joins(season, "farmer"), people.joins(season, "buyer")
    trader = people.joins(season, "trader", capital_ugx=0)
    # They have done enough for one season.
    for role, user_id in (("farmer", farmer), ("buyer", buyer), ("trader", trader)):
        season.people.of(role).remove(user_id)
    for _ in range(10):
        season.do(deposit(season), trader)
    season.refused(deposit(season), trader, "rate-limit-exceeded")
    _, units = listed(season, farmer, units=42, price=1)
    for unit in units[:20]:
        season.do(PayToLock(unit_id=unit), trader)
        season.do(MakeOffer(unit_id=unit + 20, price_ugx_per_kg=2), trader)
    season.refused(PayToLock(unit_id=units[40]), trader, "rate-limit-exceeded")
    season.refused(MakeOffer(unit_id=units[40], price_ugx_per_kg=2), trader, "rate-limit-exceeded")
    for _ in range(9):
        listed(season, farmer, units=1, price=5)
    another = CreateListing(produce="Beans", grams=10_000, price_ugx_per_kg=5)
    season.refused(another, farmer, "rate-limit-exceeded")
    for block_id in store.in_store(season)[:1]:
        for _ in range(5):
            utid = season.once(Purchase(block_id=block_id), buyer).utid
            season.once(CancelPurchase(purchase_utid=utid), buyer)
        season.refused(Purchase(block_id=block_id), buyer, "rate-limit-exceeded")


#: What the season aims at; each must have come by its end.
AIMED_AT = frozenset(
    {
        "account-in-use",
        "account-not-active",
        "account-state",
        "already-active",
        "already-ended",
        "already-verified",
        "already-written-off",
        "block-not-found",
        "deadline-not-passed",
        "deadline-passed",
        "idempotency-key-reused",
        "insufficient-capital",
        "insufficient-earnings",
        "insufficient-profit",
        "invalid-role",
        "inventory-not-available",
        "listing-not-cancellable",
        "listing-not-found",
        "lock-not-found",
        "lot-not-found",
        "monitor-silent",
        "not-admin",
        "not-authorized",
        "not-reversible",
        "nothing-due",
        "offer-already-open",
        "offer-not-accepted",
        "offer-not-found",
        "offer-not-open",
        "operation-restricted",
        "phase-cap-reached",
        "pilot-mode-active",
        "purchase-not-found",
        "purchase-window-closed",
        "rate-limit-exceeded",
        "reference-already-used",
        "session-expired",
        "spend-cap-exceeded",
        "system-shut-down",
        "unauthenticated",
        "unit-not-available",
        "unit-not-found",
        "user-not-found",
        "utid-not-found",
        "validation-failed",
    }
)
