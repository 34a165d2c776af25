"""What the rules look at: the part of the books that a batch of commands needs, loaded once.

Rules read it and, when a command is accepted, the executor moves it on, so the next command in the
same batch sees what the one before it did. Nothing here touches a database.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from watchkeeper.base.clock import Instant
from watchkeeper.market.refusals import Refusal, paused

#: Of the offers of a unit one at most is in one of these states.
OPEN_OFFER = ("pending", "countered", "accepted")
#: So many lots make a block.
BLOCK_LOTS = 10


@dataclass(frozen=True, slots=True)
class User:
    """An account as it stands: no identity, only the alias."""

    id: int
    alias: str
    role: str
    status: str
    session_generation: int


@dataclass(frozen=True, slots=True)
class Wallet:
    """A trader's balances after the last ledger row, in UGX, and the exposure that the state row keeps."""

    trader_id: int
    number: int = 0
    capital_ugx: int = 0
    locked_ugx: int = 0
    profit_ugx: int = 0
    exposure_ugx: int = 0


@dataclass(frozen=True, slots=True)
class Earnings:
    """A farmer's balance after the last ledger row, in UGX."""

    farmer_id: int
    number: int = 0
    balance_ugx: int = 0


@dataclass(frozen=True, slots=True)
class Unit:
    """Ten kilograms of one listing, and where they stand."""

    id: int
    listing_id: int
    number: int
    grams: int
    farmer_id: int
    produce: str
    price_ugx_per_kg: int
    status: str
    lock_utid: str | None


@dataclass(frozen=True, slots=True)
class Lock:
    """A paid lock: its opening facts and the outcomes so far, oldest first."""

    id: int
    utid: str
    unit_id: int
    trader_id: int
    farmer_id: int
    price_ugx_per_kg: int
    amount_ugx: int
    locked_at: Instant
    deadline_at: Instant
    outcomes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lot:
    """A delivered unit in a trader's store: what it was, what the fee left of it, and what became of it."""

    id: int
    utid: str
    trader_id: int
    cost_ugx: int
    written_off: bool
    grams: int
    started_at: Instant
    #: Days that were deducted, each once.
    fee_days: frozenset[int] = frozenset()
    grams_deducted: int = 0
    block_id: int | None = None

    @property
    def grams_left(self) -> int:
        """What the storage fee has left of it."""
        return self.grams - self.grams_deducted


