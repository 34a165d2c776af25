"""Why a payment stands otherwise in the books than in its provider's statement: the operator's word, once a payment. Pure.

What was paid by a wrong amount, never arrived, or is a fee of the provider's will stand so for ever: no later statement
matches it. The explanation says why, moves the difference by a correction where there is one to move, and both stay on record.
What is explained is one thing that a statement says, against what is booked: a provider that takes money back says another.
"""

from __future__ import annotations

from watchkeeper.market import reasons
from watchkeeper.market.commands import ExplainPayment
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.ledgers import rules as ledgers
from watchkeeper.market.ledgers.buckets import OF_LEDGER
from watchkeeper.market.reconciliation.rules import COMPARED
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import Explained, Payment, State


def explain(command: ExplainPayment, state: State, context: Context) -> Decision:
    """Write down why; refused when it matches, was explained, or is not as it was looked at."""
    reason = reasons.checked(command.reason)
    if not command.incident:
        raise Refusal("validation-failed", "Name the incident that this belongs to.", field="incident")
    if command.provider not in COMPARED:
        raise Refusal(
            "validation-failed", f"A statement comes from one of {', '.join(COMPARED)}.", field="provider"
        )
    place = (command.provider, command.external_ref)
    ours, said = state.payments.get(place), state.said.get(place, [])
    theirs = _theirs(command)
    if ours is None and not said:
        raise Refusal("payment-not-found", "No such payment stands in the books or in a statement.")
    if command.our_utid != (None if ours is None else ours.utid) or (
        theirs not in said if said else theirs is not None
    ):
        raise Refusal("resumption-refused", "The payment is not as it was looked at. Look at it again.")
    if ours is not None and theirs == (ours.direction, ours.amount_ugx):
        raise Refusal("already-reconciled", "This payment stands in a statement as it is booked.")
    key = Explained(*place, command.our_utid, theirs)
    if key in state.explained:
        raise Refusal("already-explained", "This payment was explained already.")
    decision = Decision(
        utid=context.utid,
        subject=command.provider,
        target_utid=command.our_utid,
        reason=reason,
    )
    decision.add(
        state,
        "payment_explanations",
        provider=command.provider,
        external_ref=command.external_ref,
        our_utid=command.our_utid,
        our_direction=None if ours is None else ours.direction,
        our_amount_ugx=None if ours is None else ours.amount_ugx,
        their_direction=command.their_direction,
        their_amount_ugx=command.their_amount_ugx,
        incident=command.incident,
        at=context.at,
    )
    state.explained.add(key)
    decision.answer = {"provider": command.provider, "external_ref": command.external_ref}
    if (command.account, command.bucket, command.amount_ugx) != (None, None, 0):
        _correct(command, ours, decision, state, context)
    return decision


def _theirs(command: ExplainPayment) -> tuple[str, int] | None:
    if command.their_direction is None or command.their_amount_ugx is None:
        return None
    return command.their_direction, command.their_amount_ugx


def _correct(
    command: ExplainPayment, ours: Payment | None, decision: Decision, state: State, context: Context
) -> None:
    """The correction that comes with it: of the account whose money the payment moved, and of no other."""
    if ours is None or command.account is None or command.bucket is None:
        raise Refusal(
            "validation-failed",
            "A correction belongs to a payment that is booked, and names its account and balance.",
            field="account",
        )
    owner = state.by_alias(command.account)
    if owner.id != ours.owner_id:
        raise Refusal("validation-failed", "This payment is another account's.", field="account")
    if command.bucket not in OF_LEDGER[ours.ledger]:
        raise Refusal("validation-failed", "This payment moved no such balance.", field="bucket")
    ledgers.move(
        decision,
        state,
        context,
        owner=owner,
        bucket=command.bucket,
        amount_ugx=command.amount_ugx,
        finding=command.finding,
        incident=command.incident,
    )
