"""The names of acts: a UTID for each, free in its batch and in the books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchkeeper.base import utid as utids
from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.market.commands import Act, RecordFlip
from watchkeeper.market.load.before import taken_utids
from watchkeeper.market.state import User


def draw(database: Database, acts: Sequence[Act], users: Mapping[int, User], *, at: Instant) -> list[str]:
    """A UTID for each act, in their order; a flip has brought its own."""
    drawn: list[str] = []
    batch: set[str] = set()
    for act in acts:
        if isinstance(act.command, RecordFlip):
            drawn.append(act.command.flip_utid)
            continue
        drawn.append(utids.draw(role=_role(act, users), at=at, taken=batch.__contains__))
        batch.add(drawn[-1])
    taken = taken_utids(database, batch) if batch else set[str]()
    for index, name in enumerate(drawn):
        if name in taken:
            drawn[index] = utids.draw(
                role=_role(acts[index], users),
                at=at,
                taken=lambda text: text in batch or bool(taken_utids(database, {text})),
            )
            batch.add(drawn[index])
    return drawn


def _role(act: Act, users: Mapping[int, User]) -> str:
    actor = users.get(act.actor_id)
    return "system" if actor is None else actor.role
