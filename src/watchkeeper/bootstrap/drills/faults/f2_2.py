"""2.2 admins are who they say: an admin's act by somebody who was none then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import COMMAND, EVERYTHING, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import ADMIN, STOPPABLE, journal_row, logged, notice
from watchkeeper.market.commands import SuspendUser

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_UTID = "'20261124-120000-adm-zzzzzz'"
_LISTING_UTID = "(SELECT utid FROM listings WHERE id = {idle_listing})"
_TAKEN_OFF = (
    f"INSERT INTO unit_steps (id, utid, unit_id, step, at) SELECT (SELECT max(id) FROM unit_steps) + number, {_UTID}, id, "
    "'cancelled', (SELECT max(at) FROM journal) FROM units WHERE listing_id = {idle_listing}"
)
_STOPS = (
    Stopped("2.2", EVERYTHING, ADMIN),
    # Who is no admin is not let send a notice either.
    Stopped("2.1", COMMAND, STOPPABLE, key="send_notice"),
)


def _suspended(world: World) -> None:
    world.bench.one(
        SuspendUser(
            account=str(world.names["second_admin_alias"]), reason="a drill: suspended before the fault"
        ),
        world.bench.market.admin.id,
    )


def _notice(name: str, role: str, *, logs: str = "") -> tuple[str, ...]:
    """A notice with its rows; `logs` is whose the admins' log says it was."""
    return (
        notice(_UTID),
        logged(_UTID, action="send_notice", actor_id=f"{{{logs or name}}}"),
        *journal_row(
            utid=_UTID,
            command="send_notice",
            actor_id=f"{{{name}}}",
            actor=f"{{{name}_alias}}",
            role=role,
            subject="everybody",
            reason="'as the forger would have it'",
        ),
    )


FAULTS = (
    Fault("notice by a farmer", "2.2", _notice("farmer", "farmer"), _STOPS),
    Fault("notice by a farmer who calls himself an admin", "2.2", _notice("farmer", "admin"), _STOPS),
    Fault(
        "notice by an admin who was suspended",
        "2.2",
        _notice("second_admin", "admin"),
        _STOPS,
        before=_suspended,
    ),
    Fault(
        "notice by a farmer that the log calls an admin's",
        "2.2",
        _notice("farmer", "farmer", logs="admin"),
        (*_STOPS, Stopped("8.1", COMMAND, STOPPABLE, key="send_notice")),
    ),
    Fault(
        "listing taken off by the operator, which only an admin does",
        "2.2",
        (
            _TAKEN_OFF,
            logged(
                _UTID,
                action="remove_listing",
                actor_id="{operator}",
                subject="listing {idle_listing}",
                target=_LISTING_UTID,
            ),
            *journal_row(
                utid=_UTID,
                command="remove_listing",
                actor_id="{operator}",
                actor="{operator_alias}",
                role="operator",
                subject="listing {idle_listing}",
                target=_LISTING_UTID,
                reason="'as the forger would have it'",
            ),
            "UPDATE unit_state SET status = 'cancelled' WHERE unit_id IN "
            "(SELECT id FROM units WHERE listing_id = {idle_listing})",
        ),
        (Stopped("2.2", EVERYTHING, ADMIN), Stopped("2.1", COMMAND, STOPPABLE, key="remove_listing")),
        spoils=frozenset(["listing's end"]),
    ),
)
