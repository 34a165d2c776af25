"""6.2 exposure is atomic: locks that recorded another exposure than there was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import ACCOUNT, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import WALLET, lock
from watchkeeper.market.commands import PayToLock

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_STOPS = (Stopped("6.2", EVERYTHING, frozenset(["lock"])),)


def _locked(world: World) -> None:
    world.bench.keep_lease()
    world.bench.one(PayToLock(unit_id=world.free_units.pop()), world.victim)


FAULTS = (
    Fault(
        "lock with its journal row that recorded too little",
        "6.2",
        # A unit that nobody has asked for yet.
        lock(unit="{unit} + 9", price=100, before="exposure_ugx - 1000"),
        _STOPS,
    ),
    Fault(
        "lock through the entrance, after the exposure was lowered",
        "6.2",
        ("UPDATE trader_state SET exposure_ugx = 500 WHERE trader_id = {trader}", _locked),
        (*_STOPS, Stopped("1.3", ACCOUNT, WALLET)),
    ),
)
