"""Live probes: for each switch a command that it must refuse, and for each feature all its commands, sent through the real
entrance and never committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from watchkeeper.base.clock import Instant
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import (
    AnswerOffer,
    CancelListing,
    CancelPurchase,
    ChangeRole,
    Command,
    ConfirmPickup,
    CreateListing,
    DeleteUser,
    Deposit,
    ExpireOffer,
    ExpirePurchase,
    FormBlock,
    InviteUser,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    Reconcile,
    ReconcilePart,
    RemoveListing,
    ReverseLock,
    SendNotice,
    SetPhase,
    StorageFee,
    UnsuspendUser,
    VerifyDelivery,
    Withdraw,
    WithdrawOffer,
    WriteOff,
    WriteOffBlock,
)

#: The account that set-up makes first: acts of the system itself are its.
SYSTEM_USER_ID = 1


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a live probe met: whether the switch is engaged, and the code that refused it, if any."""

    engaged: bool
    refused_as: str | None

    @property
    def bites(self) -> bool:
        """An engaged switch must refuse; an idle one has nothing to prove."""
        return not self.engaged or self.refused_as is not None


PROBES: dict[Switch, Command] = {
    Switch.PILOT_MODE: CreateListing(produce="probe", grams=10_000, price_ugx_per_kg=1),
    Switch.SHUTDOWN: InviteUser(role="farmer", reason="a probe that must never be accepted"),
    # There is no block of this number, and the system buys nothing: it could not be accepted with the window open.
    Switch.PURCHASE_WINDOW: Purchase(block_id=0),
}

_WHY = "a probe that must never be accepted"
_NOBODY = "nobody"
_NO_UTID = "19700101-000000-sys-probes"


def _at_the_gate() -> dict[str, Command]:
    verify, delivered = "verify_delivery", "delivered"
    commands: tuple[Command, ...] = (
        InviteUser(role=_NOBODY, reason=_WHY),
        ChangeRole(account=_NOBODY, role=_NOBODY, reason=_WHY),
        UnsuspendUser(account=_NOBODY, reason=_WHY),
        DeleteUser(account=_NOBODY, reason=_WHY),
        SetPhase(phase=_NOBODY, reason=_WHY),
        Deposit(amount_ugx=0, provider=_NOBODY, external_ref=""),
        PayToLock(unit_id=0),
        CreateListing(produce="", grams=0, price_ugx_per_kg=0),
        CancelListing(listing_id=0),
        RemoveListing(listing_id=0, reason=_WHY),
        MakeOffer(unit_id=0, price_ugx_per_kg=0),
        AnswerOffer(offer_utid=_NO_UTID, answer=_NOBODY),
        WithdrawOffer(offer_utid=_NO_UTID),
        ExpireOffer(offer_utid=_NO_UTID),
        VerifyDelivery(lock_utid=_NO_UTID, outcome=delivered, reason=_WHY),
        ReverseLock(lock_utid=_NO_UTID, reason=_WHY),
        FormBlock(trader_id=0, produce=""),
        WriteOff(lot_id=0, reason=_WHY),
        WriteOffBlock(block_id=0, reason=_WHY),
        StorageFee(lot_id=0, from_day=0),
        Purchase(block_id=0),
        CancelPurchase(purchase_utid=_NO_UTID),
        ConfirmPickup(purchase_utid=_NO_UTID, proceeds_ugx=0, provider=_NOBODY, external_ref="", reason=_WHY),
        ExpirePurchase(purchase_utid=_NO_UTID, reason=_WHY),
        Payout(account=_NOBODY, amount_ugx=0, provider=_NOBODY, external_ref="", reason=_WHY),
        Withdraw(amount_ugx=0, provider=_NOBODY, external_ref=""),
        SendNotice(kind=_NOBODY, text="", reason=_WHY),
        Reconcile(
            provider="",
            since=Instant(0),
            until=Instant(0),
            file_digest="",
            map_digest="",
            journal_n=0,
            matched=0,
            missing_in_books=0,
            missing_in_statement=0,
            different=0,
            ignored=0,
            fees_ugx=0,
        ),
        ReconcilePart(reconciliation=_NO_UTID, first=0, lines=()),
    )
    found = {command.name: command for command in commands}
    # A delivery that settles has a class more than one that does not.
    found[f"{verify}:late"] = VerifyDelivery(lock_utid=_NO_UTID, outcome="late", reason=_WHY)
    return found


#: For each command of each feature one that its own rule can never accept, whatever stands in the books.
FEATURE_PROBES: Mapping[str, Command] = _at_the_gate()
