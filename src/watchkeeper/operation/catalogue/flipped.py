"""Whether a flip of a switch was somebody's to make, by the gate's own record of it (catalogue, Switches)."""

from __future__ import annotations

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gate import Hold, Switch
from watchkeeper.operation.catalogue import utids
from watchkeeper.operation.catalogue.context import Context, Found
from watchkeeper.operation.catalogue.people import People, Standing
from watchkeeper.operation.catalogue.policy import ADMIN_OR_OPERATOR, OPERATOR, SYSTEM

_MAY_FLIP = {
    Switch.PILOT_MODE: ADMIN_OR_OPERATOR,
    Switch.PURCHASE_WINDOW: ADMIN_OR_OPERATOR,
    Switch.SHUTDOWN: OPERATOR,
}
_OWN_HOLD = {"admin": Hold.ADMIN, "operator": Hold.OPERATOR}


def of(context: Context, entry: Found) -> Flip | None:
    """The flip that a journal row records."""
    return context.flip(entry.row["utid"])


def by_the_system(flip: Flip) -> bool:
    """Whether nobody but the system made it. A gate that was made anew from the journal knows a person's flip, written
    down by the system when they could not any more, by its UTID alone.
    """
    return flip.role == SYSTEM and utids.of_the_system(flip.utid)


def stops_by_itself(flip: Flip) -> bool:
    """Whether the documented authority lets the system make this flip: it engages, at set-up, for the stop file, or into
    the safe state. It never releases.
    """
    if flip.action != "engage":
        return False
    return (
        flip.journal_n == 0
        or (flip.switch is Switch.SHUTDOWN and flip.hold is Hold.OPERATOR)
        or (flip.switch is not Switch.SHUTDOWN and flip.hold is Hold.SAFE_STATE)
    )


def refused(context: Context, people: People, entry: Found) -> str | None:
    """Why the policy does not accept the flip that this journal row records; None when it does."""
    flip = of(context, entry)
    if flip is None:
        return "the gate has no such flip"
    if entry.row["decision"] != flip.action:
        return "the gate says that the switch was flipped the other way"
    if flip.role == SYSTEM:
        return None
    user_id = entry.row["actor_id"] if entry.row["actor"] == flip.actor else _id_of(context, flip.actor)
    if user_id is None and context.unsound.keeps("2.1", "users"):
        return None
    who = _standing(people, user_id, flip.journal_n + 1)
    if not who.active(flip.role):
        return f"{flip.actor} was no active {flip.role} when the switch was flipped"
    if flip.role not in _MAY_FLIP[flip.switch]:
        return f"the role {flip.role} does not flip this switch"
    own = _OWN_HOLD[flip.role]
    if flip.hold is not own and not (flip.role == "operator" and flip.action == "release"):
        return "the hold was somebody else's"
    return None


def _id_of(context: Context, alias: str) -> Value:
    row = (
        context.views.database.one("SELECT id FROM watch_users WHERE alias = ?", (alias,))
        if alias.isascii()
        else None
    )
    return None if row is None else row[0]


def _standing(people: People, user_id: Value, number: int) -> Standing:
    found = people.at(user_id, number)
    return found if found.status == "active" else people.acknowledged(user_id, number)
