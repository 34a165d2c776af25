"""Which rule decides which command, and the checks that come before every one of them.

The order is domain.md's: replay, what the gate says, role, rate limit, and then the command's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from watchkeeper.base.database import Database
from watchkeeper.base.utid import ROLE_LETTERS, base36
from watchkeeper.boundary.gate import Scope, account
from watchkeeper.market import pace, reasons
from watchkeeper.market.commands import (
    AccountAct,
    Acknowledge,
    Act,
    ActivateUser,
    Answer,
    AnswerOffer,
    CancelListing,
    CancelPurchase,
    ChangePassword,
    ChangeRole,
    Command,
    ConfirmPickup,
    Correct,
    CreateListing,
    CureReversal,
    CureVerification,
    DeleteUser,
    Deposit,
    EndSessions,
    ExpireOffer,
    ExpirePurchase,
    ExplainPayment,
    FormBlock,
    InviteUser,
    IssueReset,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    Reconcile,
    ReconcilePart,
    RecordFlip,
    RemoveListing,
    Repair,
    ResetPassword,
    ResetSecondFactor,
    RestoreDefences,
    RestoreState,
    ReverseLock,
    SendNotice,
    SetPhase,
    StorageFee,
    SuspendUser,
    UnsuspendUser,
    VerifyDelivery,
    WaiveUnrecovered,
    Withdraw,
    WithdrawOffer,
    WriteOff,
    WriteOffBlock,
)
from watchkeeper.market.commands.cures import Cure
from watchkeeper.market.cures.acknowledge import acknowledge
from watchkeeper.market.cures.defences import restore
from watchkeeper.market.cures.repair import repair
from watchkeeper.market.cures.replay import replay_row
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.deliveries import rules as deliveries
from watchkeeper.market.inventory import rules as inventory
from watchkeeper.market.ledgers import rules as ledgers
from watchkeeper.market.listings import cancelling
from watchkeeper.market.listings import rules as listings
from watchkeeper.market.load.people import taken_aliases
from watchkeeper.market.locks import rules as locks
from watchkeeper.market.notices import rules as notices
from watchkeeper.market.offers import rules as offers
from watchkeeper.market.purchases import rules as purchases
from watchkeeper.market.reconciliation import explaining
from watchkeeper.market.reconciliation import rules as reconciliation
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import Recorded, State, User
from watchkeeper.market.users import rules as users
from watchkeeper.market.users.holdings import holdings

#: These look into the database while they decide, or at all that was there before; each runs in a transaction of its own.
ALONE = (
    InviteUser,
    Acknowledge,
    Repair,
    RestoreDefences,
    RestoreState,
    FormBlock,
    ChangeRole,
    DeleteUser,
)

_ROLE_REFUSED = {"admin": ("not-admin", "Only an admin may do this.")}


def replay(act: Act, recorded: Recorded) -> Answer:
    """The first answer again, or `Refusal` when the key was used for something else."""
    if recorded.body_digest != act.body_digest:
        raise Refusal(
            "idempotency-key-reused",
            "This Idempotency-Key was used for another request. Use a new key for a new request.",
        )
    return Answer(utid=recorded.utid, n=recorded.n, body=json.loads(recorded.answer), replayed=True)


def touched(command: Command, state: State, actor: User | None) -> Iterable[Scope]:
    """Whom and what a command touches: itself by its name, its actor, its counterparties, its unit."""
    yield Scope("command", command.name)
    if actor is not None:
        yield account(actor.alias)
    others: set[int] = set()
    unit_id: int | None = None
    if isinstance(command, PayToLock | MakeOffer) and command.unit_id in state.units:
        unit_id = command.unit_id
        others.add(state.units[unit_id].farmer_id)
    elif isinstance(command, VerifyDelivery | ReverseLock) and command.lock_utid in state.locks:
        lock = state.locks[command.lock_utid]
        unit_id = lock.unit_id
        others.update((lock.trader_id, lock.farmer_id))
    elif isinstance(command, WriteOff | StorageFee) and command.lot_id in state.lots:
        others.add(state.lots[command.lot_id].trader_id)
    elif isinstance(command, FormBlock):
        others.add(command.trader_id)
    elif isinstance(command, Purchase | WriteOffBlock) and command.block_id in state.blocks:
        others.add(state.blocks[command.block_id].trader_id)
    elif (
        isinstance(command, CancelPurchase | ConfirmPickup | ExpirePurchase)
        and command.purchase_utid in state.sales
    ):
        sale = state.sales[command.purchase_utid]
        others.update((sale.buyer_id, sale.trader_id))
    elif (
        isinstance(command, AnswerOffer | WithdrawOffer | ExpireOffer) and command.offer_utid in state.offers
    ):
        offer = state.offers[command.offer_utid]
        unit_id = offer.unit_id
        others.update((offer.trader_id, offer.farmer_id))
    elif isinstance(command, CancelListing | RemoveListing) and command.listing_id in state.listings:
        listing = state.listings[command.listing_id]
        others.add(listing.farmer_id)
        yield from (Scope("unit", str(one)) for one in listing.unit_ids)
    elif isinstance(command, Payout | AccountAct) and command.account in state.users_by_alias:
        others.add(state.users_by_alias[command.account])
    for user_id in others:
        if user_id in state.users:
            yield account(state.users[user_id].alias)
    if unit_id is not None:
        yield Scope("unit", str(unit_id))


def authorise(act: Act, state: State) -> User:
    """The acting account, when it is active, in the role that the command asks for, and its session current."""
    actor = state.users.get(act.actor_id)
    if actor is None:
        raise Refusal("unauthenticated", "Sign in again.")
    if act.session_generation is not None and act.session_generation != actor.session_generation:
        raise Refusal("session-expired", "Your session has ended. Sign in again.")
    awaited = "invited" if isinstance(act.command, ActivateUser) else "active"
    if actor.status != awaited and not (awaited == "invited" and actor.status == "active"):
        raise Refusal("account-not-active", "This account is not active. Ask the market's admin.")
    if actor.role not in act.command.roles:
        wanted = act.command.roles
        code, detail = _ROLE_REFUSED.get(
            next(iter(wanted)) if len(wanted) == 1 else "",
            ("invalid-role", "Your role may not do this."),
        )
        raise Refusal(code, detail)
    return actor


def free_alias(database: Database, role: str) -> str:
    """A new alias for an account of `role`: three letters of the role and six random characters."""
    for _ in range(100):
        drawn = [f"{ROLE_LETTERS[role]}_{base36(6)}" for _ in range(4)]
        free = [alias for alias in drawn if alias not in taken_aliases(database, drawn)]
        if free:
            return free[0]
    raise RuntimeError("no free alias in a hundred draws; the random source is broken")


_PURE: dict[type[Command], Callable[..., Decision]] = {
    ActivateUser: users.activate,
    CreateListing: listings.create,
    Deposit: ledgers.deposit,
    PayToLock: locks.pay_to_lock,
    VerifyDelivery: deliveries.verify,
    CureVerification: deliveries.verify,
    ReverseLock: deliveries.reverse,
    CureReversal: deliveries.reverse,
    WriteOff: inventory.write_off,
    Correct: ledgers.correct,
    FormBlock: inventory.form_block,
    StorageFee: inventory.storage_fee,
    Purchase: purchases.purchase,
    CancelPurchase: purchases.cancel,
    ConfirmPickup: purchases.confirm_pickup,
    ExpirePurchase: purchases.expire,
    WriteOffBlock: inventory.write_off_block,
    MakeOffer: offers.make,
    AnswerOffer: offers.answer,
    WithdrawOffer: offers.withdraw,
    ExpireOffer: offers.expire,
    CancelListing: cancelling.cancel,
    RemoveListing: cancelling.remove,
    Withdraw: ledgers.withdraw,
    Payout: ledgers.payout,
    SendNotice: notices.send,
    SuspendUser: users.suspend,
    UnsuspendUser: users.unsuspend,
    EndSessions: users.end_sessions,
    IssueReset: users.issue_reset,
    ResetSecondFactor: users.reset_second_factor,
    ResetPassword: users.own_sessions_end,
    ChangePassword: users.own_sessions_end,
    SetPhase: users.set_phase,
    Reconcile: reconciliation.begin,
    ReconcilePart: reconciliation.fill,
    ExplainPayment: explaining.explain,
    WaiveUnrecovered: ledgers.waive,
}


def decide(act: Act, database: Database, state: State, context: Context, *, data: Path) -> Decision:
    """The command's own rules, after everything before them has passed."""
    pace.check(state, actor_id=act.actor_id, command=act.command.name, at=context.at)
    command = act.command
    if isinstance(command, Cure):
        reasons.checked(command.reason)
    if isinstance(command, InviteUser):
        role = command.role if command.role in ROLE_LETTERS else "buyer"
        decision = users.invite(command, state, context, alias=free_alias(database, role))
    elif isinstance(command, Acknowledge):
        decision = acknowledge(command, database, state, context)
    elif isinstance(command, Repair):
        decision = repair(command, database, state, context)
    elif isinstance(command, RestoreDefences):
        decision = restore(command, database, context, data=data)
    elif isinstance(command, RestoreState):
        subject = replay_row(database, command.table_name, command.row_key)
        decision = Decision(utid=context.utid, subject=subject, decision="restored")
        decision.answer = {"restored": f"{command.table_name} {command.row_key}"}
    elif isinstance(command, ChangeRole):
        held = holdings(database, state.by_alias(command.account))
        decision = users.change_role(command, state, context, held=held)
    elif isinstance(command, DeleteUser):
        held = holdings(database, state.by_alias(command.account))
        decision = users.delete(command, state, context, held=held)
    elif isinstance(command, RecordFlip):
        decision = Decision(
            utid=context.utid,
            subject=f"{command.switch} {command.hold}",
            reason=command.reason,
            decision=command.action,
        )
    else:
        decision = _PURE[type(command)](command, state, context)
    if command.by_authority:
        decision.reason = f"authority:{command.by_authority}"
    if command.is_admin_action and context.actor.role != "system":
        reason = decision.reason or str(getattr(command, "reason", ""))
        decision.reason = reason
        decision.add(
            state,
            "admin_actions",
            actor_id=context.actor.id,
            action=command.name,
            subject=decision.subject or context.actor.alias,
            target_utid=decision.target_utid,
            reason=reason,
            at=context.at,
        )
    pace.count(state, actor_id=act.actor_id, command=command.name, at=context.at)
    return decision
