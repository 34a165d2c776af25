"""9.3 storage-fee automation is not half-working: its row switched off, and a lot that the market passes over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills import turning as calendar
from watchkeeper.bootstrap.drills.faults import reports
from watchkeeper.bootstrap.drills.faults.model import EVERYTHING, Fault, Sql, Stopped
from watchkeeper.boundary import turning
from watchkeeper.boundary.features import BY_NAME, STORAGE_FEE
from watchkeeper.market.commands import Act, StorageFee
from watchkeeper.market.execute import Executor, Outcome
from watchkeeper.market.refusals import Refusal

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World
    from watchkeeper.operation.playbooks.runs import Run

_REASON = "a drill: the lot that was passed over is found"
_STOPS = (Stopped("9.3", EVERYTHING, frozenset(["storage_fee"]), seen="new"),)
#: After so long every lot of the business has been in store for a whole day that pilot mode was off in, from its set-up on.
_A_DAY_IN_STORE_HOURS = 40
_TICKS = 3


class _PassesOver(Executor):
    """A market with a mistake in it: it says of one lot that nothing is due, and goes on."""

    lot_id = 0

    def run(self, acts: Sequence[Act]) -> list[Outcome]:
        outcomes = iter(super().run([act for act in acts if not self._passed(act)]))
        return [
            Refusal("nothing-due", "Nothing is due.") if self._passed(act) else next(outcomes) for act in acts
        ]

    def _passed(self, act: Act) -> bool:
        return isinstance(act.command, StorageFee) and act.command.lot_id == self.lot_id


def _executor(world: World, kind: type[Executor]) -> Executor:
    world.bench.executor.close()
    world.bench.executor = kind(
        world.data, system_id=world.system_id, clock=world.clock, lease=world.bench.lease
    )
    return world.bench.executor


def _a_lot_is_passed_over(world: World) -> None:
    made = _executor(world, _PassesOver)
    if isinstance(made, _PassesOver):
        made.lot_id = int(str(world.names["stored_lot"]))
    if isinstance(world.clock, calendar.TurnedClock):
        world.clock.offset += _A_DAY_IN_STORE_HOURS * calendar.HOUR
    for _ in range(_TICKS):
        world.tick()


def _mended(world: World, _: Run) -> None:
    """The operator turns the feature off, has the market mended, and turns it on again."""
    for on in (False, True):
        turning.turn(
            world.gatefile,
            BY_NAME[STORAGE_FEE],
            on=on,
            actor=world.operator.alias,
            reason=_REASON,
            clock=world.clock,
        )
        _executor(world, Executor)
        world.turn()


def _round(works: str, settled: str) -> str:
    """The round has been at work without a rest, and last left nothing undone, since these moments."""
    return (
        f"UPDATE job_turns SET working_since_ns = {works}, settled_ns = {settled} "
        "WHERE job = 'storage fee' AND state = 'works'"
    )


#: In nanoseconds. A few more than a round over no lots may take, and fewer than one over the lots of the business may.
_ALLOWED = "(SELECT boot_ns FROM probe_rounds) - 302000000000"
#: Longer than a round over them may take.
_TOO_LONG_AGO = "(SELECT boot_ns FROM probe_rounds) - 400000000000"


def _rounds_that_end(world: World) -> None:
    """A long round that is not too long, and rounds one after the other that each come to their end."""
    for statement in (_round(_ALLOWED, _ALLOWED), _round(_TOO_LONG_AGO, "settled_ns")):
        reports.wrongly(world, statement)
        world.turn()
    reports.truthfully(world)


def _a_round_has_no_end(world: World) -> None:
    reports.wrongly(world, _round(_TOO_LONG_AGO, _TOO_LONG_AGO))


FAULTS = (
    Fault(
        "the deduction's row switched off past the operator",
        "9.3",
        (Sql(("UPDATE features SET enabled = 0 WHERE command = 'storage_fee'",), store="gate"),),
        _STOPS,
        spoils=frozenset(["storage fee"]),
    ),
    Fault(
        "a due day of one lot is passed over",
        "9.3",
        (_a_lot_is_passed_over,),
        _STOPS,
        cure=_mended,
        # Offers end after a day, whoever passes over what.
        spoils=frozenset(["storage fee", "answer", "offer's end"]),
    ),
    Fault(
        "a round that comes to no end",
        "9.3",
        (_a_round_has_no_end,),
        _STOPS,
        cure=reports.mended,
        before=_rounds_that_end,
    ),
)
