"""What goes on in the drill's market before anything is wrong.

`little` is a few locks and deposits. `whole` is a day and more of everything: two sides, the wronged trader, farmer and
buyer and their neighbours, each with a thing for every act that a drill tries; an admin's acts, a role change, an account
that was suspended, fees, a refused flood, a read that was logged. Its names are the placeholders of the faults:

- of the wronged side, and with `neighbour_` before it of the other: {trader} {alias} {farmer} {farmer_alias} {buyer}
  {buyer_alias}, and what `Side` has: {listing} {unit} {lock} {late_lock} {delivered_lock} {reversed_lock} {offer} {lot}
  {block} {purchase} {picked_up} ...; locks, offers and purchases by UTID, the rest by their number;
- {admin} {admin_alias} {second_admin} {second_admin_alias} {operator} {operator_alias};
- {changed} {changed_alias} whose role became another, {suspended} {suspended_alias}, {pest} {pest_alias} who was refused
  for its pace.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.turning import HOUR, TurnedClock
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import (
    Answer,
    AnswerOffer,
    ChangeRole,
    Command,
    ConfirmPickup,
    CreateListing,
    Deposit,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    RemoveListing,
    ReverseLock,
    SendNotice,
    SuspendUser,
    UnsuspendUser,
    VerifyDelivery,
    Withdraw,
    WithdrawOffer,
    WriteOff,
)
from watchkeeper.market.refusals import Refusal

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

REASON = "a drill: ordinary business before the fault"
PRICE_UGX_PER_KG = 100
_UNIT_UGX = 10 * PRICE_UGX_PER_KG
_UNITS = 70
_BLOCK_LOTS = 10
#: A block is sold, one is promised, one is promised and will be given back, one is in store; two lots stand alone.
_LOTS = 4 * _BLOCK_LOTS + 2
#: Below the pace of twenty an hour.
_LOCKS_AN_HOUR = 15
#: The calendar is turned back so far: six hours of locks, a day in store, and an hour more.
_BEGUN_HOURS_AGO = 36


@dataclass(slots=True)
class Side:
    """A trader, a farmer and a buyer who trade with each other alone."""

    trader: int
    alias: str
    farmer: int
    farmer_alias: str
    buyer: int
    buyer_alias: str
    #: The farmer's large listing, and one that nobody wants.
    listing: int = 0
    idle_listing: int = 0
    #: The unit of `lock`, those of the other locks and offers, and two that are free.
    unit: int = 0
    second_unit: int = 0
    late_unit: int = 0
    offered_unit: int = 0
    second_offered_unit: int = 0
    free_unit: int = 0
    asked_unit: int = 0
    #: Locks: paid and waiting (two of them), late, late and given back, delivered.
    lock: str = ""
    second_lock: str = ""
    late_lock: str = ""
    reversed_lock: str = ""
    delivered_lock: str = ""
    #: Offers: two that wait for the farmer, one that was paid.
    offer: str = ""
    second_offer: str = ""
    paid_offer: str = ""
    #: A lot of its own, one in the block in store, one that was written off.
    lot: int = 0
    stored_lot: int = 0
    lost_lot: int = 0
    #: Blocks: in store; promised to the buyer.
    block: int = 0
    promised_block: int = 0
    #: Purchases: two that wait for their pickup, one that was fetched.
    purchase: str = ""
    second_purchase: str = ""
    picked_up: str = ""

    def names(self, prefix: str) -> dict[str, object]:
        """Its placeholders."""
        return {prefix + name: value for name, value in asdict(self).items()}


def little(world: World) -> None:
    """Five locks and two deposits."""
    bench = world.bench
    units = bench.units(30)
    world.victim = bench.trader(capital_ugx=400_000)
    world.neighbour = bench.trader(capital_ugx=400_000)
    world.farmer = bench.person("farmer")
    locks = [
        str(bench.one(PayToLock(unit_id=units.pop()), trader).utid)
        for trader in (world.victim, world.neighbour, world.victim, world.neighbour, world.neighbour)
    ]
    world.victims_lock, delivered, _, world.neighbours_lock, world.late_lock = locks
    bench.one(VerifyDelivery(lock_utid=delivered, outcome="delivered", reason=REASON), bench.market.admin.id)
    _two_deposits(world, world.victim)
    world.free_units = units
    world.names = {"trader": world.victim, "alias": world.alias_of(world.victim)}
    world.turn()


def whole(world: World) -> None:
    """A day and more of everything. The world's clock must be a `TurnedClock`."""
    clock = world.clock
    if not isinstance(clock, TurnedClock):
        raise TypeError("a day's business needs a clock that can be turned")
    clock.offset = -_BEGUN_HOURS_AGO * HOUR
    sides = [_people(world) for _ in range(2)]
    for side in sides:
        _goods(world, side)
    world.tick()
    world.flip(Switch.PURCHASE_WINDOW, "release")
    for side in sides:
        side.picked_up = _bought(world, side)
        _fetched(world, side)
    world.turn()
    # A day in store costs half a percent.
    clock.offset += 25 * HOUR
    for _ in range(3):
        world.tick()
    clock.offset = 0
    for side in sides:
        _open_business(world, side)
    _accounts(world)
    _noted(world)
    world.tick()
    wronged, neighbour = sides
    world.names |= wronged.names("") | neighbour.names("neighbour_")
    world.victim, world.neighbour = wronged.trader, neighbour.trader
    world.farmer = world.bench.person("farmer")
    world.free_units = _ids(
        world.bench.one(
            CreateListing(produce="Maize", grams=400_000, price_ugx_per_kg=PRICE_UGX_PER_KG), world.farmer
        )
    )
    _two_deposits(world, world.victim)
    world.turn()


