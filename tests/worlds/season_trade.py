"""The business of a day before the store: listings, offers, locks, deliveries, and the money around them."""

from __future__ import annotations

from tests.worlds.season import HOUR, PRODUCE, REASON, UNIT_KG, Season, whole
from tests.worlds.season_sums import EXPOSURE_UGX_MAX
from watchkeeper.market.commands import (
    AnswerOffer,
    CancelListing,
    CreateListing,
    Deposit,
    MakeOffer,
    Payout,
    PayToLock,
    RemoveListing,
    ReverseLock,
    VerifyDelivery,
    Withdraw,
    WithdrawOffer,
)

_PROVIDERS = ("airtel", "bank", "cash", "mtn")
_FREE = (
    "SELECT u.id, l.produce, l.price_ugx_per_kg FROM units u JOIN listings l ON l.id = u.listing_id "
    "JOIN unit_state s ON s.unit_id = u.id JOIN user_state f ON f.user_id = l.farmer_id "
    "WHERE s.status = 'available' AND f.status = 'active' AND NOT EXISTS (SELECT 1 FROM offer_state o "
    "WHERE o.unit_id = u.id AND o.status IN ('pending', 'countered', 'accepted')) ORDER BY u.id DESC LIMIT 300"
)
_OPEN_OFFERS = (
    "SELECT o.utid, o.unit_id, o.trader_id, o.farmer_id, s.status, s.price_ugx_per_kg FROM offers o "
    "JOIN offer_state s ON s.offer_id = o.id WHERE s.status IN ('pending', 'countered', 'accepted') "
    "AND s.expires_at > ? ORDER BY o.id"
)
_LAST_WORD = "(SELECT w.outcome FROM lock_outcomes w WHERE w.lock_utid = k.utid ORDER BY w.id DESC LIMIT 1)"


