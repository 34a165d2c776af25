"""What was there before: commands that are asked for again, the pace of an account, UTIDs that are taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import Database
from watchkeeper.market import pace
from watchkeeper.market.commands import (
    Act,
)
from watchkeeper.market.rows import marks, number, text_or_none
from watchkeeper.market.state import (
    Recorded,
    State,
)


def recorded(database: Database, state: State, acts: Sequence[Act]) -> None:
    keyed = [act for act in acts if act.idempotency_key is not None]
    if keyed:
        keys = {str(act.idempotency_key) for act in keyed}
        actors = {act.actor_id for act in keyed}
        commands = {act.command.name for act in keyed}
        rows = database.query(
            "SELECT actor_id, command, idempotency_key, n, utid, body_digest, answer FROM journal "
            f"WHERE idempotency_key IN ({marks(keys)}) AND actor_id IN ({marks(actors)}) "
            f"AND command IN ({marks(commands)})",
            (*keys, *actors, *commands),
        )
        for row in rows:
            state.recorded[(number(row[0]), str(row[1]), str(row[2]))] = Recorded(
                number(row[3]), str(row[4]), text_or_none(row[5]), str(row[6])
            )


def recorded_by_id(database: Database, command_ids: Collection[str]) -> dict[str, Recorded]:
    """What stands in the journal under these internal ids: asked after a COMMIT of unknown outcome."""
    rows = database.query(
        f"SELECT command_id, n, utid, body_digest, answer FROM journal WHERE command_id IN ({marks(command_ids)})",
        tuple(command_ids),
    )
    return {
        str(row[0]): Recorded(number(row[1]), str(row[2]), text_or_none(row[3]), str(row[4])) for row in rows
    }


def paces(database: Database, state: State, acts: Iterable[Act], *, at: Instant) -> None:
    for act in acts:
        limit = pace.BY_COMMAND.get(act.command.name)
        key = (act.actor_id, limit.name) if limit else None
        if limit is None or key is None or key in state.paces:
            continue
        rows = database.query(
            f"SELECT at FROM journal WHERE actor_id = ? AND command IN ({marks(limit.commands)}) AND at > ? "
            "ORDER BY at DESC LIMIT ?",
            (
                act.actor_id,
                *limit.commands,
                at - limit.window_seconds * MICROSECONDS_PER_SECOND,
                limit.accepted_max,
            ),
        )
        state.paces[key] = deque(Instant(number(row[0])) for row in reversed(rows))


def taken_utids(database: Database, utids: Collection[str]) -> set[str]:
    """Which of these UTIDs stand in the journal already."""
    rows = database.query(f"SELECT utid FROM journal WHERE utid IN ({marks(utids)})", tuple(utids))
    return {str(row[0]) for row in rows}
