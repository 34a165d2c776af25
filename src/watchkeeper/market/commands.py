"""Every way in which goods, money or authority move: one frozen dataclass each.

A command says what is wanted, in whole shillings and grams, and nothing about who may; that is
decided by the rules inside the transaction that writes. `classes` are what can stop it, `roles`
who may ask for it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from watchkeeper.base.canonical import digest
from watchkeeper.boundary.gate import OperationClass as Class


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command shares."""

    name: ClassVar[str]
    roles: ClassVar[frozenset[str]]
    #: An admin action leaves a row in admin_actions, with its reason.
    is_admin_action: ClassVar[bool] = False

    @property
    def classes(self) -> frozenset[Class]:
        """The operation classes that this command belongs to."""
        raise TypeError(type(self).__name__)

    def arguments(self) -> dict[str, int | str | None]:
        """The command as the journal keeps it; never an identity."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteUser(Command):
    """Make an account with a role and an alias; the person enrols by a link that is handed over."""

    name = "invite_user"
    roles = frozenset({"admin"})
    is_admin_action = True
    role: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.ACCOUNTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateUser(Command):
    """The invited person has enrolled: name, contact and password are set."""

    name = "activate_user"
    roles = frozenset({"farmer", "trader", "buyer", "admin", "operator"})

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


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
class Deposit(Command):
    """Capital that a trader has paid in, by provider and the provider's reference."""

    name = "deposit"
    roles = frozenset({"trader"})
    amount_ugx: int
    provider: str
    external_ref: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.DEPOSIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class PayToLock(Command):
    """Pay for one unit at its asking price; the farmer has six hours from here."""

    name = "pay_to_lock"
    roles = frozenset({"trader"})
    unit_id: int

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


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOff(Command):
    """End the position in a lot whose goods are lost; no money moves."""

    name = "write_off"
    roles = frozenset({"admin"})
    is_admin_action = True
    lot_id: int
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.WRITE_OFF})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFlip(Command):
    """The journal's row of a switch that the gate has already flipped, under the flip's UTID."""

    name = "record_flip"
    roles = frozenset({"admin", "operator", "system"})
    is_admin_action = True
    flip_utid: str
    switch: str
    hold: str
    action: str
    reason: str
    #: The last journal number before it was in force; a lost gate is made anew from this.
    journal_n: int

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure(Command):
    """What an operator does from a playbook: names the finding and the incident, passes restrictions."""

    roles = frozenset({"operator"})
    is_admin_action = True
    finding: str
    incident: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.CURE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Correct(Cure):
    """Move an account's balance by a signed amount against suspense.

    `bucket` is capital, locked or profit for a trader, earnings for a farmer.
    """

    name = "correct"
    account: str
    bucket: str
    amount_ugx: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge(Cure):
    """A wrong row truly happened: it stands, by its digest, and its deltas are booked to suspense."""

    name = "acknowledge"
    table_name: str
    row_key: str
    row_digest: str
    account: str | None
    capital_delta_ugx: int
    locked_delta_ugx: int
    profit_delta_ugx: int
    earnings_delta_ugx: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(Cure):
    """Put the sealed bytes of one command's rows back, exactly; under the owner's credential."""

    name = "repair"
    #: The sealed leaf as it stands in the log: canonical JSON, format version inside.
    sealed_leaf: str
    #: How far the log reaches: the repair's own journal number comes after it, even when the books end earlier.
    sealed_head: int

    def arguments(self) -> dict[str, int | str | None]:
        # The leaf can be as long as a leaf may be; its digest says which one it was.
        return {
            "finding": self.finding,
            "incident": self.incident,
            "reason": self.reason,
            "leaf_digest": digest(self.sealed_leaf.encode("utf-8")),
            "sealed_head": self.sealed_head,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreDefences(Cure):
    """Put the database's own defences (triggers, views, indexes) back as the migrations made them."""

    name = "restore_defences"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreState(Cure):
    """Set an account's state row, and its units', to what the append-only rows say."""

    name = "restore_state"
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CureVerification(Cure):
    """Verification named by an open playbook step."""

    name = "cure_verification"
    lock_utid: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CureReversal(Cure):
    """Reversal named by an open playbook step."""

    name = "cure_reversal"
    lock_utid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAct(Command):
    """What an admin or the operator does with somebody else's account, by its alias, with a reason."""

    roles = frozenset({"admin", "operator"})
    is_admin_action = True
    account: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.ACCOUNTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRole(AccountAct):
    """Give an account another role; its sessions end."""

    name = "change_role"
    roles = frozenset({"admin"})
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendUser(AccountAct):
    """Keep an account from doing anything, from here on; its sessions end."""

    name = "suspend_user"

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsuspendUser(AccountAct):
    """Let a suspended account act again."""

    name = "unsuspend_user"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteUser(AccountAct):
    """End an account for good. Its rows stay; who the person was is erased from the identities afterwards."""

    name = "delete_user"
    roles = frozenset({"admin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessions(AccountAct):
    """End every session of an account."""

    name = "end_sessions"

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueReset(AccountAct):
    """Hand over a one-time code for a new password. The code itself stands in no book."""

    name = "issue_reset"

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSessionsEnd(Command):
    """What ends an account's own sessions because its password becomes another."""

    roles = frozenset({"farmer", "trader", "buyer", "admin", "operator"})

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword(OwnSessionsEnd):
    """The person sets a new password with a one-time code."""

    name = "reset_password"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePassword(OwnSessionsEnd):
    """The person sets a new password, knowing the old one."""

    name = "change_password"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPhase(Command):
    """Begin production, or go back to the pilot with its caps on active users."""

    name = "set_phase"
    roles = frozenset({"operator"})
    is_admin_action = True
    phase: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.ACCOUNTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A command as somebody sent it.

    `session_generation` is that of the session it came in by: when the account's own has moved on
    (suspension, role or password change), the session is over. None for acts of the host itself.
    """

    command: Command
    actor_id: int
    command_id: str
    session_generation: int | None = None
    idempotency_key: str | None = None
    body_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an accepted command is answered; the same again for the same idempotency key."""

    utid: str
    n: int
    body: dict[str, object]
    replayed: bool = False
