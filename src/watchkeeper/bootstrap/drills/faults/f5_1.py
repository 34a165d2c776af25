"""5.1 the admin log is immutable: what people with power did, made to look otherwise."""

from watchkeeper.bootstrap.drills.faults.model import EVERYTHING, Fault, Stopped, without
from watchkeeper.bootstrap.drills.faults.parts import ADMIN, WALLETS_STOP

_STOPS = (Stopped("5.1", EVERYTHING, ADMIN, seen="whole"), WALLETS_STOP)
_ONE = "(SELECT max(id) - 1 FROM admin_actions)"


def _edited(name: str, what: str) -> Fault:
    statement = f"UPDATE admin_actions SET {what} WHERE id = {_ONE}"
    return Fault(name, "5.1", without("admin_actions_refuses_update", statement), _STOPS)


FAULTS = (
    _edited("reason rewritten", "reason = 'the farmer had asked for it'"),
    _edited("actor exchanged", "actor_id = {second_admin}"),
    _edited("instant moved", "at = at - 3600000000"),
    Fault(
        "row deleted",
        "5.1",
        without("admin_actions_refuses_delete", f"DELETE FROM admin_actions WHERE id = {_ONE}"),
        _STOPS,
    ),
)