def many(world: World, commands: list[Command], actor_id: int) -> list[Answer]:
    """Run commands in one batch; all must be accepted."""
    world.bench.keep_lease()
    answers: list[Answer] = []
    acts = [world.bench.act(command, actor_id) for command in commands]
    for act, outcome in zip(acts, world.bench.executor.run(acts), strict=True):
        if isinstance(outcome, Refusal):
            raise RuntimeError(f"the drill's business: {act.command.name}: {outcome.code}: {outcome.detail}")
        answers.append(outcome)
    return answers


def _people(world: World) -> Side:
    bench = world.bench
    trader, farmer, buyer = (
        bench.trader(capital_ugx=300_000),
        bench.person("farmer"),
        bench.person("buyer"),
    )
    return Side(trader, world.alias_of(trader), farmer, world.alias_of(farmer), buyer, world.alias_of(buyer))


def _ids(answer: Answer) -> list[int]:
    found = answer.body["unit_ids"]
    if not isinstance(found, list):
        raise RuntimeError("the drill's business: a listing without units")
    return [int(str(unit_id)) for unit_id in found]


def _goods(world: World, side: Side) -> None:
    """The farmer lists, the trader locks hour by hour, the admin confirms what was brought."""
    clock = world.clock
    listed = world.bench.one(
        CreateListing(produce="Beans", grams=_UNITS * 10_000, price_ugx_per_kg=PRICE_UGX_PER_KG), side.farmer
    )
    units = _ids(listed)
    delivered: list[str] = []
    for first in range(0, _LOTS, _LOCKS_AN_HOUR):
        taken = units[first : min(first + _LOCKS_AN_HOUR, _LOTS)]
        locks = many(world, [PayToLock(unit_id=unit) for unit in taken], side.trader)
        delivered += [lock.utid for lock in locks]
        many(
            world,
            [VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON) for lock in locks],
            world.bench.market.admin.id,
        )
        if isinstance(clock, TurnedClock):
            clock.offset += HOUR
    side.delivered_lock = delivered[-1]
    side.listing = _number(world, "SELECT id FROM listings WHERE utid = ?", listed.utid)
    side.unit, side.asked_unit, side.free_unit = units[_LOTS], units[-2], units[-1]
    side.lot, side.lost_lot = (
        _number(world, "SELECT id FROM lots WHERE lock_utid = ?", utid) for utid in delivered[-2:]
    )


def _number(world: World, sql: str, *parameters: object) -> int:
    row = world.bench.books.database.one(sql, tuple(str(value) for value in parameters))
    if row is None or row[0] is None:
        raise RuntimeError(f"the drill's business: nothing found by {sql}")
    return int(str(row[0]))


def _in_store(world: World, side: Side) -> int:
    return _number(
        world,
        "SELECT min(b.id) FROM blocks b JOIN block_state s ON s.block_id = b.id "
        f"WHERE s.status = 'in_storage' AND b.trader_id = {side.trader}",
    )


def _bought(world: World, side: Side) -> str:
    return world.bench.one(Purchase(block_id=_in_store(world, side)), side.buyer).utid


def _fetched(world: World, side: Side) -> None:
    """The first block is paid for: its trader has a profit, and draws some of it."""
    bench, admin = world.bench, world.bench.market.admin.id
    bench.one(
        ConfirmPickup(
            purchase_utid=side.picked_up,
            proceeds_ugx=2 * _BLOCK_LOTS * _UNIT_UGX,
            provider="mtn",
            external_ref=f"SALE-{side.trader}",
            reason=REASON,
        ),
        admin,
    )
    bench.one(Withdraw(amount_ugx=500, provider="mtn", external_ref=f"PROFIT-{side.trader}"), side.trader)
    bench.one(
        Payout(
            account=side.farmer_alias,
            amount_ugx=1_000,
            provider="mtn",
            external_ref=f"OUT-{side.farmer}",
            reason=REASON,
        ),
        admin,
    )


