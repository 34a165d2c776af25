"""Every movement of a balance, as one ledger row each (domain, Ledgers). Pure."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.base import disclosure
from watchkeeper.base.money import AMOUNT_UGX_MAX, NotAnAmount, amount_ugx
from watchkeeper.market import reasons
from watchkeeper.market.commands import Correct, Deposit, Payout, WaiveUnrecovered, Withdraw
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.ledgers.buckets import balances
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import State, User

PROVIDERS = ("airtel", "bank", "cash", "mtn")
REFERENCE_LENGTH_MAX = 64
DEPOSIT_UGX_MAX = 100_000_000


def post(
    decision: Decision,
    state: State,
    context: Context,
    *,
    trader_id: int,
    type: str,
    amount_ugx: int,
    capital: int = 0,
    locked: int = 0,
    profit: int = 0,
    provider: str | None = None,
    external_ref: str | None = None,
    incident: str | None = None,
) -> None:
    """One row in a trader's wallet ledger; `capital`, `locked`, `profit` are the signed changes in UGX.

    Raises `Refusal` insufficient-capital when a balance would fall below zero.
    """
    wallet = state.wallet(trader_id)
    after = replace(
        wallet,
        number=wallet.number + 1,
        capital_ugx=wallet.capital_ugx + capital,
        locked_ugx=wallet.locked_ugx + locked,
        profit_ugx=wallet.profit_ugx + profit,
    )
    if min(after.capital_ugx, after.locked_ugx, after.profit_ugx) < 0:
        raise Refusal("insufficient-capital", "There is not enough in the wallet for this.")
    decision.add(
        state,
        "wallet_ledger",
        trader_id=trader_id,
        number=after.number,
        type=type,
        amount_ugx=amount_ugx,
        capital_after=after.capital_ugx,
        locked_after=after.locked_ugx,
        profit_after=after.profit_ugx,
        provider=provider,
        external_ref=external_ref,
        incident=incident,
        at=context.at,
    )
    state.set_wallet(after)


def credit_farmer(
    decision: Decision,
    state: State,
    context: Context,
    *,
    farmer_id: int,
    type: str,
    amount_ugx: int,
    incident: str | None = None,
) -> None:
    """One row in a farmer's ledger, in UGX; a payout takes its amount away, a correction's amount is signed."""
    earnings = state.farmer_earnings(farmer_id)
    change = -amount_ugx if type == "payout" else amount_ugx
    after = replace(earnings, number=earnings.number + 1, balance_ugx=earnings.balance_ugx + change)
    if after.balance_ugx < 0:
        raise Refusal("insufficient-earnings", "This farmer has not that much to be paid. Look at the list.")
    decision.add(
        state,
        "farmer_ledger",
        farmer_id=farmer_id,
        number=after.number,
        type=type,
        amount_ugx=amount_ugx,
        balance_after=after.balance_ugx,
        incident=incident,
        at=context.at,
    )
    state.set_earnings(after)


def deposit(command: Deposit, state: State, context: Context) -> Decision:
    """Capital comes in from outside, once per provider and reference."""
    amount = _amount(command)
    if amount > DEPOSIT_UGX_MAX:
        raise Refusal(
            "validation-failed", f"One deposit is at most {DEPOSIT_UGX_MAX:,} shillings.", field="amount_ugx"
        )
    reference = _reference(command, state)
    decision = Decision(utid=context.utid, subject=context.actor.alias, amount_ugx=amount)
    post(
        decision,
        state,
        context,
        trader_id=context.actor.id,
        type="capital_deposit",
        amount_ugx=amount,
        capital=amount,
        provider=command.provider,
        external_ref=reference,
    )
    state.references.add((command.provider, reference))
    wallet = state.wallet(context.actor.id)
    decision.answer = {"amount_ugx": amount, "capital_ugx": wallet.capital_ugx}
    return decision


def withdraw(command: Withdraw, state: State, context: Context) -> Decision:
    """Profit goes out to the trader; capital never does."""
    amount = _amount(command)
    reference = _reference(command, state)
    if state.wallet(context.actor.id).profit_ugx < amount:
        raise Refusal("insufficient-profit", "Only profit can be withdrawn, and there is not that much.")
    decision = Decision(utid=context.utid, subject=context.actor.alias, amount_ugx=amount)
    post(
        decision,
        state,
        context,
        trader_id=context.actor.id,
        type="profit_withdrawal",
        amount_ugx=amount,
        profit=-amount,
        provider=command.provider,
        external_ref=reference,
    )
    state.references.add((command.provider, reference))
    decision.answer = {"amount_ugx": amount, "profit_ugx": state.wallet(context.actor.id).profit_ugx}
    return decision


def payout(command: Payout, state: State, context: Context) -> Decision:
    """A farmer was paid, outside: at most what was earned."""
    reason = reasons.checked(command.reason)
    amount = _amount(command)
    reference = _reference(command, state)
    farmer = state.by_alias(command.account)
    if farmer.role != "farmer":
        raise Refusal("user-not-found", "There is no farmer of that alias.")
    if state.farmer_earnings(farmer.id).balance_ugx < amount:
        raise Refusal("insufficient-earnings", "This farmer has not that much to be paid. Look at the list.")
    decision = Decision(utid=context.utid, subject=farmer.alias, reason=reason, amount_ugx=amount)
    decision.add(
        state,
        "payouts",
        farmer_id=farmer.id,
        amount_ugx=amount,
        provider=command.provider,
        external_ref=reference,
        at=context.at,
    )
    credit_farmer(decision, state, context, farmer_id=farmer.id, type="payout", amount_ugx=amount)
    state.references.add((command.provider, reference))
    decision.answer = {
        "account": farmer.alias,
        "amount_ugx": amount,
        "earnings_ugx": state.farmer_earnings(farmer.id).balance_ugx,
    }
    return decision


def _amount(command: Deposit | Withdraw | Payout) -> int:
    try:
        return amount_ugx(command.amount_ugx)
    except NotAnAmount as error:
        raise Refusal("validation-failed", str(error), field="amount_ugx") from error


def _reference(command: Deposit | Withdraw | Payout, state: State) -> str:
    reference = plain_reference(command.provider, command.external_ref)
    require_unused(state, command.provider, reference)
    return reference


def plain_reference(provider: str, external_ref: str) -> str:
    """A provider's reference, trimmed; `Refusal` validation-failed when it can be none."""
    if provider not in PROVIDERS:
        raise Refusal("validation-failed", f"A provider is one of {', '.join(PROVIDERS)}.", field="provider")
    reference = external_ref.strip()
    if (
        not 0 < len(reference) <= REFERENCE_LENGTH_MAX
        or not reference.isascii()
        or not reference.isprintable()
    ):
        raise Refusal(
            "validation-failed",
            f"Give the provider's reference in 1 to {REFERENCE_LENGTH_MAX} plain characters.",
            field="external_ref",
        )
    if disclosure.holds_mail(reference):
        raise Refusal(
            "validation-failed",
            "This is an e-mail address, and a reference is kept for ever. Give the number of the provider's message.",
            field="external_ref",
        )
    return reference


