"""Buying a block, and the three ways in which a purchase ends (domain, Inventory, storage fee, purchase). Pure.

Nothing that a buyer is answered holds money: what a block brings is the trader's and the admin's to know.
"""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.base.clock import later
from watchkeeper.base.money import NotAnAmount, amount_ugx
from watchkeeper.market import reasons
from watchkeeper.market.commands import CancelPurchase, ConfirmPickup, ExpirePurchase, Purchase
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.inventory.rules import standing
from watchkeeper.market.ledgers.rules import plain_reference, post, require_unused
from watchkeeper.market.listings import naming
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import Block, Sale, State

PICKUP_SECONDS = 48 * 3600
#: An admin's list shows a purchase from so long before its deadline.
FLAGGED_SECONDS = 12 * 3600


def purchase(command: Purchase, state: State, context: Context) -> Decision:
    """The first buyer gets the whole block at what it weighs now, and 48 hours to fetch it."""
    block = state.block(command.block_id)
    grams = sum(lot.grams_left for lot in standing(block, state))
    if block.status != "in_storage" or grams <= 0:
        raise Refusal("inventory-not-available", "This block is not to be had any more. Choose another.")
    deadline = later(context.at, seconds=PICKUP_SECONDS)
    decision = Decision(utid=context.utid, subject=f"block {block.id}", target_utid=block.utid)
    decision.add(
        state,
        "purchases",
        block_id=block.id,
        buyer_id=context.actor.id,
        trader_id=block.trader_id,
        grams=grams,
        at=context.at,
        deadline_at=deadline,
    )
    state.sales[context.utid] = Sale(
        context.utid, block.id, context.actor.id, block.trader_id, grams, context.at, deadline
    )
    state.set_block(
        replace(
            block,
            status="awaiting_pickup",
            purchase_utid=context.utid,
            awaiting=(*block.awaiting, (context.at, None)),
        )
    )
    decision.answer = {
        "block_id": block.id,
        "produce": naming.for_a_buyer(block.produce),
        "grams": grams,
        "deadline_at": deadline,
    }
    return decision


def cancel(command: CancelPurchase, state: State, context: Context) -> Decision:
    """The buyer gives the block back before the deadline."""
    sale = state.sale(command.purchase_utid)
    if sale.buyer_id != context.actor.id:
        raise Refusal("purchase-not-found", "There is no such purchase.")
    _must_be_pending(sale)
    if context.at >= sale.deadline_at:
        raise Refusal("deadline-passed", "The deadline has passed; an admin decides about this purchase now.")
    return _returned(sale, state, context, outcome="cancelled", reason=None)


def expire(command: ExpirePurchase, state: State, context: Context) -> Decision:
    """An admin ends a purchase that nobody fetched until its deadline."""
    reason = reasons.checked(command.reason)
    sale = state.sale(command.purchase_utid)
    _must_be_pending(sale)
    if context.at <= sale.deadline_at:
        raise Refusal("deadline-not-passed", "The buyer still has time. Wait for the deadline.")
    return _returned(sale, state, context, outcome="expired", reason=reason)


def confirm_pickup(command: ConfirmPickup, state: State, context: Context) -> Decision:
    """The goods are handed over and paid for: cost returns as capital, what is more is profit, the position ends."""
    reason = reasons.checked(command.reason)
    try:
        proceeds = amount_ugx(command.proceeds_ugx)
    except NotAnAmount as error:
        raise Refusal("validation-failed", str(error), field="proceeds_ugx") from error
    reference = plain_reference(command.provider, command.external_ref)
    sale = state.sale(command.purchase_utid)
    _must_be_pending(sale)
    require_unused(state, command.provider, reference)
    block = state.block(sale.block_id)
    cost = sum(lot.cost_ugx for lot in standing(block, state))
    returned, profit = min(proceeds, cost), max(0, proceeds - cost)
    decision = _ended(sale, state, context, outcome="picked_up", reason=reason)
    decision.amount_ugx = proceeds
    decision.add(
        state,
        "pickups",
        purchase_utid=sale.utid,
        trader_id=sale.trader_id,
        proceeds_ugx=proceeds,
        cost_ugx=cost,
        sale_return_ugx=returned,
        profit_credit_ugx=profit,
        provider=command.provider,
        external_ref=reference,
        at=context.at,
    )
    for type, amount, capital, gain in (
        ("sale_return", returned, returned, 0),
        ("profit_credit", profit, 0, profit),
    ):
        if amount:
            post(
                decision,
                state,
                context,
                trader_id=sale.trader_id,
                type=type,
                amount_ugx=amount,
                capital=capital,
                profit=gain,
            )
    wallet = state.wallet(sale.trader_id)
    state.set_wallet(replace(wallet, exposure_ugx=max(0, wallet.exposure_ugx - cost)))
    state.references.add((command.provider, reference))
    state.set_block(replace(_closed(block, context), status="picked_up"))
    decision.answer = {
        "purchase": sale.utid,
        "outcome": "picked_up",
        "proceeds_ugx": proceeds,
        "sale_return_ugx": returned,
        "profit_credit_ugx": profit,
    }
    return decision


def _must_be_pending(sale: Sale) -> None:
    if sale.outcome is not None:
        raise Refusal("already-ended", "This purchase has ended already.")


def _ended(sale: Sale, state: State, context: Context, *, outcome: str, reason: str | None) -> Decision:
    decision = Decision(
        utid=context.utid,
        decision=outcome,
        subject=f"block {sale.block_id}",
        target_utid=sale.utid,
        reason=reason,
    )
    decision.add(state, "purchase_outcomes", purchase_utid=sale.utid, outcome=outcome, at=context.at)
    state.sales[sale.utid] = replace(sale, outcome=outcome)
    return decision


def _returned(sale: Sale, state: State, context: Context, *, outcome: str, reason: str | None) -> Decision:
    decision = _ended(sale, state, context, outcome=outcome, reason=reason)
    block = _closed(state.block(sale.block_id), context)
    state.set_block(replace(block, status="in_storage", purchase_utid=None))
    decision.answer = {"purchase": sale.utid, "outcome": outcome}
    return decision


def _closed(block: Block, context: Context) -> Block:
    """The block, awaiting nothing from now on."""
    begin, _ = block.awaiting[-1]
    return replace(block, awaiting=(*block.awaiting[:-1], (begin, context.at)))
