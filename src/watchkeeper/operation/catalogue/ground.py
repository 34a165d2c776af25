"""What a cure stands on, by the names of what is watched: states and their facts, positions and their owners."""

from __future__ import annotations

from watchkeeper.operation.catalogue.context import Context

#: State table -> the table of what it is the state of, by the same key.
FACTS = {
    "user_state": "users",
    "trader_state": "users",
    "unit_state": "units",
    "offer_state": "offers",
    "block_state": "blocks",
}
#: Tables that make and end a position that can be unwound, and the column that names it.
POSITIONS = (("locks", "utid"), ("lock_outcomes", "lock_utid"))


def owner(context: Context, position_utid: str) -> str | None:
    """The alias of whoever has such a position; None where there is none."""
    found = context.views.database.one(
        "SELECT u.alias FROM watch_locks l JOIN watch_users u ON u.id = l.trader_id WHERE l.utid = ?",
        (position_utid,),
    )
    return None if found is None else str(found[0])
