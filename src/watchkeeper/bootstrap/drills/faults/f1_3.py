"""1.3 no balance overwrites: state rows that say something else than the rows that they follow from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import WALLET
from watchkeeper.market.commands import SuspendUser

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_TRADERS = (Stopped("1.3", ACCOUNT, WALLET, seen="whole"),)
#: The neighbour's, so that whose it is cannot be guessed from what comes first.
_NEIGHBOURS = (Stopped("1.3", ACCOUNT, WALLET, key="{neighbour_alias}", seen="whole"),)
_FARMERS = (Stopped("1.3", ACCOUNT, WALLET, key="{neighbour_farmer_alias}", seen="whole"),)


def _suspended(world: World) -> None:
    command = SuspendUser(account=str(world.names["suspended_alias"]), reason="a drill: suspended for good")
    world.bench.one(command, world.bench.market.admin.id)


FAULTS = (
    Fault(
        "exposure lowered",
        "1.3",
        ("UPDATE trader_state SET exposure_ugx = 0 WHERE trader_id = {trader}",),
        _TRADERS,
    ),
    Fault(
        "paid unit set free",
        "1.3",
        ("UPDATE unit_state SET status = 'available', lock_utid = NULL WHERE unit_id = {neighbour_unit}",),
        _FARMERS,
    ),
    Fault(
        "suspended account set active",
        "1.3",
        ("UPDATE user_state SET status = 'active' WHERE user_id = {suspended}",),
        (Stopped("1.3", ACCOUNT, WALLET, key="{suspended_alias}", seen="whole"),),
        before=_suspended,
    ),
    Fault(
        "ended sessions revived",
        "1.3",
        ("UPDATE user_state SET session_generation = session_generation - 1 WHERE user_id = {changed}",),
        (Stopped("1.3", ACCOUNT, WALLET, key="{changed_alias}", seen="whole"),),
    ),
    Fault(
        "paid offer revived",
        "1.3",
        (
            "UPDATE offer_state SET status = 'accepted' WHERE offer_id = "
            "(SELECT id FROM offers WHERE utid = '{neighbour_paid_offer}')",
        ),
        _NEIGHBOURS,
    ),
    Fault(
        "promised block set free",
        "1.3",
        (
            "UPDATE block_state SET status = 'in_storage', purchase_utid = NULL WHERE block_id = {neighbour_promised_block}",
        ),
        _NEIGHBOURS,
    ),
    Fault(
        "state of a unit deleted",
        "1.3",
        # The unit of the lock that was reversed.
        ("DELETE FROM unit_state WHERE unit_id = {neighbour_unit} + 3",),
        _FARMERS,
    ),
)
