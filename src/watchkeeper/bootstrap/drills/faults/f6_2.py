"""6.2 exposure is atomic: locks that recorded another exposure than there was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import WALLET, lock
from watchkeeper.market.commands import PayToLock

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World


def _stops(before: int, said: int) -> Stopped:
    """What the trader had at stake before a lock of a thousand shillings, and what the lock says."""
    expected, found = (f'{{"after_ugx":{ugx + 1000},"before_ugx":{ugx}}}' for ugx in (before, said))
    return Stopped("6.2", EVERYTHING, frozenset(["lock"]), says=(expected, found))


def _locked(world: World) -> None:
    world.bench.keep_lease()
    world.bench.one(PayToLock(unit_id=world.free_units.pop()), world.victim)


FAULTS = (
    Fault(
        "lock with its journal row that recorded too little",
        "6.2",
        # A unit that nobody has asked for yet.
        lock(unit="{unit} + 9", price=100, before="exposure_ugx - 1000"),
        (_stops(34_900, 33_900),),
    ),
    Fault(
        "lock through the entrance, after the exposure was lowered",
        "6.2",
        ("UPDATE trader_state SET exposure_ugx = 500 WHERE trader_id = {trader}", _locked),
        (_stops(34_900, 500), Stopped("1.3", ACCOUNT, WALLET)),
    ),
)
