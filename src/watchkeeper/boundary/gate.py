"""What may pass: classes of operation, what stops them, and the one function that decides.

Pure. The table of what stops what is the catalogue's (operation classes); who stores it is
`gatefile`, who asks is `admit`, who changes it is `switches` and `restrict`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

#: A file of this name in the data folder stops everything, with everything else down.
STOP_FILE_NAME = "STOP"


class OperationClass(StrEnum):
    """A kind of act that can be stopped as one. `DELIVERED` is verification that settles."""

    DEPOSIT = "deposit"
    WITHDRAW = "withdraw"
    LOCK = "lock"
    OFFER = "offer"
    LISTING = "listing"
    PURCHASE = "purchase"
    PAYOUT = "payout"
    VERIFICATION = "verification"
    DELIVERED = "delivered"
    REVERSAL = "reversal"
    WRITE_OFF = "write_off"
    PICKUP = "pickup"
    STORAGE_FEE = "storage_fee"
    ACCOUNTS = "accounts"
    NOTICE = "notice"
    RELEASE = "release"
    CURE = "cure"
    BLOCK_FORMING = "block_forming"
    PURCHASE_CANCELLATION = "purchase_cancellation"
    #: Ending an offer, or taking a listing back: pilot mode lets begun business end.
    OFFER_END = "offer_end"
    LISTING_END = "listing_end"
    #: Writing down what a provider's statement says: moves nothing, so pilot mode and a silent watch let it pass.
    RECONCILIATION = "reconciliation"
    #: Reads that the query log keeps, of anybody but the operator.
    READ = "read"
    #: Passes always: enrolment, recording a flip, ending sessions, suspending.
    NEVER_STOPPED = "never_stopped"


#: What some command of the market belongs to by now. Of the rest nobody can say that it works.
IN_USE = frozenset(
    {
        OperationClass.DEPOSIT,
        OperationClass.LOCK,
        OperationClass.LISTING,
        OperationClass.VERIFICATION,
        OperationClass.DELIVERED,
        OperationClass.REVERSAL,
        OperationClass.WRITE_OFF,
        OperationClass.ACCOUNTS,
        OperationClass.CURE,
        OperationClass.NEVER_STOPPED,
        OperationClass.BLOCK_FORMING,
        OperationClass.STORAGE_FEE,
        OperationClass.PURCHASE,
        OperationClass.PURCHASE_CANCELLATION,
        OperationClass.PICKUP,
        OperationClass.OFFER,
        OperationClass.OFFER_END,
        OperationClass.LISTING_END,
        OperationClass.WITHDRAW,
        OperationClass.PAYOUT,
        OperationClass.NOTICE,
        OperationClass.RECONCILIATION,
        OperationClass.READ,
    }
)


class Switch(StrEnum):
    """The three switches. The purchase window is engaged while it is closed."""

    PILOT_MODE = "pilot_mode"
    PURCHASE_WINDOW = "purchase_window"
    SHUTDOWN = "shutdown"


class Hold(StrEnum):
    """Who keeps a switch engaged. It is off when no hold remains."""

    ADMIN = "admin"
    OPERATOR = "operator"
    SAFE_STATE = "safe_state"


_C = OperationClass

STOPPED_BY_PILOT_MODE = frozenset(
    {_C.DEPOSIT, _C.WITHDRAW, _C.LOCK, _C.OFFER, _C.LISTING, _C.PURCHASE, _C.PAYOUT, _C.STORAGE_FEE}
)
STOPPED_BY_WINDOW = frozenset({_C.PURCHASE})
STOPPED_BY_SHUTDOWN = frozenset(OperationClass) - {_C.CURE, _C.NEVER_STOPPED}
STOPPED_BY_LAPSED_LEASE = frozenset(
    {
        _C.DEPOSIT,
        _C.WITHDRAW,
        _C.LOCK,
        _C.PURCHASE,
        _C.PAYOUT,
        _C.DELIVERED,
        _C.REVERSAL,
        _C.WRITE_OFF,
        _C.PICKUP,
        _C.STORAGE_FEE,
        _C.PURCHASE_CANCELLATION,
    }
)
STOPPED_BY: dict[Switch, frozenset[OperationClass]] = {
    Switch.PILOT_MODE: STOPPED_BY_PILOT_MODE,
    Switch.PURCHASE_WINDOW: STOPPED_BY_WINDOW,
    Switch.SHUTDOWN: STOPPED_BY_SHUTDOWN,
}
#: Nothing but a cure and what is never stopped walks past a restriction.
PASSES_RESTRICTIONS = frozenset({_C.CURE, _C.NEVER_STOPPED})


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom or what a restriction covers: one account, unit, query or command, or everything."""

    kind: str
    key: str = ""

    KINDS = ("everything", "account", "unit", "command", "query")

    def __str__(self) -> str:
        return self.kind if self.kind == "everything" else f"{self.kind}:{self.key}"

    @classmethod
    def parse(cls, text: str) -> Scope:
        """`everything` or `kind:key`; raises `ValueError` naming the kinds for anything else."""
        kind, _, key = text.partition(":")
        if kind not in cls.KINDS or (kind == "everything") == bool(key):
            msg = (
                f"a scope is 'everything' or one of {', '.join(cls.KINDS[1:])} with a key: account:tra_a3k9x2"
            )
            raise ValueError(msg)
        return cls(kind, key)


