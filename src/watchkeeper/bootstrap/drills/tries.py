"""Every kind of act, tried as those who do it would, for the wronged side and for its neighbour.

What each must answer is worked out from what the fault declares: so a restriction is exactly as wide as it says, class by
class, for every class in the table. Classes, and what the switches stop, are spelled out here and not asked of the market.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import Fault
from watchkeeper.market.commands import (
    AnswerOffer,
    CancelListing,
    CancelPurchase,
    Command,
    ConfirmPickup,
    CreateListing,
    Deposit,
    FormBlock,
    InviteUser,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    ReverseLock,
    SendNotice,
    StorageFee,
    VerifyDelivery,
    Withdraw,
    WithdrawOffer,
    WriteOff,
)
from watchkeeper.market.probes import SYSTEM_USER_ID

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_REASON = "a drill: tried while it is restricted"
_BY_PILOT_MODE = frozenset(["deposit", "withdraw", "lock", "offer", "listing", "purchase", "payout"]) | {
    "storage_fee"
}
Names = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Try:
    """One kind of act of one side: by whom, which command, of which classes, and whom it touches beside its actor.

    Instead of a command it may be the name of a query: a reading that is logged.
    """

    name: str
    classes: frozenset[str]
    by: str
    command: Callable[[World, _Of], Command] | str
    accounts: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    #: Whether each side does it, or the market once.
    sided: bool = True
    #: What the market answers when nothing stops it.
    passes: frozenset[str] = frozenset(["accepted"])


@dataclass(frozen=True, slots=True)
class _Of:
    """One side's names."""

    names: Names
    prefix: str

    def text(self, name: str) -> str:
        """A name's value as text; the side's own before the market's."""
        return str(self.names.get(self.prefix + name, self.names.get(name, "")))

    def number(self, name: str) -> int:
        """A name's value as a number."""
        return int(self.text(name))


def _ref(world: World) -> str:
    return f"T{world.bench.counted()}"


_TRADER, _FARMER, _BUYER = "alias", "farmer_alias", "buyer_alias"

TRIES = (
    Try(
        "deposit",
        frozenset(["deposit"]),
        "trader",
        lambda w, _s: Deposit(amount_ugx=1000, provider="airtel", external_ref=_ref(w)),
    ),
    Try(
        "withdraw",
        frozenset(["withdraw"]),
        "trader",
        lambda w, _s: Withdraw(amount_ugx=100, provider="airtel", external_ref=_ref(w)),
    ),
    Try(
        "lock",
        frozenset(["lock"]),
        "trader",
        lambda _w, s: PayToLock(unit_id=s.number("free_unit")),
        (_FARMER,),
        ("free_unit",),
    ),
    Try(
        "offer",
        frozenset(["offer"]),
        "trader",
        lambda _w, s: MakeOffer(unit_id=s.number("asked_unit"), price_ugx_per_kg=80),
        (_FARMER,),
        ("asked_unit",),
    ),
    Try(
        "answer",
        frozenset(["offer"]),
        "farmer",
        lambda _w, s: AnswerOffer(offer_utid=s.text("offer"), answer="reject"),
        (_TRADER,),
        ("offered_unit",),
    ),
    Try(
        "offer's end",
        frozenset(["offer_end"]),
        "trader",
        lambda _w, s: WithdrawOffer(offer_utid=s.text("second_offer")),
        (_FARMER,),
        ("second_offered_unit",),
    ),
    Try(
        "listing",
        frozenset(["listing"]),
        "farmer",
        lambda _w, _s: CreateListing(produce="Beans", grams=20_000, price_ugx_per_kg=100),
    ),
    Try(
        "listing's end",
        frozenset(["listing_end"]),
        "farmer",
        lambda _w, s: CancelListing(listing_id=s.number("idle_listing")),
    ),
    Try(
        "delivered",
        frozenset(["delivered", "verification"]),
        "admin",
        lambda _w, s: VerifyDelivery(lock_utid=s.text("lock"), outcome="delivered", reason=_REASON),
        (_TRADER, _FARMER),
        ("unit",),
    ),
    Try(
        "late",
        frozenset(["verification"]),
        "admin",
        lambda _w, s: VerifyDelivery(lock_utid=s.text("second_lock"), outcome="late", reason=_REASON),
        (_TRADER, _FARMER),
        ("second_unit",),
    ),
    Try(
        "reversal",
        frozenset(["reversal"]),
        "admin",
        lambda _w, s: ReverseLock(lock_utid=s.text("late_lock"), reason=_REASON),
        (_TRADER, _FARMER),
        ("late_unit",),
    ),
    Try(
        "payout",
        frozenset(["payout"]),
        "admin",
        lambda w, s: Payout(
            account=s.text(_FARMER), amount_ugx=100, provider="mtn", external_ref=_ref(w), reason=_REASON
        ),
        (_FARMER,),
    ),
    Try(
        "write-off",
        frozenset(["write_off"]),
        "admin",
        lambda _w, s: WriteOff(lot_id=s.number("lot"), reason=_REASON),
        (_TRADER,),
    ),
    Try(
        "purchase",
        frozenset(["purchase"]),
        "buyer",
        lambda _w, s: Purchase(block_id=s.number("block")),
        (_TRADER,),
    ),
    Try(
        "purchase's end",
        frozenset(["purchase_cancellation"]),
        "buyer",
        lambda _w, s: CancelPurchase(purchase_utid=s.text("second_purchase")),
        (_TRADER,),
    ),
    Try(
        "pickup",
        frozenset(["pickup"]),
        "admin",
        lambda w, s: ConfirmPickup(
            purchase_utid=s.text("purchase"),
            proceeds_ugx=15_000,
            provider="mtn",
            external_ref=_ref(w),
            reason=_REASON,
        ),
        (_TRADER, _BUYER),
    ),
    Try(
        "storage fee",
        frozenset(["storage_fee"]),
        "system",
        lambda _w, s: StorageFee(lot_id=s.number("stored_lot"), from_day=1),
        (_TRADER,),
        passes=frozenset(["nothing-due"]),
    ),
    Try(
        "block",
        frozenset(["block_forming"]),
        "system",
        lambda _w, s: FormBlock(trader_id=s.number("trader"), produce="Beans"),
        (_TRADER,),
        passes=frozenset(["nothing-due"]),
    ),
    Try(
        "account",
        frozenset(["accounts"]),
        "admin",
        lambda _w, _s: InviteUser(role="farmer", reason=_REASON),
        sided=False,
    ),
    Try(
        "notice",
        frozenset(["notice"]),
        "admin",
        lambda _w, _s: SendNotice(kind="admin_broadcast", text="The store is open today.", reason=_REASON),
        sided=False,
    ),
    Try("reading", frozenset(["read"]), "admin", "payouts", sided=False),
)


