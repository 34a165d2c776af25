"""Writing off a lot (domain, Exposure). Pure."""

from __future__ import annotations

from dataclasses import replace

from watchkeeper.market import reasons
from watchkeeper.market.commands import WriteOff
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import State


def write_off(command: WriteOff, state: State, context: Context) -> Decision:
    """End the position in a lot; no money moves, the exposure falls by the lot's cost."""
    reason = reasons.checked(command.reason)
    lot = state.lot(command.lot_id)
    if lot.written_off:
        raise Refusal("already-written-off", "This lot is written off already.")
    decision = Decision(
        utid=context.utid,
        subject=f"lot {lot.id}",
        target_utid=lot.utid,
        reason=reason,
        amount_ugx=lot.cost_ugx,
    )
    decision.add(state, "write_offs", lot_id=lot.id, cost_ugx=lot.cost_ugx, at=context.at)
    wallet = state.wallet(lot.trader_id)
    state.set_wallet(replace(wallet, exposure_ugx=max(0, wallet.exposure_ugx - lot.cost_ugx)))
    state.lots[lot.id] = replace(lot, written_off=True)
    decision.answer = {"lot_id": lot.id, "cost_ugx": lot.cost_ugx}
    return decision
