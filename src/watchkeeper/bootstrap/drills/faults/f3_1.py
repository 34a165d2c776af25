"""3.1 nobody changes their own role: roles that were not given as roles are, with the state and the journal to match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills import curing
from watchkeeper.bootstrap.drills.faults.model import COMMAND, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import ADMIN, STOPPABLE, journal_row, logged
from watchkeeper.market.commands import ChangeRole, SuspendUser

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_UTID = "'20261124-120000-adm-zzzzzz'"
_ROLES_STOP = Stopped("3.1", EVERYTHING, frozenset(["accounts"]))
_COMMAND_STOPS = Stopped("2.1", COMMAND, STOPPABLE, key="change_role")
_WHY = "as the forger would have it"


def _suspended(world: World) -> None:
    world.bench.one(
        SuspendUser(
            account=str(world.names["second_admin_alias"]), reason="a drill: suspended before the fault"
        ),
        world.bench.market.admin.id,
    )


def _by_one_let_stand(world: World) -> None:
    """A role came past the entrance and the operator let it stand; from then on its holder is an admin like any other."""
    holder, other = world.bench.person("buyer"), world.bench.person("buyer")
    world.inject(
        (
            "INSERT INTO role_history (id, utid, user_id, role_before, role_after, assigned_by, reason, at) SELECT "
            f"max(id) + 1, '20261124-120001-adm-zzzzzz', {holder}, 'buyer', 'admin', {{admin}}, '{_WHY}', max(at) FROM role_history",
            f"UPDATE user_state SET role = 'admin' WHERE user_id = {holder}",
        )
    )
    world.turn()
    curing.settle(world)
    change = ChangeRole(
        account=world.alias_of(other), role="farmer", reason="a drill: changed by one let stand"
    )
    world.bench.one(change, holder)


def _changed(
    *,
    whose: str,
    by: str,
    role_of_who: str,
    becomes: str,
    why: str = _WHY,
    said: str = "",
    command: str = "change_role",
) -> tuple[str, ...]:
    """A change of a role, with its rows; `said` is who the history says gave it."""
    return (
        "INSERT INTO role_history (id, utid, user_id, role_before, role_after, assigned_by, reason, at) SELECT "
        f"(SELECT max(id) + 1 FROM role_history), {_UTID}, s.user_id, s.role, '{becomes}', {{{said or by}}}, '{why}', "
        f"(SELECT max(at) FROM journal) FROM user_state s WHERE s.user_id = {{{whose}}}",
        # A change of role ends the sessions, a set-up ends none.
        f"UPDATE user_state SET role = '{becomes}', session_generation = session_generation + "
        f"{int(command == 'change_role')} WHERE user_id = {{{whose}}}",
        logged(_UTID, action=command, actor_id=f"{{{by}}}", subject=f"{{{whose}_alias}}"),
        *journal_row(
            utid=_UTID,
            command=command,
            actor_id=f"{{{by}}}",
            actor=f"{{{by}_alias}}",
            role=role_of_who,
            subject=f"{{{whose}_alias}}",
            reason=f"'{_WHY}'",
        ),
    )


FAULTS = (
    Fault(
        "role that its holder gave",
        "3.1",
        _changed(whose="changed", by="changed", role_of_who="farmer", becomes="admin"),
        # Who did it was no admin, and might not have done it.
        (_ROLES_STOP, _COMMAND_STOPS, Stopped("2.2", EVERYTHING, ADMIN)),
    ),
    Fault(
        "admin's own role, by the admin",
        "3.1",
        _changed(whose="second_admin", by="second_admin", role_of_who="admin", becomes="buyer"),
        (_ROLES_STOP, _COMMAND_STOPS),
    ),
    Fault(
        "second operator",
        "3.1",
        _changed(whose="changed", by="admin", role_of_who="admin", becomes="operator"),
        (_ROLES_STOP,),
        before=_by_one_let_stand,
    ),
    Fault(
        "role that was given without a reason",
        "3.1",
        _changed(whose="changed", by="admin", role_of_who="admin", becomes="buyer", why=" "),
        (_ROLES_STOP,),
    ),
    Fault(
        "role that the history says another admin gave",
        "3.1",
        _changed(whose="changed", by="admin", role_of_who="admin", becomes="buyer", said="second_admin"),
        (_ROLES_STOP,),
    ),
    Fault(
        "role by an admin who was suspended",
        "3.1",
        _changed(whose="changed", by="second_admin", role_of_who="admin", becomes="buyer"),
        (_ROLES_STOP, _COMMAND_STOPS, Stopped("2.2", EVERYTHING, ADMIN)),
        before=_suspended,
    ),
    Fault(
        "role that a second set-up gave",
        "3.1",
        _changed(whose="changed", by="changed", role_of_who="farmer", becomes="admin", command="set_up"),
        (
            _ROLES_STOP,
            Stopped("2.1", COMMAND, STOPPABLE, key="set_up"),
            # A set-up makes accounts, and is no admin's act.
            Stopped("4.2", COMMAND, STOPPABLE, key="set_up"),
            Stopped("8.1", COMMAND, STOPPABLE, key="set_up"),
            Stopped("2.2", EVERYTHING, ADMIN),
        ),
    ),
)