EVERYTHING = Scope("everything")


def account(alias: str) -> Scope:
    """The scope of one account, by alias."""
    return Scope("account", alias)


@dataclass(frozen=True, slots=True)
class Restriction:
    """A stop on some classes within one scope, until a human lifts it (or a fresh HOLDS, for UNKNOWN)."""

    id: int
    rule: str
    scope: Scope
    classes: frozenset[OperationClass]
    cause: str
    reason: str
    evidence_seq: int
    imposed_by: str
    imposed_at: int

    def stops(self, classes: frozenset[OperationClass], touched: frozenset[Scope]) -> bool:
        """Whether an act of these classes that touches these scopes is stopped."""
        return bool(self.classes & classes) and (self.scope == EVERYTHING or self.scope in touched)


class Refused(Exception):
    """The gate does not let this pass."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class GateState:
    """What the gate says in one transaction."""

    generation: int
    holds: frozenset[tuple[Switch, Hold]]
    restrictions: tuple[Restriction, ...]
    #: Lease not seen to move within its time.
    lease_silent: bool
    #: The file STOP lies in the data folder.
    stop_file: bool
    #: The commands whose feature is on. One that is not here is refused: missing is off.
    enabled: frozenset[str] = frozenset()

    def engaged(self, switch: Switch) -> bool:
        """Whether any hold keeps this switch engaged."""
        if switch is Switch.SHUTDOWN and self.stop_file:
            return True
        return any(held is switch for held, _ in self.holds)


def decide(
    state: GateState,
    *,
    command: str | None,
    classes: frozenset[OperationClass],
    touched: Iterable[Scope],
) -> None:
    """Let an act pass or raise `Refused`; the first cause in the order of domain.md speaks.

    `command` is its name; None for what is no command of the market and so belongs to no feature: releasing a switch.
    """
    for refused in causes(state, command=command, classes=classes, touched=touched):
        raise refused


def causes(
    state: GateState,
    *,
    command: str | None,
    classes: frozenset[OperationClass],
    touched: Iterable[Scope],
) -> Iterator[Refused]:
    """Everything that stops an act, in the order in which it speaks; a live probe asks for all of it."""
    if classes & STOPPED_BY_SHUTDOWN and state.engaged(Switch.SHUTDOWN):
        yield Refused(
            "system-shut-down",
            "The system is shut down. Nothing is lost; try again when it is announced open.",
        )
    if classes & STOPPED_BY_LAPSED_LEASE and state.lease_silent:
        yield Refused(
            "monitor-silent",
            "The watch over the system is silent, so money stands still. It goes on by itself when the watch is back.",
        )
    if classes & STOPPED_BY_PILOT_MODE and state.engaged(Switch.PILOT_MODE):
        yield Refused("pilot-mode-active", "Pilot mode is on: no new business until an admin releases it.")
    if classes & STOPPED_BY_WINDOW and state.engaged(Switch.PURCHASE_WINDOW):
        yield Refused(
            "purchase-window-closed", "The purchase window is closed. Wait until it is announced open."
        )
    if classes & PASSES_RESTRICTIONS:
        return
    if command is not None and command not in state.enabled:
        yield Refused(
            "feature-off",
            "This part of the market is switched off for now. Nothing is lost; the rest goes on. Try again later.",
        )
    covered = frozenset(touched)
    if any(restriction.stops(classes, covered) for restriction in state.restrictions):
        yield Refused(
            "operation-restricted",
            "This operation is paused while the operator looks into a finding. Try again later.",
        )