def _open_business(world: World, side: Side) -> None:
    """Everything that waits for somebody: what a drill then tries."""
    bench, admin = world.bench, world.bench.market.admin.id
    units = [side.unit + offset for offset in range(8)]
    side.second_unit, side.late_unit = units[1:3]
    side.offered_unit, side.second_offered_unit = units[4:6]
    locks = many(world, [PayToLock(unit_id=unit) for unit in units[:4]], side.trader)
    side.lock, side.second_lock, side.late_lock, side.reversed_lock = (lock.utid for lock in locks)
    many(
        world,
        [
            VerifyDelivery(lock_utid=utid, outcome="late", reason=REASON)
            for utid in (side.late_lock, side.reversed_lock)
        ],
        admin,
    )
    bench.one(ReverseLock(lock_utid=side.reversed_lock, reason=REASON), admin)
    offers = many(world, [MakeOffer(unit_id=unit, price_ugx_per_kg=90) for unit in units[4:]], side.trader)
    side.offer, side.second_offer, side.paid_offer, withdrawn = (offer.utid for offer in offers)
    bench.one(AnswerOffer(offer_utid=side.paid_offer, answer="accept"), side.farmer)
    bench.one(PayToLock(unit_id=units[6], offer_utid=side.paid_offer), side.trader)
    bench.one(WithdrawOffer(offer_utid=withdrawn), side.trader)
    bench.one(WriteOff(lot_id=side.lost_lot, reason=REASON), admin)
    side.purchase, side.second_purchase = _bought(world, side), _bought(world, side)
    side.promised_block = _number(world, "SELECT block_id FROM purchases WHERE utid = ?", side.purchase)
    side.block = _in_store(world, side)
    side.stored_lot = _number(world, f"SELECT min(lot_id) FROM block_lots WHERE block_id = {side.block}")
    idle = [
        bench.one(
            CreateListing(produce="Maize", grams=20_000, price_ugx_per_kg=PRICE_UGX_PER_KG), side.farmer
        )
        for _ in range(2)
    ]
    side.idle_listing, removed = (
        _number(world, "SELECT id FROM listings WHERE utid = ?", listed.utid) for listed in idle
    )
    bench.one(RemoveListing(listing_id=removed, reason=REASON), admin)


def _accounts(world: World) -> None:
    """People whose accounts were changed, and a second admin."""
    bench, market = world.bench, world.bench.market
    names = world.names
    second, changed, suspended, pest = (bench.person(role) for role in ("admin", "buyer", "farmer", "trader"))
    for name, user_id in (
        ("admin", market.admin.id),
        ("operator", market.operator.id),
        ("second_admin", second),
        ("changed", changed),
        ("suspended", suspended),
        ("pest", pest),
    ):
        names[name] = user_id
        names[f"{name}_alias"] = world.alias_of(user_id)
    bench.one(ChangeRole(account=str(names["changed_alias"]), role="farmer", reason=REASON), market.admin.id)
    for act in (SuspendUser, UnsuspendUser):
        bench.one(act(account=str(names["suspended_alias"]), reason=REASON), market.admin.id)
    bench.one(SendNotice(kind="admin_broadcast", text="The store is open.", reason=REASON), market.admin.id)


def _noted(world: World) -> None:
    """What is kept beside the books: refusals for the pace, sign-ins, and reads of what is somebody's own."""
    bench, names = world.bench, world.names
    pest = int(str(names["pest"]))
    for number in range(13):
        world.tried(
            Deposit(amount_ugx=1_000, provider="mtn", external_ref=f"PEST-{number}"),
            pest,
        )
    notes = bench.executor.notes
    for reader, fields in (("admin_alias", "earnings"), ("operator_alias", "name phone")):
        notes.query(
            actor=str(names[reader]), query="payouts", fields=fields, subjects=str(names["suspended_alias"])
        )
    notes.attempt(
        account=str(names["admin_alias"]), address="203.0.113.9", kind="sign_in", outcome="accepted"
    )
    bench.executor.flush_notes()


def _two_deposits(world: World, trader: int) -> None:
    # Two, so that a fault can change the one and let the other follow.
    for number, amount_ugx in enumerate((25_000, 15_000), start=1):
        world.bench.one(
            Deposit(amount_ugx=amount_ugx, provider="mtn", external_ref=f"DRILL-{number}"), trader
        )