def require_unused(state: State, provider: str, reference: str) -> None:
    """A reference counts once over all that comes in and goes out; `Refusal` reference-already-used."""
    if (provider, reference) in state.references:
        raise Refusal(
            "reference-already-used",
            "This payment is in the books already. Check the reference on the provider's message.",
            field="external_ref",
        )


def correct(command: Correct, state: State, context: Context) -> Decision:
    """Move one balance against suspense, by the operator, for a finding and an incident."""
    owner = state.by_alias(command.account)
    decision = Decision(utid=context.utid, subject=owner.alias)
    move(
        decision,
        state,
        context,
        owner=owner,
        bucket=command.bucket,
        amount_ugx=command.amount_ugx,
        finding=command.finding,
        incident=command.incident,
    )
    return decision


def move(
    decision: Decision,
    state: State,
    context: Context,
    *,
    owner: User,
    bucket: str,
    amount_ugx: int,
    finding: str,
    incident: str,
) -> None:
    """A correction by a signed amount: it takes at most what is there, and the rest stays with the finding as unrecovered."""
    before = _balances(state, owner)
    if bucket not in before:
        raise Refusal(
            "validation-failed",
            "A trader has capital, locked and profit; a farmer has earnings.",
            field="bucket",
        )
    if not 0 < abs(amount_ugx) <= AMOUNT_UGX_MAX:
        raise Refusal("validation-failed", "A correction of nothing corrects nothing.", field="amount_ugx")
    moved = max(amount_ugx, -before[bucket])
    # An amount of nothing writes no entry.
    if moved and bucket == "earnings":
        credit_farmer(
            decision,
            state,
            context,
            farmer_id=owner.id,
            type="correction",
            amount_ugx=moved,
            incident=incident,
        )
    elif moved:
        post(
            decision,
            state,
            context,
            trader_id=owner.id,
            type=f"{bucket}_correction",
            amount_ugx=moved,
            incident=incident,
            capital=moved if bucket == "capital" else 0,
            locked=moved if bucket == "locked" else 0,
            profit=moved if bucket == "profit" else 0,
        )
    if moved != amount_ugx:
        decision.add(
            state,
            "unrecovered",
            finding=finding,
            incident=incident,
            account=owner.alias,
            amount_ugx=moved - amount_ugx,
            at=context.at,
        )
        state.unrecovered[context.utid] = (moved - amount_ugx, False)
    decision.amount_ugx = moved
    decision.answer |= {f"{name}_ugx": balance for name, balance in _balances(state, owner).items()}
    decision.answer["unrecovered_ugx"] = moved - amount_ugx


def _balances(state: State, owner: User) -> dict[str, int]:
    return balances(owner.role, state.wallet(owner.id), state.farmer_earnings(owner.id))


def waive(command: WaiveUnrecovered, state: State, context: Context) -> Decision:
    """Give up what a correction could not take, once; no balance moves."""
    reason = reasons.checked(command.reason)
    known = state.unrecovered.get(command.correction_utid)
    if known is None:
        raise Refusal("unrecovered-not-found", "This act left nothing unrecovered.")
    amount_ugx, waived = known
    if waived:
        raise Refusal("already-waived", "This was waived already.")
    state.unrecovered[command.correction_utid] = (amount_ugx, True)
    decision = Decision(
        utid=context.utid,
        subject=command.correction_utid,
        target_utid=command.correction_utid,
        reason=reason,
        amount_ugx=amount_ugx,
    )
    decision.answer = {"waived": command.correction_utid, "amount_ugx": amount_ugx}
    return decision
