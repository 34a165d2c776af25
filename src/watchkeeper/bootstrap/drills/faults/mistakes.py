"""A market with a mistake in it: one act through the entrance, of which it writes other rows than its rules decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from watchkeeper.base.database import Database
from watchkeeper.market.commands import Act, Command
from watchkeeper.market.decision import Context, Decision, Row
from watchkeeper.market.execute import Executor
from watchkeeper.market.state import State

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

#: Changes what was decided before it is written; the journal's digest is that of what is written.
Mistake = Callable[[Decision], None]


class _Mistaken(Executor):
    mistake: Mistake

    def _decided(self, act: Act, database: Database, state: State, context: Context) -> Decision:
        decision = super()._decided(act, database, state, context)
        self.mistake(decision)
        return decision


def act(world: World, command: Command, actor_id: int, mistake: Mistake) -> None:
    """Have the market do this with a mistake, and be itself again afterwards; raises `Refusal`."""
    bench = world.bench
    bench.keep_lease()
    sound = bench.executor
    bench.executor = mistaken = _Mistaken(
        world.data, system_id=world.system_id, clock=world.clock, lease=bench.lease
    )
    mistaken.mistake = mistake
    try:
        bench.one(command, actor_id)
    finally:
        bench.executor = sound
        mistaken.close()


def rows(decision: Decision, table: str) -> list[Row]:
    """The rows that were decided for one table."""
    return [row for name, row in decision.rows if name == table]


def more(row: Row, **changes: int) -> None:
    """Add these amounts to a row's columns."""
    for column, amount in changes.items():
        row[column] = int(str(row[column])) + amount
