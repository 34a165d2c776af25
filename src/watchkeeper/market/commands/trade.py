"""From the listing to the delivery: produce, offers, locks."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.boundary.gate import OperationClass as Class
from watchkeeper.market.commands.base import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateListing(Command):
    """Offer produce; it is split into 10 kg units at once."""

    name = "create_listing"
    roles = frozenset({"farmer"})
    produce: str
    grams: int
    price_ugx_per_kg: int

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.LISTING})


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelListing(Command):
    """The farmer takes back what is still free of a listing."""

    name = "cancel_listing"
    roles = frozenset({"farmer"})
    listing_id: int

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.LISTING_END})


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveListing(Command):
    """An admin takes a listing off the market, with a reason."""

    name = "remove_listing"
    roles = frozenset({"admin"})
    is_admin_action = True
    listing_id: int
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.LISTING_END})


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeOffer(Command):
    """Offer a farmer another price per kilogram for one unit."""

    name = "make_offer"
    roles = frozenset({"trader"})
    unit_id: int
    price_ugx_per_kg: int

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.OFFER})


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOffer(Command):
    """The farmer accepts, rejects or counters an offer; the trader accepts or rejects a counter."""

    name = "answer_offer"
    roles = frozenset({"farmer", "trader"})
    offer_utid: str
    answer: str
    price_ugx_per_kg: int | None = None

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.OFFER})


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawOffer(Command):
    """Take an offer back that is not paid yet."""

    name = "withdraw_offer"
    roles = frozenset({"trader"})
    offer_utid: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.OFFER_END})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireOffer(Command):
    """An offer that nobody moved for a day ends (documented authority: expire-offer)."""

    name = "expire_offer"
    roles = frozenset({"system"})
    by_authority = "expire-offer"
    offer_utid: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.OFFER_END})


@dataclass(frozen=True, slots=True, kw_only=True)
class PayToLock(Command):
    """Pay for one unit, at its asking price or at that of an accepted offer; the farmer has six hours from here."""

    name = "pay_to_lock"
    roles = frozenset({"trader"})
    unit_id: int
    offer_utid: str | None = None

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.LOCK})


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyDelivery(Command):
    """What became of a lock: delivered (settles, final), late or cancelled (no money moves)."""

    name = "verify_delivery"
    roles = frozenset({"admin"})
    is_admin_action = True
    lock_utid: str
    outcome: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        if self.outcome == "delivered":
            return frozenset({Class.VERIFICATION, Class.DELIVERED})
        return frozenset({Class.VERIFICATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseLock(Command):
    """Give the exact amount of a late or cancelled lock back; the unit is free again."""

    name = "reverse_lock"
    roles = frozenset({"admin"})
    is_admin_action = True
    lock_utid: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.REVERSAL})
