"""Who may do what, said a second time: one line for each command that can stand in the journal.

Worked out from the roles of the domain, the operation classes and the documented authority of the catalogue, never from
the market's code. A test compares the names with the market's, and nothing but the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from watchkeeper.operation import authority

#: A reason says something from so many characters on (domain, Delivery and reversal).
REASON_LENGTH_MIN: Final = 10

FARMER: Final = frozenset({"farmer"})
TRADER: Final = frozenset({"trader"})
BUYER: Final = frozenset({"buyer"})
ADMIN: Final = frozenset({"admin"})
OPERATOR: Final = frozenset({"operator"})
ADMIN_OR_OPERATOR: Final = ADMIN | OPERATOR
PEOPLE: Final = FARMER | TRADER | BUYER | ADMIN | OPERATOR
NOBODY: Final = frozenset[str]()
#: Roles that an admin gives; the operator's is given on the host alone, and the system's to nobody.
GIVEN: Final = FARMER | TRADER | BUYER | ADMIN
SYSTEM: Final = "system"

#: Whose account a command moves: the actor's own, somebody else's, or no account in particular.
OWN, ANOTHER, NOBODYS = "own", "another", "nobody's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the rules say of one command."""

    #: People who may do it. The system is never among them: it acts by `by_itself` or not at all.
    roles: frozenset[str]
    #: Whose account it moves: `OWN`, `ANOTHER` or `NOBODYS`.
    touches: str
    #: Tables in which it writes at least one row, whatever else it does.
    writes: frozenset[str] = NOBODY
    #: Further tables in which it may write.
    may_write: frozenset[str] = NOBODY
    #: Table -> the column that must name the actor in every row of it that the command writes.
    own: Mapping[str, str] = field(default_factory=dict)
    #: It leaves one row in the admins' log, unless the system did it.
    admin_action: bool = False
    #: It says why, in `REASON_LENGTH_MIN` characters or more.
    needs_reason: bool = False
    #: What of the list of irreversible things it makes (catalogue, Invariants); empty for nothing but its UTID.
    irreversible: frozenset[str] = NOBODY
    #: Entries of the documented authority by which the system may do it.
    by_itself: tuple[authority.Entry, ...] = ()
    #: The account must be in this state: a person who enrols is not active yet.
    status: str = "active"

    @property
    def tables(self) -> frozenset[str]:
        """Every table in which it may leave a row."""
        return self.writes | self.may_write | (frozenset({"admin_actions"}) if self.admin_action else NOBODY)


def _admins(
    roles: frozenset[str],
    touches: str,
    *writes: str,
    may_write: frozenset[str] = NOBODY,
    irreversible: frozenset[str] = NOBODY,
    by_itself: tuple[authority.Entry, ...] = (),
) -> Policy:
    """An act of those with power: with a reason, and a row in their log."""
    return Policy(
        roles=roles,
        touches=touches,
        writes=frozenset(writes),
        may_write=may_write,
        own={"admin_actions": "actor_id"},
        admin_action=True,
        needs_reason=True,
        irreversible=irreversible | {"admin log"},
        by_itself=by_itself,
    )


def _own(
    roles: frozenset[str],
    own: Mapping[str, str],
    *writes: str,
    may_write: frozenset[str] = NOBODY,
    irreversible: frozenset[str] = NOBODY,
) -> Policy:
    """An act of somebody for themselves. `own`: table -> the column that names them."""
    return Policy(
        roles=roles,
        touches=OWN,
        writes=frozenset({*own, *writes}),
        may_write=may_write,
        own=own,
        irreversible=irreversible,
    )


def _systems(entry: authority.Entry, *writes: str, irreversible: frozenset[str] = NOBODY) -> Policy:
    """An act that only the system does, by the documented authority."""
    return Policy(
        roles=NOBODY,
        touches=ANOTHER,
        writes=frozenset(writes),
        irreversible=irreversible,
        by_itself=(entry,),
    )


_ENTRY: Final = frozenset({"ledger entry"})
_SETTLED: Final = frozenset({"wallet_ledger", "farmer_ledger", "lots"})
#: An entry, and what of the correction was not there to be taken.
_CORRECTED: Final = frozenset({"wallet_ledger", "farmer_ledger", "unrecovered"})
_STEPS: Final = frozenset({"offer_steps"})