def business(season: Season) -> int:
    """How much of everything there is in a day."""
    return max(2, season.size // 25)


def produce_of(trader: int) -> str:
    """Everybody deals in one thing, or nothing would ever fill a block."""
    return PRODUCE[trader % len(PRODUCE)]


def money_in(season: Season) -> None:
    """Deposits, by whoever runs low."""
    draw = season.draw
    for trader in draw.sample(season.people.traders, min(business(season), len(season.people.traders))):
        if season.bench.books.wallet(trader).capital_ugx < 300_000:
            amount = draw.randint(1, 400_000)
            season.do(
                Deposit(amount_ugx=amount, provider=draw.choice(_PROVIDERS), external_ref=season.reference()),
                trader,
            )


def money_out(season: Season) -> None:
    """Farmers are paid some or all of what they earned, and traders take their profit or a part of it."""
    draw = season.draw
    for farmer in draw.sample(season.people.farmers, min(business(season) * 2, len(season.people.farmers))):
        balance = season.bench.books.earnings(farmer).balance_ugx
        if balance:
            amount = draw.choice((balance, max(1, balance // 2)))
            season.do(
                Payout(
                    account=season.alias(farmer),
                    amount_ugx=amount,
                    provider=draw.choice(_PROVIDERS),
                    external_ref=season.reference(),
                    reason=REASON,
                ),
                season.admin,
            )
    for trader in season.people.traders:
        profit = season.bench.books.wallet(trader).profit_ugx
        if profit and draw.random() < 0.3:
            amount = draw.choice((profit, max(1, profit // 3)))
            season.do(
                Withdraw(
                    amount_ugx=amount, provider=draw.choice(_PROVIDERS), external_ref=season.reference()
                ),
                trader,
            )


def listings(season: Season) -> None:
    """New produce, and now and then a listing taken back by its farmer or by an admin."""
    draw = season.draw
    for farmer in draw.sample(season.people.farmers, min(business(season) + 2, len(season.people.farmers))):
        season.do(
            CreateListing(
                produce=draw.choice(PRODUCE),
                grams=10_000 * draw.randint(2, 9),
                price_ugx_per_kg=draw.choice((100, 333, 500, 700, 1_500, 3_000)),
            ),
            farmer,
        )
    season.flush()
    if season.day % 3:
        return
    rows = season.query(
        "SELECT l.id, l.farmer_id FROM listings l JOIN units u ON u.listing_id = l.id JOIN unit_state s ON s.unit_id = u.id "
        "WHERE l.id <= (SELECT max(id) - 20 FROM listings) GROUP BY l.id, l.farmer_id HAVING "
        "sum(CASE WHEN s.status = 'locked' THEN 1 ELSE 0 END) = 0 AND "
        "sum(CASE WHEN s.status = 'available' THEN 1 ELSE 0 END) > 0 ORDER BY l.id LIMIT 4"
    )
    for index, (listing, owner) in enumerate(rows):
        listing_id, whose = whole(listing), whole(owner)
        if index % 2 and whose in season.people.farmers:
            season.do(CancelListing(listing_id=listing_id), whose)
        else:
            season.do(RemoveListing(listing_id=listing_id, reason=REASON), season.admin)


def free_units(season: Season) -> dict[str, list[tuple[int, int]]]:
    """Produce -> (unit, price) of what is free and has no open offer, in a new order."""
    found: dict[str, list[tuple[int, int]]] = {produce: [] for produce in PRODUCE}
    for unit, produce, price in season.query(_FREE):
        found[str(produce)].append((whole(unit), whole(price)))
    for units in found.values():
        season.draw.shuffle(units)
    return found


def offers(season: Season) -> None:
    """New offers, below the asking price."""
    free = free_units(season)
    for trader in season.draw.sample(
        season.people.traders, min(business(season) + 2, len(season.people.traders))
    ):
        units = free[produce_of(trader)]
        for _ in range(min(2, len(units))):
            unit, price = units.pop()
            season.do(MakeOffer(unit_id=unit, price_ugx_per_kg=max(1, price * 9 // 10)), trader)


def answers(season: Season) -> None:
    """What becomes of open offers: some are answered, some withdrawn, some left until they expire."""
    draw, people = season.draw, season.people
    for utid, _, trader, farmer, status, price in season.query(_OPEN_OFFERS, (season.now,)):
        whose = whole(farmer if status == "pending" else trader)
        if status == "accepted" or draw.random() < 0.15:
            continue
        if draw.random() < 0.15 and whole(trader) in people.traders:
            season.do(WithdrawOffer(offer_utid=str(utid)), whole(trader))
        elif whose in people.farmers + people.traders:
            known = ("accept", "accept", "reject") + (("counter",) if status == "pending" else ())
            answer = draw.choice(known)
            better = whole(price) + 5 if answer == "counter" else None
            season.do(AnswerOffer(offer_utid=str(utid), answer=answer, price_ugx_per_kg=better), whose)


def locks_by_offer(season: Season) -> None:
    """Accepted offers are paid, as far as the money and the limit reach."""
    spent: dict[int, int] = {}
    for utid, unit, trader, farmer, status, price in season.query(_OPEN_OFFERS, (season.now,)):
        whose, amount = whole(trader), whole(price) * UNIT_KG
        both = whose in season.people.traders and whole(farmer) in season.people.farmers
        if status == "accepted" and both and _within(season, whose, amount, spent):
            season.do(PayToLock(unit_id=whole(unit), offer_utid=str(utid)), whose)


def locks(season: Season) -> None:
    """Units paid at the asking price."""
    free, spent = free_units(season), dict[int, int]()
    draw = season.draw
    for trader in draw.sample(season.people.traders, min(business(season) + 1, len(season.people.traders))):
        units = free[produce_of(trader)]
        for _ in range(draw.randint(2, 5)):
            if units and _within(season, trader, units[-1][1] * UNIT_KG, spent):
                season.do(PayToLock(unit_id=units.pop()[0]), trader)


def _within(season: Season, trader: int, amount: int, spent: dict[int, int]) -> bool:
    """Whether a trader may still lock so much in this batch, by the season's own reckoning."""
    wallet = season.bench.books.wallet(trader)
    after = spent.get(trader, 0) + amount
    if wallet.capital_ugx < after or wallet.exposure_ugx + after > EXPOSURE_UGX_MAX:
        return False
    spent[trader] = after
    return True


def deliveries(season: Season) -> None:
    """In time, late and then delivered, late or cancelled and then reversed, or not verified for days."""
    draw = season.draw
    rows = season.query(
        f"SELECT k.utid, k.locked_at, {_LAST_WORD} FROM locks k WHERE NOT EXISTS (SELECT 1 FROM lock_outcomes o "
        "WHERE o.lock_utid = k.utid AND o.outcome IN ('delivered', 'reversed')) AND k.id > ? ORDER BY k.id",
        # Those of the drill's own business stay as they are for all the season.
        (5,),
    )
    for utid, locked_at, word in rows:
        lock, what = str(utid), draw.random()
        age = season.now - whole(locked_at)
        if word is None:
            if what < 0.15 and age < 4 * 24 * HOUR:
                continue
            outcome = "delivered" if what < 0.85 else draw.choice(("late", "cancelled"))
            season.do(VerifyDelivery(lock_utid=lock, outcome=outcome, reason=REASON), season.admin)
        elif what < 0.3:
            season.do(VerifyDelivery(lock_utid=lock, outcome="delivered", reason=REASON), season.admin)
        elif what < 0.7:
            season.do(ReverseLock(lock_utid=lock, reason=REASON), season.admin)
