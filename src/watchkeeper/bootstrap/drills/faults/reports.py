"""A market that reports wrongly of itself from some moment on: what its probes met, and how its rounds go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.curing import turned, turned_in_vain
from watchkeeper.bootstrap.drills.faults.model import Sql

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World
    from watchkeeper.operation.playbooks.runs import Run

_TRUTHFUL = "reports truthfully"


def wrongly(world: World, *statements: str) -> None:
    """After each of the market's self-tests its report is changed so."""
    truthful = world.names.setdefault(_TRUTHFUL, world.self_test)

    def wrong() -> None:
        if callable(truthful):
            truthful()
        world.inject((Sql(statements, store="lease"),))

    world.self_test = wrong


def truthfully(world: World) -> None:
    """It says again what is so."""
    truthful = world.names.pop(_TRUTHFUL, None)
    if callable(truthful):
        world.self_test = truthful


def mended(world: World, run: Run) -> None:
    """The operator turns the feature in vain, has the market mended, and turns it once more."""
    if _TRUTHFUL in world.names:
        turned_in_vain(world, run)
        truthfully(world)
    turned(world, run)