@dataclass(frozen=True, slots=True)
class Tried:
    """An act that was tried, and what it may answer while nothing stops it."""

    what: str
    answer: str
    wanted: frozenset[str]
    one: Try
    side: _Of


def answered(world: World, fault: Fault, *, window_open: bool = True) -> list[Tried]:
    """Try every act of both sides; what each answered, and what the fault's stops make it answer."""
    return [
        _tried(world, fault, one, side, window_open=window_open)
        for one in TRIES
        if one.name not in fault.spoils
        for side in _sides(world, one)
    ]


def again(world: World, tried: Tried) -> str:
    """Try once more what was refused; empty when it passes now."""
    answer = _answer(world, tried.one, tried.side)
    return "" if answer in tried.one.passes else answer


def _sides(world: World, one: Try) -> tuple[_Of, ...]:
    sides = (_Of(world.names, ""), _Of(world.names, "neighbour_"))
    return sides if one.sided else sides[:1]


def _tried(world: World, fault: Fault, one: Try, side: _Of, *, window_open: bool) -> Tried:
    act = one.command if isinstance(one.command, str) else one.command(world, side)
    actor = {"admin": "admin_alias", "system": ""}.get(
        one.by, "alias" if one.by == "trader" else f"{one.by}_alias"
    )
    touched = {f"account:{side.text(name)}" for name in (*one.accounts, actor) if name}
    touched |= {f"unit:{side.text(name)}" for name in one.units}
    touched.add(f"query:{act}" if isinstance(act, str) else f"command:{act.name}")
    whose = "" if not one.sided else "neighbour's " if side.prefix else "wronged side's "
    if fault.pilot_mode and one.classes & _BY_PILOT_MODE:
        # The switch speaks first.
        wanted = frozenset(["pilot-mode-active"])
    elif not window_open and "purchase" in one.classes:
        wanted = frozenset(["purchase-window-closed"])
    elif fault.stop(one.classes, frozenset(touched), world.names):
        wanted = frozenset(["operation-restricted"])
    else:
        wanted = one.passes
    return Tried(f"the {whose}{one.name}", _answer(world, one, side, act), wanted, one, side)


def _answer(world: World, one: Try, side: _Of, act: Command | str | None = None) -> str:
    if act is None:
        act = one.command if isinstance(one.command, str) else one.command(world, side)
    if isinstance(act, str):
        return world.read(act)
    return world.tried(act, SYSTEM_USER_ID if one.by == "system" else side.number(one.by))
