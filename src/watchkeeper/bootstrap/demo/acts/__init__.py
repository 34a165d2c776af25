"""All that is done on a market day, as a table: what it is called, how often its turn comes, how often it may be.

Each act is a function of the floor that does one thing and says whether there was anything to do. What the market limits keeps
to the market's limits by itself; `often` is for acts that are rare on any market.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from watchkeeper.base.clock import SECONDS_PER_HOUR
from watchkeeper.bootstrap.demo.acts import goods, money, office, trade
from watchkeeper.bootstrap.demo.floor import Floor
from watchkeeper.bootstrap.demo.pace import Often


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of act."""

    name: str
    weight: int
    play: Callable[[Floor], bool]
    often: Often | None = None


#: Changes of roles and flips stay under what the watch finds too many; the others are as rare.
_RARE = Often(burst=2, refill=2)
_FEW_A_DAY = Often(burst=1, refill=3, window_seconds=24 * SECONDS_PER_HOUR)

KINDS = (
    Kind("listings", 3, trade.list_produce),
    Kind("listings taken back", 1, trade.cancel_listing, _RARE),
    Kind("listings removed", 1, trade.remove_listing, goods.LOSS),
    Kind("offers", 3, trade.offer),
    Kind("offers accepted", 2, trade.accept_offer),
    Kind("offers rejected", 1, trade.reject_offer),
    Kind("offers countered", 1, trade.counter_offer),
    Kind("counters accepted", 1, trade.accept_counter),
    Kind("counters rejected", 1, trade.reject_counter),
    Kind("offers withdrawn", 1, trade.withdraw_offer, _RARE),
    Kind("locks", 8, trade.lock),
    Kind("locks by an offer", 3, trade.lock_by_offer),
    Kind("delivered", 10, goods.delivered),
    Kind("late", 1, goods.late, _RARE),
    Kind("cancelled", 1, goods.cancelled, _RARE),
    Kind("accepted late", 1, goods.accepted_late),
    Kind("reversals", 2, goods.reverse),
    Kind("lots written off", 1, goods.write_off_lot, goods.LOSS),
    Kind(goods.BLOCK_LOSS, 1, goods.write_off_block, goods.LOSS),
    Kind("purchases", 3, goods.buy),
    Kind("purchases cancelled", 1, goods.cancel_purchase, _RARE),
    Kind("pickups", 3, goods.pick_up),
    Kind("purchases expired", 1, goods.expire_purchase),
    Kind("deposits", 2, money.deposit),
    Kind("withdrawals", 1, money.take_profit),
    Kind("payouts", 1, money.pay_out),
    Kind("reconciliations", 1, money.reconcile, _RARE),
    Kind("windows closed", 1, office.close_window, _FEW_A_DAY),
    Kind("windows opened", 3, office.open_window),
    Kind("notices", 1, office.send_notice, _RARE),
    Kind("notices read", 1, office.read_notice),
    Kind("guests", 1, office.invite, _RARE),
    Kind("role changes", 1, office.change_role, _RARE),
    Kind("suspensions", 1, office.suspend, _RARE),
    Kind("suspensions lifted", 1, office.unsuspend),
    Kind("sessions ended", 1, office.end_sessions, _RARE),
    Kind("passwords reset", 1, office.reset_password, _RARE),
    Kind("passwords changed", 1, office.change_password, _RARE),
    Kind("guests gone", 1, office.delete),
    Kind("looks", 4, office.look),
    Kind("looks at boards", 1, office.look_at_boards),
)
