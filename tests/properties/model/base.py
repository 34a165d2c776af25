"""What there is in the plain market, and what every command goes through before its own rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

LIMIT_UGX = 1_000_000
HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
ACCEPTED = "accepted"
#: Command -> how many, in how long, and together with which others.
PACES = {
    "pay_to_lock": (20, HOUR, ("pay_to_lock",)),
    "make_offer": (20, HOUR, ("make_offer",)),
    "deposit": (10, HOUR, ("deposit", "withdraw")),
    "withdraw": (10, HOUR, ("deposit", "withdraw")),
    "create_listing": (10, DAY, ("create_listing",)),
    "purchase": (5, HOUR, ("purchase",)),
}
REASON_MIN = 10
PRICE_MAX = 10_000_000
#: Active accounts of a role while the market is a pilot.
CAPS = {"farmer": 10, "trader": 5, "buyer": 10, "admin": 3}
#: What pilot mode stops.
NEW_BUSINESS = frozenset(
    {
        "create_listing",
        "deposit",
        "withdraw",
        "pay_to_lock",
        "make_offer",
        "answer_offer",
        "purchase",
        "payout",
        "storage_fee",
    }
)
#: What goes on although everything is shut down.
NEVER_STOPPED = frozenset(
    {
        "suspend_user",
        "end_sessions",
        "issue_reset",
        "reset_second_factor",
        "reset_password",
        "change_password",
        "activate_user",
    }
)


def poor(reason: str) -> bool:
    """Whether a reason says too little, or where somebody can be reached; the game's others have no digits."""
    return len(reason) < REASON_MIN or any(character.isdigit() for character in reason)


@dataclass(slots=True)
class Account:
    """Somebody, and what they have."""

    role: str
    status: str = "active"
    alias: str = ""
    capital: int = 0
    locked: int = 0
    profit: int = 0
    earnings: int = 0
    #: How often all sessions were ended.
    ended: int = 0
    accepted: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class Unit:
    """Ten kilograms, and the offer for it that is open."""

    farmer: int
    price: int
    listing: int
    produce: str
    status: str = "available"
    offer: str | None = None


@dataclass(slots=True)
class Offer:
    """Another price for a unit, and whose turn it is."""

    trader: int
    unit: int
    price: int
    expires: int
    status: str = "pending"

    @property
    def is_open(self) -> bool:
        """Whether something can still become of it."""
        return self.status in ("pending", "countered", "accepted")


@dataclass(slots=True)
class Lock:
    """A paid unit."""

    trader: int
    unit: int
    farmer: int
    amount: int
    outcomes: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether money is still held for it."""
        return not {"delivered", "reversed"} & set(self.outcomes)


@dataclass(slots=True)
class Lot:
    """A delivered unit in store."""

    trader: int
    produce: str
    cost: int
    started: int
    written_off: bool = False
    sold: bool = False
    block: int | None = None
    days: set[int] = field(default_factory=set)
    lost: int = 0


@dataclass(slots=True)
class Block:
    """Ten lots that are bought together."""

    trader: int
    lots: list[int]
    status: str = "in_storage"
    awaited: list[tuple[int, int | None]] = field(default_factory=list)


@dataclass(slots=True)
class Sale:
    """A bought block."""

    buyer: int
    trader: int
    block: int
    deadline: int
    outcome: str | None = None


@dataclass(slots=True)
class Core:
    """The whole market, and the gate before it."""

    accounts: dict[int, Account] = field(default_factory=dict)
    by_alias: dict[str, int] = field(default_factory=dict)
    units: dict[int, Unit] = field(default_factory=dict)
    listings: dict[int, list[int]] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    locks: dict[str, Lock] = field(default_factory=dict)
    lots: dict[int, Lot] = field(default_factory=dict)
    blocks: dict[int, Block] = field(default_factory=dict)
    sales: dict[str, Sale] = field(default_factory=dict)
    #: Comparisons with a statement: how many items there are to be, and how many there are.
    comparisons: dict[str, list[int]] = field(default_factory=dict)
    references: set[tuple[str, str]] = field(default_factory=set)
    #: (role, status) -> how many accounts there are, the game's and others.
    census: Counter[tuple[str, str]] = field(default_factory=Counter)
    phase: str = "production"
    next_lot: int = 1
    paid_in: int = 0
    paid_out: int = 0
    #: Times in which pilot mode was on.
    pilot: list[tuple[int, int | None]] = field(default_factory=list)
    window_open: bool = False
    shut_down: bool = False

    @property
    def pilot_mode(self) -> bool:
        """Whether it is on now."""
        return bool(self.pilot) and self.pilot[-1][1] is None

    def flip_pilot_mode(self, at: int) -> None:
        """On, or off again."""
        if self.pilot_mode:
            self.pilot[-1] = (self.pilot[-1][0], at)
        else:
            self.pilot.append((at, None))

    def exposure(self, trader: int) -> int:
        """What a trader has at stake: each position once."""
        locks = sum(lock.amount for lock in self.locks.values() if lock.trader == trader and lock.is_open)
        return locks + sum(
            lot.cost
            for lot in self.lots.values()
            if lot.trader == trader and not lot.written_off and not lot.sold
        )

    def before(self, command: str, actor: int, at: int, *roles: str) -> str:
        """What every command goes through first: switches, state, role, pace."""
        if self.shut_down and command not in NEVER_STOPPED:
            return "system-shut-down"
        if command in NEW_BUSINESS and self.pilot_mode:
            return "pilot-mode-active"
        if command == "purchase" and not self.window_open:
            return "purchase-window-closed"
        account = self.accounts[actor]
        if account.status != "active":
            return "account-not-active"
        if account.role not in roles:
            return "not-admin" if roles == ("admin",) else "invalid-role"
        if command in PACES:
            most, window, together = PACES[command]
            account.accepted = [(name, then) for name, then in account.accepted if then > at - DAY]
            recent = [then for name, then in account.accepted if name in together and then > at - window]
            if len(recent) >= most:
                return "rate-limit-exceeded"
        return ACCEPTED

    def counts(self, command: str, actor: int, at: int) -> None:
        """An accepted command counts towards its pace."""
        self.accounts[actor].accepted.append((command, at))

    def refuses_reference(self, provider: str, reference: str) -> str | None:
        """What is wrong with a payment's reference."""
        if provider not in ("mtn", "airtel", "bank", "cash") or not reference or "@" in reference:
            return "validation-failed"
        return "reference-already-used" if (provider, reference) in self.references else None

    def conserved(self) -> bool:
        """Whether what came in and did not go out is what everybody has."""
        return self.paid_in - self.paid_out == sum(
            a.capital + a.locked + a.profit + a.earnings for a in self.accounts.values()
        )
