"""The market in plain words: a second account of its rules, with nothing of the market's own code in it.

Each command is a method that answers `accepted` or the refusal's code, and moves the model on when it accepts. Money in
UGX, weight in grams, time in microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LIMIT_UGX = 1_000_000
HOUR = 3600 * 1_000_000
ACCEPTED = "accepted"
#: Command -> how many, in how long, and together with which others.
PACES = {
    "pay_to_lock": (20, HOUR, ("pay_to_lock",)),
    "deposit": (10, HOUR, ("deposit",)),
    "create_listing": (10, 24 * HOUR, ("create_listing",)),
}
REASON_MIN = 10


@dataclass(slots=True)
class Account:
    """Somebody, and what they have."""

    role: str
    active: bool = True
    capital: int = 0
    locked: int = 0
    earnings: int = 0
    accepted: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class Unit:
    """Ten kilograms."""

    farmer: int
    price: int
    status: str = "available"


@dataclass(slots=True)
class Lock:
    """A paid unit."""

    trader: int
    unit: int
    amount: int
    outcomes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Lot:
    """A delivered unit."""

    trader: int
    cost: int
    written_off: bool = False


@dataclass(slots=True)
class Plain:
    """The whole market."""

    accounts: dict[int, Account] = field(default_factory=dict)
    units: dict[int, Unit] = field(default_factory=dict)
    locks: dict[str, Lock] = field(default_factory=dict)
    lots: dict[int, Lot] = field(default_factory=dict)
    references: set[tuple[str, str]] = field(default_factory=set)
    paid_in: int = 0
    pilot_mode: bool = False
    shut_down: bool = False

    def exposure(self, trader: int) -> int:
        """What a trader has at stake: each position once."""
        open_locks = sum(
            lock.amount
            for lock in self.locks.values()
            if lock.trader == trader and not {"delivered", "reversed"} & set(lock.outcomes)
        )
        return open_locks + sum(
            lot.cost for lot in self.lots.values() if lot.trader == trader and not lot.written_off
        )

    def before(self, command: str, actor: int, at: int, *, role: str, stopped_by_pilot_mode: bool) -> str:
        """What every command goes through first: switches, role, pace."""
        if self.shut_down:
            return "system-shut-down"
        if stopped_by_pilot_mode and self.pilot_mode:
            return "pilot-mode-active"
        account = self.accounts[actor]
        if not account.active:
            return "account-not-active"
        if account.role != role:
            return "not-admin" if role == "admin" else "invalid-role"
        if command in PACES:
            most, window, together = PACES[command]
            account.accepted = [(name, at_) for name, at_ in account.accepted if at_ > at - 24 * HOUR]
            recent = [at_ for name, at_ in account.accepted if name in together and at_ > at - window]
            if len(recent) >= most:
                return "rate-limit-exceeded"
        return ACCEPTED

    def list_produce(self, actor: int, at: int, *, grams: int, price: int) -> str:
        """Offer produce in units of ten kilograms; the caller names the units by what the market answered."""
        first = self.before("create_listing", actor, at, role="farmer", stopped_by_pilot_mode=True)
        if first != ACCEPTED:
            return first
        if grams <= 0 or grams % 10_000 or grams > 2_000_000 or not 0 < price <= 10_000_000:
            return "validation-failed"
        self.accounts[actor].accepted.append(("create_listing", at))
        return ACCEPTED

    def deposit(self, actor: int, at: int, *, amount: int, provider: str, reference: str) -> str:
        """Money comes in."""
        first = self.before("deposit", actor, at, role="trader", stopped_by_pilot_mode=True)
        if first != ACCEPTED:
            return first
        if (
            not 0 < amount <= 100_000_000
            or provider not in ("mtn", "airtel", "bank", "cash")
            or not reference
        ):
            return "validation-failed"
        if (provider, reference) in self.references:
            return "reference-already-used"
        account = self.accounts[actor]
        account.accepted.append(("deposit", at))
        account.capital += amount
        self.paid_in += amount
        self.references.add((provider, reference))
        return ACCEPTED

    def pay_to_lock(self, actor: int, at: int, *, unit: int, utid: str) -> str:
        """Pay for a unit at its asking price."""
        first = self.before("pay_to_lock", actor, at, role="trader", stopped_by_pilot_mode=True)
        if first != ACCEPTED:
            return first
        if unit not in self.units:
            return "unit-not-found"
        found = self.units[unit]
        if found.status != "available":
            return "unit-not-available"
        amount = found.price * 10
        account = self.accounts[actor]
        if self.exposure(actor) + amount > LIMIT_UGX:
            return "spend-cap-exceeded"
        if account.capital < amount:
            return "insufficient-capital"
        account.accepted.append(("pay_to_lock", at))
        account.capital -= amount
        account.locked += amount
        found.status = "locked"
        self.locks[utid] = Lock(actor, unit, amount)
        return ACCEPTED

    def verify(self, actor: int, at: int, *, lock: str, outcome: str, reason: str) -> str:
        """What became of a delivery."""
        first = self.before("verify_delivery", actor, at, role="admin", stopped_by_pilot_mode=False)
        if first != ACCEPTED:
            return first
        if len(reason) < REASON_MIN or outcome not in ("delivered", "late", "cancelled"):
            return "validation-failed"
        if lock not in self.locks:
            return "lock-not-found"
        found = self.locks[lock]
        if {"delivered", "reversed"} & set(found.outcomes) or (found.outcomes and outcome != "delivered"):
            return "already-verified"
        found.outcomes.append(outcome)
        if outcome == "delivered":
            unit = self.units[found.unit]
            unit.status = "delivered"
            self.accounts[found.trader].locked -= found.amount
            self.accounts[unit.farmer].earnings += found.amount
            self.lots[max(self.lots, default=0) + 1] = Lot(found.trader, found.amount)
        return ACCEPTED

    def reverse(self, actor: int, at: int, *, lock: str, reason: str) -> str:
        """The exact amount goes back."""
        first = self.before("reverse_lock", actor, at, role="admin", stopped_by_pilot_mode=False)
        if first != ACCEPTED:
            return first
        if len(reason) < REASON_MIN:
            return "validation-failed"
        if lock not in self.locks:
            return "lock-not-found"
        found = self.locks[lock]
        if not found.outcomes or found.outcomes[-1] not in ("late", "cancelled"):
            return "not-reversible"
        found.outcomes.append("reversed")
        account = self.accounts[found.trader]
        account.locked -= found.amount
        account.capital += found.amount
        self.units[found.unit].status = "available"
        return ACCEPTED

    def write_off(self, actor: int, at: int, *, lot: int, reason: str) -> str:
        """Goods are lost; no money moves."""
        first = self.before("write_off", actor, at, role="admin", stopped_by_pilot_mode=False)
        if first != ACCEPTED:
            return first
        if len(reason) < REASON_MIN:
            return "validation-failed"
        if lot not in self.lots:
            return "lot-not-found"
        if self.lots[lot].written_off:
            return "already-written-off"
        self.lots[lot].written_off = True
        return ACCEPTED

    def conserved(self) -> bool:
        """Whether what came in is what everybody has."""
        return self.paid_in == sum(a.capital + a.locked + a.earnings for a in self.accounts.values())