@dataclass(frozen=True, slots=True)
class Block:
    """Ten lots of one trader and produce, and where they stand together."""

    id: int
    utid: str
    trader_id: int
    produce: str
    lot_ids: tuple[int, ...]
    status: str = "in_storage"
    purchase_utid: str | None = None
    #: Times in which it was sold and not picked up: from, and until when, None while it lasts.
    awaiting: tuple[tuple[Instant, Instant | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Sale:
    """A purchase of a block, and how it ended."""

    utid: str
    block_id: int
    buyer_id: int
    trader_id: int
    grams: int
    at: Instant
    deadline_at: Instant
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer as it stands: `price_ugx_per_kg` is the price of its last word, the counter's after a counter."""

    id: int
    utid: str
    unit_id: int
    trader_id: int
    farmer_id: int
    status: str
    price_ugx_per_kg: int
    expires_at: Instant

    @property
    def is_open(self) -> bool:
        """Whether something can still become of it."""
        return self.status in OPEN_OFFER


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing, whose it is, and its units in their order."""

    id: int
    utid: str
    farmer_id: int
    unit_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An accepted command that is asked for again."""

    n: int
    utid: str
    body_digest: str | None
    answer: str


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came in or went out by a provider, as it is booked; `n` is its journal number, 0 where none wrote it."""

    provider: str
    reference: str
    utid: str
    direction: str
    amount_ugx: int
    at: Instant
    n: int
    #: The account whose money it moved, and the ledger in which it did.
    owner_id: int
    ledger: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What was explained: the way and the amount that a statement says (or that none says anything) against what is booked, if it is."""

    provider: str
    reference: str
    our_utid: str | None
    theirs: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A comparison with a statement: how many items it has in all, and how many are written down."""

    id: int
    utid: str
    provider: str
    journal_n: int
    lines: int
    filled: int


def _nobody_appends(table: str) -> int:
    raise LookupError(f"nothing was loaded to append to {table}")


def _none_written(farmer_id: int) -> int:
    del farmer_id
    return 0


@dataclass(slots=True)
class State:
    """The working set of one batch."""

    users: dict[int, User] = field(default_factory=dict)
    users_by_alias: dict[str, int] = field(default_factory=dict)
    wallets: dict[int, Wallet] = field(default_factory=dict)
    #: Traders whose last entry is not there.
    lost_wallets: set[int] = field(default_factory=set)
    earnings: dict[int, Earnings] = field(default_factory=dict)
    moved_earnings: set[int] = field(default_factory=set)
    #: The number of the last entry that is known to have been written for a farmer.
    last_entry: Callable[[int], int] = _none_written
    units: dict[int, Unit] = field(default_factory=dict)
    locks: dict[str, Lock] = field(default_factory=dict)
    lots: dict[int, Lot] = field(default_factory=dict)
    #: (provider, external reference) that stand in the books already.
    references: set[tuple[str, str]] = field(default_factory=set)
    #: (table, key, digest) that are acknowledged already.
    acknowledged: set[tuple[str, str, str]] = field(default_factory=set)
    #: (actor, command, idempotency key) -> what was answered.
    recorded: dict[tuple[int, str, str], Recorded] = field(default_factory=dict)
    #: command id -> what was answered; filled only when a commit's outcome was unknown.
    recorded_by_id: dict[str, Recorded] = field(default_factory=dict)
    #: The phase, and how many accounts of a role are in which status; loaded where a command makes somebody active.
    phase: str = "pilot"
    census: dict[tuple[str, str], int] = field(default_factory=dict)
    #: (actor, rate limit) -> instants of accepted commands within the window, oldest first.
    paces: dict[tuple[int, str], deque[Instant]] = field(default_factory=dict)
    #: The highest key of a table; asked when a row of it is written first, so by whoever appends next.
    last_id: Callable[[str], int] = _nobody_appends
    last_ids: dict[str, int] = field(default_factory=dict)
    next_n: int = 1
    #: Projections that have to be written back.
    dirty_users: set[int] = field(default_factory=set)
    dirty_wallets: set[int] = field(default_factory=set)
    dirty_units: set[int] = field(default_factory=set)
    blocks: dict[int, Block] = field(default_factory=dict)
    sales: dict[str, Sale] = field(default_factory=dict)
    #: (trader, produce) -> lots in no block and not written off, oldest first; as many as a block takes.
    free_lots: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    #: Times in which pilot mode was on, by the gate's own flips: from, and until when, None while it lasts.
    pilot_mode: tuple[tuple[Instant, Instant | None], ...] = ()
    dirty_blocks: set[int] = field(default_factory=set)
    offers: dict[str, Offer] = field(default_factory=dict)
    #: unit -> the UTID of its open offer; there is one at most.
    open_offers: dict[int, str] = field(default_factory=dict)
    listings: dict[int, Listing] = field(default_factory=dict)
    #: UTID of an act -> the accounts that took part in it.
    parties: dict[str, frozenset[int]] = field(default_factory=dict)
    dirty_offers: set[str] = field(default_factory=set)
    #: (provider, reference) -> the payment, where a part of a comparison names it.
    payments: dict[tuple[str, str], Payment] = field(default_factory=dict)
    reconciliations: dict[str, Reconciliation] = field(default_factory=dict)
    #: (provider, reference) -> what statements say of it, the newest first: way and amount.
    said: dict[tuple[str, str], list[tuple[str, int]]] = field(default_factory=dict)
    explained: set[Explained] = field(default_factory=set)
    #: UTID of a correction -> what it could not take, in UGX, and whether that was waived.
    unrecovered: dict[str, tuple[int, bool]] = field(default_factory=dict)
    #: Statements that were compared already: provider, digests of file and map, and the time.
    statements: set[tuple[str, str, str, int, int]] = field(default_factory=set)

    def take_id(self, table: str) -> int:
        """The next primary key of an append-only table."""
        last = self.last_ids.get(table)
        identifier = 1 + (self.last_id(table) if last is None else last)
        self.last_ids[table] = identifier
        return identifier

    def user(self, user_id: int) -> User:
        """The account, or `Refusal` user-not-found."""
        try:
            return self.users[user_id]
        except KeyError:
            raise Refusal("user-not-found", "There is no such account.") from None

    def by_alias(self, alias: str) -> User:
        """The account of that alias, or `Refusal` user-not-found."""
        return self.user(self.users_by_alias.get(alias, -1))

    def wallet(self, trader_id: int) -> Wallet:
        """The trader's balances; a trader who never moved money has zeros. `Refusal` where the last entry is gone."""
        if trader_id in self.lost_wallets:
            raise paused()
        return self.wallets.get(trader_id) or Wallet(trader_id)

    def farmer_earnings(self, farmer_id: int) -> Earnings:
        """The farmer's balance; zero before the first settlement. `Refusal` where entries that were written are gone."""
        found = self.earnings.get(farmer_id) or Earnings(farmer_id)
        if found.number < self.last_entry(farmer_id):
            raise paused()
        return found

    def unit(self, unit_id: int) -> Unit:
        """The unit, or `Refusal` unit-not-found."""
        try:
            return self.units[unit_id]
        except KeyError:
            raise Refusal("unit-not-found", "There is no such unit. Look at the listings again.") from None

    def lock(self, utid: str) -> Lock:
        """The lock, or `Refusal` lock-not-found."""
        try:
            return self.locks[utid]
        except KeyError:
            raise Refusal("lock-not-found", "There is no such lock.") from None

    def lot(self, lot_id: int) -> Lot:
        """The lot, or `Refusal` lot-not-found."""
        try:
            return self.lots[lot_id]
        except KeyError:
            raise Refusal("lot-not-found", "There is no such lot.") from None

    def set_user(self, user: User) -> None:
        """Move an account on, and have its state row written."""
        before = self.users.get(user.id)
        if before is not None:
            self.census[before.role, before.status] = self.census.get((before.role, before.status), 0) - 1
        self.census[user.role, user.status] = self.census.get((user.role, user.status), 0) + 1
        self.users[user.id] = user
        self.users_by_alias[user.alias] = user.id
        self.dirty_users.add(user.id)

    def set_wallet(self, wallet: Wallet) -> None:
        """Move a wallet on, and have its state row written."""
        self.wallets[wallet.trader_id] = wallet
        self.dirty_wallets.add(wallet.trader_id)

    def set_earnings(self, earnings: Earnings) -> None:
        """Move a farmer's balance on; it has no state row."""
        self.earnings[earnings.farmer_id] = earnings
        self.moved_earnings.add(earnings.farmer_id)

    def set_unit(self, unit: Unit, *, status: str, lock_utid: str | None) -> None:
        """Move a unit on, and have its state row written."""
        self.units[unit.id] = replace(unit, status=status, lock_utid=lock_utid)
        self.dirty_units.add(unit.id)

    def block(self, block_id: int) -> Block:
        """The block, or `Refusal` block-not-found."""
        try:
            return self.blocks[block_id]
        except KeyError:
            raise Refusal("block-not-found", "There is no such block.") from None

    def sale(self, utid: str) -> Sale:
        """The purchase, or `Refusal` purchase-not-found."""
        try:
            return self.sales[utid]
        except KeyError:
            raise Refusal("purchase-not-found", "There is no such purchase.") from None

    def set_block(self, block: Block) -> None:
        """Move a block on, and have its state row written."""
        self.blocks[block.id] = block
        self.dirty_blocks.add(block.id)

    def offer(self, utid: str) -> Offer:
        """The offer, or `Refusal` offer-not-found."""
        try:
            return self.offers[utid]
        except KeyError:
            raise Refusal("offer-not-found", "There is no such offer.") from None

    def open_offer(self, unit_id: int) -> Offer | None:
        """The one open offer of a unit."""
        utid = self.open_offers.get(unit_id)
        return None if utid is None else self.offers[utid]

    def listing(self, listing_id: int) -> Listing:
        """The listing, or `Refusal` listing-not-found."""
        try:
            return self.listings[listing_id]
        except KeyError:
            raise Refusal("listing-not-found", "There is no such listing.") from None

    def set_offer(self, offer: Offer) -> None:
        """Move an offer on, and have its state row written."""
        self.offers[offer.utid] = offer
        self.dirty_offers.add(offer.utid)
        if offer.is_open:
            self.open_offers[offer.unit_id] = offer.utid
        elif self.open_offers.get(offer.unit_id) == offer.utid:
            del self.open_offers[offer.unit_id]
