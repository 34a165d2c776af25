"""5.3 the rate-limit log is immutable: who tried to go past the limits, hidden."""

from watchkeeper.bootstrap.drills.faults.model import EVERYTHING, Fault, Stopped, without
from watchkeeper.bootstrap.drills.faults.parts import WALLETS_STOP

_STOPS = (
    Stopped("5.3", EVERYTHING, frozenset(["deposit", "withdraw", "lock", "listing", "offer"]), seen="whole"),
    WALLETS_STOP,
)
_ONE = "(SELECT min(id) FROM rate_limit_hits WHERE actor = '{pest_alias}')"


def _edited(name: str, what: str) -> Fault:
    statement = f"UPDATE rate_limit_hits SET {what} WHERE id = {_ONE}"
    return Fault(name, "5.3", without("rate_limit_hits_refuses_update", statement), _STOPS)


FAULTS = (
    _edited("count changed", "count = count + 5"),
    _edited("actor exchanged", "actor = '{neighbour_alias}'"),
    _edited("instant moved", "at = at - 3600000000"),
    Fault(
        "hit deleted",
        "5.3",
        without("rate_limit_hits_refuses_delete", f"DELETE FROM rate_limit_hits WHERE id = {_ONE}"),
        _STOPS,
    ),
)
