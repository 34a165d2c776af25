"""The operator's cures, each naming a finding and an incident."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.canonical import digest
from watchkeeper.boundary.gate import OperationClass as Class
from watchkeeper.market.commands.base import Command


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
class ExplainPayment(Cure):
    """Say why a payment stands otherwise in the books than in its provider's statement, or in one of them alone.

    `our_utid` and `their_...` are how it was looked at; None where it stands in one of them only. `amount_ugx` is a correction of the
    payment's own account, as `Correct` makes it; 0, with no account and no bucket, for none.
    """

    name = "explain_payment"
    provider: str
    external_ref: str
    our_utid: str | None
    their_direction: str | None
    their_amount_ugx: int | None
    account: str | None = None
    bucket: str | None = None
    amount_ugx: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiveUnrecovered(Cure):
    """Give up what a correction could not take. `correction_utid` names that correction."""

    name = "waive_unrecovered"
    correction_utid: str


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
    """Set one state row to what the append-only rows say."""

    name = "restore_state"
    table_name: str
    row_key: str


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