POLICIES: Mapping[str, Policy] = {
    # The first row: everything that it makes is set-up's own, and named as an exception (3.1, threat 1.1).
    "set_up": Policy(
        roles=NOBODY,
        touches=NOBODYS,
        writes=frozenset({"users", "user_steps", "role_history"}),
        needs_reason=True,
        irreversible=frozenset({"alias"}),
        by_itself=(authority.ENROL_AT_SET_UP,),
    ),
    # Money from and to outside.
    "deposit": _own(TRADER, {"wallet_ledger": "trader_id"}, irreversible=_ENTRY | {"deposit"}),
    "withdraw": _own(TRADER, {"wallet_ledger": "trader_id"}, irreversible=_ENTRY | {"profit withdrawal"}),
    "payout": _admins(ADMIN, ANOTHER, "payouts", "farmer_ledger", irreversible=_ENTRY | {"payout"}),
    # From the listing to the delivery.
    "create_listing": _own(
        FARMER, {"listings": "farmer_id"}, "units", irreversible=frozenset({"unit splitting"})
    ),
    "cancel_listing": Policy(roles=FARMER, touches=OWN, writes=frozenset({"unit_steps"}), may_write=_STEPS),
    "remove_listing": _admins(ADMIN, ANOTHER, "unit_steps", may_write=_STEPS),
    "make_offer": _own(TRADER, {"offers": "trader_id"}),
    "answer_offer": Policy(roles=FARMER | TRADER, touches=OWN, writes=_STEPS),
    "withdraw_offer": Policy(roles=TRADER, touches=OWN, writes=_STEPS),
    "expire_offer": _systems(authority.EXPIRE_OFFER, "offer_steps"),
    "pay_to_lock": _own(
        TRADER,
        {"locks": "trader_id", "wallet_ledger": "trader_id"},
        may_write=_STEPS,
        irreversible=_ENTRY | {"lock"},
    ),
    "verify_delivery": _admins(
        ADMIN, ANOTHER, "lock_outcomes", may_write=_SETTLED, irreversible=_ENTRY | {"settlement"}
    ),
    "reverse_lock": _admins(
        ADMIN, ANOTHER, "lock_outcomes", "wallet_ledger", irreversible=_ENTRY | {"reversal"}
    ),
    # From the store to the buyer.
    "form_block": _systems(authority.FORM_BLOCK, "blocks", "block_lots"),
    "storage_fee": _systems(
        authority.STORAGE_FEE, "storage_fee_deductions", irreversible=frozenset({"storage fee"})
    ),
    "purchase": _own(BUYER, {"purchases": "buyer_id"}),
    "cancel_purchase": Policy(roles=BUYER, touches=OWN, writes=frozenset({"purchase_outcomes"})),
    "pickup": _admins(
        ADMIN, ANOTHER, "purchase_outcomes", "pickups", "wallet_ledger", irreversible=_ENTRY | {"pickup"}
    ),
    "purchase_expiry": _admins(ADMIN, ANOTHER, "purchase_outcomes"),
    "write_off": _admins(ADMIN, ANOTHER, "write_offs", irreversible=frozenset({"write-off"})),
    "write_off_block": _admins(ADMIN, ANOTHER, "write_offs", irreversible=frozenset({"write-off"})),
    # Accounts.
    "invite_user": _admins(
        ADMIN, ANOTHER, "users", "user_steps", "role_history", irreversible=frozenset({"alias"})
    ),
    "activate_user": Policy(
        roles=PEOPLE,
        touches=OWN,
        writes=frozenset({"user_steps"}),
        own={"user_steps": "user_id"},
        status="invited",
    ),
    "change_role": _admins(ADMIN, ANOTHER, "role_history"),
    "suspend_user": _admins(ADMIN_OR_OPERATOR, ANOTHER, "user_steps"),
    "unsuspend_user": _admins(ADMIN_OR_OPERATOR, ANOTHER, "user_steps"),
    "delete_user": _admins(ADMIN, ANOTHER, "user_steps", irreversible=frozenset({"user deletion"})),
    "end_sessions": _admins(ADMIN_OR_OPERATOR, ANOTHER),
    "issue_reset": _admins(ADMIN_OR_OPERATOR, ANOTHER),
    "reset_second_factor": _admins(OPERATOR, ANOTHER),
    "reset_password": Policy(roles=PEOPLE, touches=OWN),
    "change_password": Policy(roles=PEOPLE, touches=OWN),
    "set_phase": _admins(OPERATOR, NOBODYS, "phases"),
    # What is told, and what providers say.
    "record_flip": _admins(
        ADMIN_OR_OPERATOR,
        NOBODYS,
        by_itself=(authority.STOP_FILE, authority.SAFE_STATE, authority.RECORD_FLIP),
    ),
    "send_notice": _admins(ADMIN_OR_OPERATOR, NOBODYS, "notices", may_write=frozenset({"notice_recipients"})),
    "reconcile": Policy(
        roles=ADMIN_OR_OPERATOR,
        touches=NOBODYS,
        writes=frozenset({"reconciliations"}),
        own={"reconciliations": "actor_id"},
    ),
    "reconcile_part": Policy(
        roles=ADMIN_OR_OPERATOR, touches=NOBODYS, writes=frozenset({"reconciliation_items"})
    ),
    # The operator's cures.
    "correct": _admins(
        OPERATOR,
        ANOTHER,
        may_write=_CORRECTED,
        irreversible=_ENTRY | {"correction"},
    ),
    "explain_payment": _admins(
        OPERATOR,
        ANOTHER,
        "payment_explanations",
        may_write=_CORRECTED,
        irreversible=_ENTRY | {"correction"},
    ),
    "waive_unrecovered": _admins(OPERATOR, NOBODYS),
    "acknowledge": _admins(OPERATOR, NOBODYS, "acknowledgements"),
    "repair": _admins(OPERATOR, NOBODYS, "repairs"),
    "restore_defences": _admins(OPERATOR, NOBODYS),
    "restore_state": _admins(OPERATOR, ANOTHER),
    "cure_verification": _admins(
        OPERATOR, ANOTHER, "lock_outcomes", may_write=_SETTLED, irreversible=_ENTRY | {"settlement"}
    ),
    "cure_reversal": _admins(
        OPERATOR, ANOTHER, "lock_outcomes", "wallet_ledger", irreversible=_ENTRY | {"reversal"}
    ),
}

#: What gives something back or sets something right: always a person, always with a reason (10.2).
REVERSING: Final = frozenset(
    {
        "reverse_lock",
        "cure_reversal",
        "correct",
        "explain_payment",
        "waive_unrecovered",
        "repair",
        "acknowledge",
        "restore_defences",
        "restore_state",
    }
)
