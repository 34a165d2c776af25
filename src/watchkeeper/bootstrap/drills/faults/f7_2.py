"""7.2 the closed window stops purchases: one that came all the same, without and with a journal row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import OF_AN_ACCOUNT, journal_row
from watchkeeper.boundary.gate import Switch

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_UTID = "'20261124-120000-buy-zzzzzz'"
_BOUGHT = (
    "INSERT INTO purchases (id, utid, block_id, buyer_id, trader_id, grams, at, deadline_at) "
    f"SELECT max(p.id) + 1, {_UTID}, {{block}}, {{buyer}}, {{trader}}, 100000, max(p.at), max(p.deadline_at) "
    "FROM purchases p"
)
_PROMISED = (
    f"UPDATE block_state SET status = 'awaiting_pickup', purchase_utid = {_UTID} WHERE block_id = {{block}}"
)
_STOPS = Stopped("7.2", EVERYTHING, frozenset(["purchase"]))
#: The window itself refuses purchases, before and after; and the block is gone.
_SPOILS = frozenset(["purchase"])


def _closed(world: World) -> None:
    world.flip(Switch.PURCHASE_WINDOW, "engage")


FAULTS = (
    Fault(
        "purchase while the window is closed",
        "7.2",
        (_BOUGHT, _PROMISED),
        (
            Stopped("7.2", EVERYTHING, frozenset(["purchase"]), seen="new"),
            Stopped("2.3", ACCOUNT, OF_AN_ACCOUNT, seen="new"),
        ),
        before=_closed,
        spoils=_SPOILS,
    ),
    Fault(
        "purchase with a forged journal row while the window is closed",
        "7.2",
        (
            _BOUGHT,
            *journal_row(
                utid=_UTID,
                command="purchase",
                actor_id="{buyer}",
                actor="{buyer_alias}",
                role="buyer",
                subject="{buyer_alias}",
                target="(SELECT utid FROM blocks WHERE id = {block})",
            ),
            _PROMISED,
        ),
        (_STOPS,),
        before=_closed,
        spoils=_SPOILS,
    ),
)
